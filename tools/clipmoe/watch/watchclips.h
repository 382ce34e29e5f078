/* The folder of a camera's recordings. clips.jsonl lists what was written there, and only that is ever
 * deleted. */
#ifndef CLIPMOE_WATCH_CLIPS_H
#define CLIPMOE_WATCH_CLIPS_H

#include <clipmoe/error.h>

typedef struct _WatchClips WatchClips;

/* Makes the folder where it is missing, and deletes what is too old or too much. @days, @bytes: what is kept;
 * 0 = all. */
WatchClips *watch_clips_open (const char *folder, double days, double bytes, GError **error);
void watch_clips_free (WatchClips *self); /* NULL: nothing */
const char *watch_clips_get_folder (const WatchClips *self);
/* (transfer full): the path of a recording that began at @utc (µs), the @n-th try for a free name. */
char *watch_clips_path (const WatchClips *self, gint64 utc, const char *ending, guint n);
/* Enters what was written, and deletes what is too old or too much. @clip: its path, @bytes its size;
 * @snapshot: a JPEG to be written beside it, or NULL; @labels, @events: what was open in it, and the ids of
 * those events, NULL-terminated. */
gboolean watch_clips_add (WatchClips *self, const char *clip, guint64 bytes, GBytes *snapshot, gint64 start,
                          gint64 end, const char *const *labels, const char *const *events, GError **error);

/* Deletes what has become too old. FALSE: the list cannot be written. */
gboolean watch_clips_prune (WatchClips *self, GError **error);

#endif
