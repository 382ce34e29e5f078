/* Cuts a stretch out of a video: its pictures and sound as they are, from a key frame on, or decoded and
 * encoded anew at exact times. */
#ifndef CLIPMOE_CUTTER_H
#define CLIPMOE_CUTTER_H

#include <clipmoe/error.h>

typedef struct _ClipmoeCutter ClipmoeCutter;

/* Opens the file behind the descriptor @fd, which is kept open by the caller, and finds the key frame at or
 * before @start (ns of stream time). @exact: decodes instead, to begin at @start itself. Errors name the file
 * @name. GStreamer is initialised. */
ClipmoeCutter *clipmoe_cutter_open (int fd, const char *name, gint64 start, gboolean exact, GError **error);
void clipmoe_cutter_free (ClipmoeCutter *self); /* NULL: nothing */
/* "mp4" or "mkv": what the streams can be in. */
const char *clipmoe_cutter_get_ending (const ClipmoeCutter *self);
/* Writes all up to @end into the file @path; without @exact it has all pictures that are shown before @end,
 * and may have a few behind it. Once. */
gboolean clipmoe_cutter_write (ClipmoeCutter *self, gint64 end, const char *path, GError **error);
/* After writing: whether players turn the original's pictures and not those of the clip, because no muxer
 * writes the tag that says so. */
gboolean clipmoe_cutter_is_turned (const ClipmoeCutter *self);

#endif
