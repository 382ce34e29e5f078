/* When a file was recorded, by its name, or by what a camera wrote into it. */
#ifndef CLIPMOE_INDEX_DATE_H
#define CLIPMOE_INDEX_DATE_H

#include <glib.h>

/* The date in @name (a file's, without folders) as cameras, phones and recorders write it: 20261130_101500,
 * VID_20261130_101500.mp4, 2026-11-30 10.15.00, 2026-11-30T10:15:00, 20261130101500, and without a time
 * VID-20261130-WA0001 and 2026-11-30, which stands for midnight. It is local time; PXL_… of Google's phones
 * is UTC. FALSE: none, or one that there is not. *utc: microseconds since 1970. */
gboolean clipmoe_index_date (const char *name, gint64 *utc);
/* EXIF's "2026:11:30 10:15:00" and its offset, "+01:00" or empty: local time then. FALSE: no such time, or
 * none at which anybody can have taken a picture, as of a camera whose clock was never set. */
gboolean clipmoe_index_date_taken (const char *taken, const char *offset, gint64 *utc);

#endif
