/* Checkpoints that were read before, in the cache folder: fingerprint by device, inode, size and times of the
 * files, so that a file need not be read again to be identified. Any thread; an error reads as "not known".
 */
#ifndef CLIPMOE_KNOWN_H
#define CLIPMOE_KNOWN_H

#include <glib.h>

typedef struct {
  char fingerprint[65];
  float logit_scale;
} ClipmoeKnown;

/* The key of @weights, a file or an index of shards, in its present state; NULL: not there. Free with
 * g_free(). @settled: (out) (optional): whether any change from now on gives another key, as the last one is
 * older than the resolution of file times. */
char *clipmoe_known_key (const char *weights, gboolean *settled);
gboolean clipmoe_known_find (const char *key, ClipmoeKnown *known);
void clipmoe_known_add (const char *key, const ClipmoeKnown *known);

#endif
