/* A store in a folder that does not open. */
#ifndef CLIPMOE_FOLDER_REPAIR_H
#define CLIPMOE_FOLDER_REPAIR_H

#include <clipmoe/error.h>

/* For a folder that does not open because its database is damaged: reads what can be read into a new one. The
 * old one stays beside it under another name, which @losses (element-type utf8) says, and everything else
 * that was lost. Does nothing where the database opens and holds together; clipmoe_store_repair() does the
 * rest. Refuses what is no archive of ours, and one of a newer version. */
gboolean clipmoe_folder_repair (const char *where, guint wait_seconds, GPtrArray *losses, GError **error);

#endif
