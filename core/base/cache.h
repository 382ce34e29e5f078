/* The user's cache folder, $XDG_CACHE_HOME/clipmoe: ours and closed to others, or none. Whatever stands in it
 * may be deleted or damaged at any time; nothing but time depends on it. */
#ifndef CLIPMOE_CACHE_H
#define CLIPMOE_CACHE_H

#include <glib.h>

/* Where @name is or would be; NULL: there is no folder and none can be made. Free with g_free(). */
char *clipmoe_cache_path (const char *name);
/* A small file, NUL-terminated behind *length; NULL: not there, not readable, larger than @limit. */
char *clipmoe_cache_read (const char *name, gsize limit, gsize *length);
/* Whole or not at all; that it failed is no error. */
void clipmoe_cache_write (const char *name, const char *text);

/* Files @prefix* share a room: the smaller of 8 GB and a tenth of the free space. Deletes those that were not
 * used for longest, and what writers that died have left, until @bytes more fit. FALSE: they never will. */
gboolean clipmoe_cache_make_room (const char *prefix, guint64 bytes);
/* The same for a room of @most bytes. */
gboolean clipmoe_cache_make_room_within (const char *prefix, guint64 bytes, guint64 most);
/* @path is used now. */
void clipmoe_cache_touch (const char *path);

#endif
