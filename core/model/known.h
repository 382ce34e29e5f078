/* Checkpoints that were read before: their fingerprint by device, inode, size and times of their files, so
 * that nothing is read twice to learn what it is. */
#ifndef CLIPMOE_KNOWN_H
#define CLIPMOE_KNOWN_H

#include <glib.h>

typedef struct {
  char fingerprint[65];
  float logit_scale;
} ClipmoeKnown;

/* What tells @weights, a file or an index of shards, from every other state of it; NULL: not there. Free with
 * g_free(). @settled: (out) (optional): all was last changed so long ago that a change from now on would give
 * another key. */
char *clipmoe_known_key (const char *weights, gboolean *settled);
gboolean clipmoe_known_find (const char *key, ClipmoeKnown *known);
void clipmoe_known_add (const char *key, const ClipmoeKnown *known);

#endif
