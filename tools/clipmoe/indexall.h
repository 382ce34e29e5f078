/* A run over all that a user named, and what comes afterwards where folders are watched. */
#ifndef CLIPMOE_INDEX_ALL_H
#define CLIPMOE_INDEX_ALL_H

#include "indexfile.h"
#include "indexturns.h"

typedef struct {
  ClipmoeIndexRun run; /* its store is that of `turns` */
  ClipmoeIndexTurns turns;
  char *const *paths; /* NULL-terminated; "-": a list on standard input */
  const char *where;  /* the store, whose folder is not looked through */
  gboolean other_file_systems, watch;
  gboolean worker; /* registers what was named, and works at whatever waits */
  GPtrArray *more; /* (nullable) (element-type filename): files to be looked at besides */
} ClipmoeIndexAll;

/* FALSE: it cannot go on; no @error: said. Returns TRUE also where it was stopped (indexstop.h). The
 * store may be closed afterwards. */
gboolean clipmoe_index_all (ClipmoeIndexAll *self, GError **error);

#endif
