/* The packed weights of both towers in one piece of memory of our own, and the file of the cache folder that
 * keeps them. Such a file is never mapped: a process that truncates it would kill the host, and one that
 * changes it would change the answers. It is read, and a checksum says whether it is what was written. */
#ifndef CLIPMOE_STORE_H
#define CLIPMOE_STORE_H

#include <glib.h>

/* Another one whenever the file's form changes. */
#define CLIPMOE_PACKED_VERSION 3
/* For the key: what kind of entry this is. */
#define CLIPMOE_PACKED_ENTRY "packed " G_STRINGIFY (CLIPMOE_PACKED_VERSION)

typedef struct _ClipmoePackedWeights ClipmoePackedWeights; /* reference counted; any thread */

/* The file of that key (clipmoe_cache_key()): sizes and arithmetics, without weights. NULL: not there, or
 * damaged. A damaged one is deleted, and *damaged (free with g_free()) then is its path. */
ClipmoePackedWeights *clipmoe_packed_weights_find (const char *key, char **damaged);
/* Reads and checks all of it on @threads threads of the pool. FALSE: no memory, or damaged, as above. */
gboolean clipmoe_packed_weights_load (ClipmoePackedWeights *self, guint threads, char **damaged);
/* Zeros to be filled. @key: NULL when it is never written; sizes: multiples of 64; @arithmetics: a byte a
 * matrix, of both towers. NULL: no memory. */
ClipmoePackedWeights *clipmoe_packed_weights_new (const char *key, gsize image_bytes, gsize text_bytes,
                                                  const guint8 *arithmetics, guint n_arithmetics);
ClipmoePackedWeights *clipmoe_packed_weights_ref (ClipmoePackedWeights *self);
void clipmoe_packed_weights_unref (ClipmoePackedWeights *self);

/* The weights of the towers, once loaded or made. Borrowed, 64-byte aligned. */
gpointer clipmoe_packed_weights_get_image (ClipmoePackedWeights *self);
gpointer clipmoe_packed_weights_get_text (ClipmoePackedWeights *self);
/* Whether the towers' weights have these sizes. */
gboolean clipmoe_packed_weights_fits (const ClipmoePackedWeights *self, gsize image_bytes, gsize text_bytes);
const guint8 *clipmoe_packed_weights_get_arithmetics (const ClipmoePackedWeights *self, guint *n);

/* Writes a filled one, which has a key, into the cache folder from a thread of its own, which keeps a
 * reference. Failure costs nothing but time. */
void clipmoe_packed_weights_write (ClipmoePackedWeights *self);
/* Waits for all such threads of this process; a forked child has none. */
void clipmoe_packed_weights_wait (void);
/* Why the last write that failed did, or NULL. Free with g_free(). */
char *clipmoe_packed_weights_why_not (void);

#endif
