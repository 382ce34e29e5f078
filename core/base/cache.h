/* The user's cache folder, $XDG_CACHE_HOME/clipmoe, which may be a link to another one. This module alone
 * knows what is in it. Its files may be deleted, truncated, changed or replaced at any time, even while
 * they are read; only speed depends on them. Only plain files of the user's own are read, and files whose
 * names are not ours are left alone. An existing folder is used with the access rights that it has, since
 * nothing in it is trusted.
 *
 * Any thread may call these functions; several processes may use the folder at once. */
#ifndef CLIPMOE_CACHE_H
#define CLIPMOE_CACHE_H

#include "temporary.h"

typedef enum {
  CLIPMOE_CACHE_PACKED,  /* packed weights, up to gigabytes */
  CLIPMOE_CACHE_KNOWN,   /* texts */
  CLIPMOE_CACHE_VERDICT, /* texts */
  CLIPMOE_CACHE_BANK,    /* vectors of words, about a megabyte each */
} ClipmoeCacheKind;

/* The name of an entry, made of its key of at least 32 hex digits. Free with g_free(). */
char *clipmoe_cache_name (ClipmoeCacheKind kind, const char *key);
/* The path of the entry @name, whether it exists or not; NULL (IO) when there is no cache folder. Free with
 * g_free(). */
char *clipmoe_cache_path (const char *name, GError **error);

/* Opens an entry for reading and sets *size to its bytes. Returns a descriptor, or -1 when it does not
 * exist or is not a file of this user. */
int clipmoe_cache_open (const char *name, guint64 *size);
/* Marks the entry as used now: those not used for longest are deleted first. */
void clipmoe_cache_touch (int fd);
/* Deletes an entry, which turned out to be damaged. */
void clipmoe_cache_drop (const char *name);

/* The text of an entry, whose checksum is verified; NULL when it does not exist or was changed. Free with
 * g_free(). */
char *clipmoe_cache_read (const char *name);
/* Writes a text entry, whole or not at all, and deletes the least recently used ones of its kind when there
 * are too many. Failing is no error. */
void clipmoe_cache_write (ClipmoeCacheKind kind, const char *name, const char *words);

/* Writes a new entry: clipmoe_cache_begin() creates a temporary file, the caller writes to its descriptor,
 * and clipmoe_cache_end() gives it its @name if it is @whole. Otherwise, or when that fails, the file is
 * deleted. */
gboolean clipmoe_cache_begin (ClipmoeTemporary *file, GError **error);
gboolean clipmoe_cache_end (ClipmoeTemporary *file, const char *name, gboolean whole, GError **error);

/* The entries of a kind may take the smaller of 8 GB and a tenth of the free space. Deletes the least
 * recently used ones, and what dead writers left, until @bytes more fit. FALSE: they cannot fit. */
gboolean clipmoe_cache_make_room (ClipmoeCacheKind kind, guint64 bytes, GError **error);
/* The same with @most bytes for all entries of the kind. */
gboolean clipmoe_cache_make_room_within (ClipmoeCacheKind kind, guint64 bytes, guint64 most);

#endif
