/* The tests of a store that every implementation must pass. */
#ifndef STORE_SUITE_H
#define STORE_SUITE_H

#include <store.h>

/* (transfer full): the place of a store that does not exist yet. */
typedef char *(*StoreFresh) (void);

/* Adds the tests under /@name. */
void store_suite (const char *name, StoreFresh fresh);

#define SUITE_MODEL "tiny@0123456789ab"
#define SUITE_EMBED 24

/* What several tests need. An error fails the test. */
ClipmoeStore *suite_open (const char *where, ClipmoeStoreAccess access);
/* Opened for writing, with SUITE_MODEL. */
ClipmoeStore *suite_write (const char *where);
/* A file with this content in the test's folder, as it is claimed; free with clipmoe_store_file_free(). */
ClipmoeStoreFile *suite_file (const char *name, const char *content);
/* As it lies there by now. */
ClipmoeStoreFile *suite_file_at (const char *name);
gint64 suite_claim (ClipmoeStore *store, const ClipmoeStoreFile *file, ClipmoeClaim expected);
/* Puts @n moments of one second each from second @second on; vectors number @number.. (place.h). */
void suite_put (ClipmoeStore *store, gint64 take, guint64 number, guint n, gint64 second);
/* The same of a live source: the first frame's UTC is @at. */
void suite_put_at (ClipmoeStore *store, gint64 take, guint64 number, guint n, gint64 second, gint64 at);
void suite_finish (ClipmoeStore *store, gint64 take, gint64 recorded);
/* Claims, puts @n, finishes. */
void suite_index (ClipmoeStore *store, const ClipmoeStoreFile *file, guint64 number, guint n);
/* The moments that are found, by row: (element-type ClipmoeFound). Checks that each row's vector is that of
 * its number, which suite_put() made the moment's time in microseconds behind whole seconds. */
GPtrArray *suite_found (ClipmoeStore *store, const ClipmoeFilter *filter);
guint suite_count (ClipmoeStore *store);
/* Fails the test with each fault. */
void suite_verify (ClipmoeStore *store);

/* (transfer full): a path in the folder of the test's own, which suite_end() deletes with all stores in it.
 */
char *suite_place (const char *name);
void suite_end (void);

/* (transfer full): a folder that does not exist yet. */
char *suite_fresh_folder (void);
/* (transfer full): a closed store in a folder, with files "file 0"… of @n moments; vectors from number
 * SUITE_PER_FILE times the file's on. */
char *suite_make (guint files, guint n);
#define SUITE_PER_FILE 2000

/* Runs SQL in the database at @path, by another program. */
void suite_run_sqlite (const char *path, const char *statements);

/* Moments beside one, in a store that does not exist yet (store_beside.c). */
void store_beside_test (const char *where);
/* Filters, in a store that does not exist yet (store_filters.c). */
void store_filters_test (const char *where);

#endif
