/* A store that is read, for one thread: each lane has its own. All is of the store's newest state. */
#ifndef CLIPMOE_READER_H
#define CLIPMOE_READER_H

#include <store.h>

typedef struct {
  ClipmoeStore *store;
  GHashTable *found; /* id → ClipmoeStoreFile: what was looked up last */
} ClipmoeReader;

/* The store, and whether it is searched approximately (CLIPMOE_STORE_ANN). */
typedef struct {
  const char *where;
  gboolean ann;
} ClipmoeReaderPlace;

ClipmoeReader *clipmoe_reader_open (const ClipmoeReaderPlace *place, GError **error);
void clipmoe_reader_close (ClipmoeReader *self);
/* The newest state of the store, as clipmoe_store_refresh(). */
gboolean clipmoe_reader_refresh (ClipmoeReader *self, GError **error);
/* (transfer none): until the next call. NULL: ARGUMENT where there is none. */
const ClipmoeStoreFile *clipmoe_reader_find_file (ClipmoeReader *self, gint64 id, GError **error);
/* NULL: ARGUMENT where there is none. Free with clipmoe_found_free(). */
ClipmoeFound *clipmoe_reader_find (ClipmoeReader *self, gint64 moment, GError **error);

#endif
