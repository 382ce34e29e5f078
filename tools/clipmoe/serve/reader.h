/* A store that is read, for one thread: each lane has its own. */
#ifndef CLIPMOE_READER_H
#define CLIPMOE_READER_H

#include <store.h>

typedef struct {
  ClipmoeStore *store;
  GHashTable *files; /* id → ClipmoeStoreFile, as they were when read */
  gint64 files_read; /* µs, monotonic; 0: never */
  gboolean stale;    /* the store has changed since */
} ClipmoeReader;

/* @where: the store. */
ClipmoeReader *clipmoe_reader_open (const char *where, GError **error);
void clipmoe_reader_close (ClipmoeReader *self);
/* The newest state of the store, as clipmoe_store_refresh(). */
gboolean clipmoe_reader_refresh (ClipmoeReader *self, GError **error);
/* (transfer none): until the next call; of a state that is a second old at most. NULL: ARGUMENT where there
 * is none. @anew: what is remembered of it is wrong. */
const ClipmoeStoreFile *clipmoe_reader_find_file (ClipmoeReader *self, gint64 id, gboolean anew,
                                                  GError **error);
/* In the newest state of the store. NULL: ARGUMENT where there is none. Free with clipmoe_found_free(). */
ClipmoeFound *clipmoe_reader_find (ClipmoeReader *self, gint64 moment, GError **error);

#endif
