/* The user's cache folder, $XDG_CACHE_HOME/clipmoe, which may be a link to another one. Whatever stands in it
 * may be deleted, cut, changed or replaced at any time, while it is read, too; nothing but time depends on
 * it. What is not a plain file of the user's own is not read, and files that do not have names of ours are
 * left alone. A folder that we did not make is used with the rights that it has, for nothing in it is
 * trusted. */
#ifndef CLIPMOE_CACHE_H
#define CLIPMOE_CACHE_H

#include "temporary.h"

typedef enum {
  CLIPMOE_CACHE_PACKED,  /* large */
  CLIPMOE_CACHE_KNOWN,   /* words */
  CLIPMOE_CACHE_VERDICT, /* words */
} ClipmoeCacheKind;

/* The name of an entry by its key, at least 32 hex digits. Free with g_free(). */
char *clipmoe_cache_name (ClipmoeCacheKind kind, const char *key);
/* Where @name is or would be; NULL (IO): one sentence why there is no folder. Free with g_free(). */
char *clipmoe_cache_path (const char *name, GError **error);

/* A descriptor for reading and the file's size; -1: not there, or nothing of ours. */
int clipmoe_cache_open (const char *name, guint64 *size);
/* @fd was used now: others go first when room is needed. */
void clipmoe_cache_touch (int fd);
/* Deletes an entry that is not what was written. */
void clipmoe_cache_drop (const char *name);

/* Words, NUL-terminated; NULL: not there, or not what was written. */
char *clipmoe_cache_read (const char *name);
/* Whole or not at all. The words of a kind that were not used for longest go where there are too many. That
 * it failed is no error. */
void clipmoe_cache_write (ClipmoeCacheKind kind, const char *name, const char *words);

/* A new entry: begun, filled by the caller through its descriptor, and given its name if it is @whole; else,
 * or when that fails, nothing is left of it. */
gboolean clipmoe_cache_begin (ClipmoeTemporary *file, GError **error);
gboolean clipmoe_cache_end (ClipmoeTemporary *file, const char *name, gboolean whole, GError **error);

/* Entries of a kind share a room: the smaller of 8 GB and a tenth of the free space. Deletes those that were
 * not used for longest, and what writers that died have left, until @bytes more fit. FALSE: they never will.
 */
gboolean clipmoe_cache_make_room (ClipmoeCacheKind kind, guint64 bytes, GError **error);
/* The same for a room of @most bytes. */
gboolean clipmoe_cache_make_room_within (ClipmoeCacheKind kind, guint64 bytes, guint64 most);

#endif
