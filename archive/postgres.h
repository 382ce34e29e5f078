/* A store in PostgreSQL: for workers on any number of machines, and for readers that keep a local mirror of
 * the vectors. docs/archive.md has the tables. */
#ifndef CLIPMOE_ARCHIVE_POSTGRES_H
#define CLIPMOE_ARCHIVE_POSTGRES_H

#include "store.h"

/* As clipmoe_store_open() for postgresql://… . A server that cannot be reached is tried again for
 * @wait_seconds. UNSUPPORTED where clipmoe was built without libpq. */
ClipmoeStore *clipmoe_postgres_open (const char *uri, ClipmoeStoreAccess access, guint wait_seconds,
                                     GError **error);

#endif
