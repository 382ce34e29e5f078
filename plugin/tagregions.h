/* Which regions of a frame are looked at: what detectors before the element left on the buffer as
 * GstVideoRegionOfInterestMeta or, where GStreamer has it, as GstAnalyticsODMtd. Their boxes and ids are
 * untrusted. */
#ifndef CLIPMOE_TAG_REGIONS_H
#define CLIPMOE_TAG_REGIONS_H

#include <gst/video/video.h>
#include <stream/objects.h>

/* Regions that are looked at in one frame. */
#define TAG_MOST_REGIONS 64
/* Regions of a buffer that are read. */
#define TAG_MOST_READ 1024
/* Objects that are remembered. */
#define TAG_MOST_OBJECTS 256

typedef struct {
  guint x, y, width, height; /* within the frame's planes, at least 1 x 1 */
  double part[4];            /* the same as fractions of what is shown of the frame */
  const char *type;          /* what the detector calls it, or NULL; not to be freed */
  guint mtd;                 /* its GstAnalyticsODMtd on this buffer, or CLIPMOE_NO_OBJECT */
  gboolean numbered;         /* there is an id … */
  gboolean tracked;          /* … of a tracker … */
  gboolean has_id;           /* … that no other region of this buffer has */
  gint64 id;
  guint64 asked; /* as clipmoe_objects_is_due() has it */
} TagRegion;

/* What to take of a frame's regions. */
typedef struct {
  const char *classes; /* separated by comma; NULL or empty: of any class */
  guint least;         /* pixels of the shorter side */
} TagRegionFilter;

/* Of one frame; the arrays are kept from frame to frame. All zero: no regions. */
typedef struct {
  GArray *all;     /* of TagRegion: those that could be looked at */
  GArray *due;     /* of TagRegion: those that are to be looked at now */
  guint too_small; /* below the filter's least */
  guint left_out;  /* empty, outside of what is shown, or too many */
} TagRegions;

void tag_regions_clear (TagRegions *self);
/* Fills `all` from the buffer's metas. */
void tag_regions_read (TagRegions *self, GstBuffer *buffer, const GstVideoInfo *info,
                       const TagRegionFilter *filter);
/* The GstAnalyticsODMtd that @look at a region says something of, for a buffer at stream time @time: the one
 * with its id or, where it has none, the one that was looked at in this very frame. Each is found once;
 * CLIPMOE_NO_OBJECT: there is none. */
guint tag_regions_take_object (TagRegions *self, const ClipmoeLook *look, guint64 time);
/* Fills `due`: who has waited longest first. @objects: what is known of them; @number of this frame and
 * @interval as clipmoe_objects_is_due() takes them. */
void tag_regions_choose (TagRegions *self, ClipmoeObjects *objects, guint64 number, guint interval);

#endif
