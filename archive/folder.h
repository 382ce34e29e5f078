/* A store in a folder: what is known in SQLite (archive.sqlite), vectors in files beside it. docs/archive.md
 * has the format. One process writes (writer.lock); any number read meanwhile. */
#ifndef CLIPMOE_ARCHIVE_FOLDER_H
#define CLIPMOE_ARCHIVE_FOLDER_H

#include "folder-repair.h"
#include "store.h"

/* As clipmoe_store_open() for a folder. */
ClipmoeStore *clipmoe_folder_open (const char *dir, ClipmoeStoreAccess access, guint wait_seconds,
                                   GError **error);
#endif
