/* A moment is a stretch of video that one vector stands for. Plain data, without GStreamer and without a
 * database. */
#ifndef CLIPMOE_MOMENT_H
#define CLIPMOE_MOMENT_H

#include <glib.h>

/* Why its frame stands for a moment. The numbers are kept in stores. */
typedef enum {
  CLIPMOE_WHY_ONLY = 1,   /* the moment has one look */
  CLIPMOE_WHY_MEDOID = 2, /* of its looks the one closest to all others */
  CLIPMOE_WHY_BLANK = 3,  /* all its frames are black, white or of one colour */
} ClipmoeWhy;

/* Times are stream time in ns; UTC times are microseconds since 1970, 0 = not known. */
typedef struct {
  gint64 start, end; /* end >= start; equal for a picture */
  gint64 time;       /* of the frame that stands for it */
  gint64 at;         /* UTC of that frame; for live sources */
  ClipmoeWhy why;
  guint looks;         /* how many looks it was made of */
  const float *vector; /* float32 [embed], a unit vector: of the frame at `time` */
  GBytes *thumbnail;   /* (nullable): that frame, upright, as JPEG; its longer side is 320 */
} ClipmoeMoment;

/* "only", "medoid", "blank"; "unknown" for another number. */
const char *clipmoe_why_name (ClipmoeWhy why);

#endif
