/* Which implementation a store's place means. */
#include <string.h>
#include <base/uri.h>
#include "folder.h"
#include "store.h"

ClipmoeStore *
clipmoe_store_open (const char *where, ClipmoeStoreAccess access, guint wait_seconds, GError **error) {
  if (!where || !*where) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "No store: expected a folder");
    return NULL;
  }
  if (strstr (where, "://")) {
    char *shown = clipmoe_uri_without_login (where);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "Store %s: unknown, expected a folder", shown);
    g_free (shown);
    return NULL;
  }
  return clipmoe_folder_open (where, access, wait_seconds, error);
}
