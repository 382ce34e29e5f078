/* A store in a folder: what is known in SQLite (archive.sqlite), vectors in files beside it. docs/archive.md
 * has the format. One process writes (writer.lock); any number read meanwhile. */
#ifndef CLIPMOE_ARCHIVE_FOLDER_H
#define CLIPMOE_ARCHIVE_FOLDER_H

#include "store.h"

/* As clipmoe_store_open() for a folder. */
ClipmoeStore *clipmoe_folder_open (const char *dir, ClipmoeStoreAccess access, guint wait_seconds,
                                   GError **error);
/* For a folder that does not open because its database is damaged: reads what can be read into a new one. The
 * old one stays beside it under another name, which @losses (element-type utf8) says, and everything else
 * that was lost. Does nothing where the database opens and holds together; clipmoe_store_repair() does the
 * rest. Refuses what is no archive of ours, and one of a newer version. */
gboolean clipmoe_folder_repair (const char *dir, guint wait_seconds, GPtrArray *losses, GError **error);

#endif
