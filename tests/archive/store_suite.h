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
gint64 suite_claim (ClipmoeStore *store, const ClipmoeStoreFile *file, ClipmoeClaim expected);
/* Puts @n moments of one second each from second @second on; vectors number @number.. (place.h). */
void suite_put (ClipmoeStore *store, gint64 take, guint64 number, guint n, gint64 second);
void suite_finish (ClipmoeStore *store, gint64 take, gint64 recorded);
/* Claims, puts @n, finishes. */
void suite_index (ClipmoeStore *store, const ClipmoeStoreFile *file, guint64 number, guint n);
/* The moments that are found, by row: (element-type ClipmoeFound). Checks that each row's vector is that of
 * its number, which suite_put() made the moment's time in microseconds behind whole seconds. */
GPtrArray *suite_found (ClipmoeStore *store, const ClipmoeFilter *filter);
guint suite_count (ClipmoeStore *store);
/* Fails the test with each fault. */
void suite_verify (ClipmoeStore *store);

#endif
