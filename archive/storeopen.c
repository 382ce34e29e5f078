/* Which implementation a store's place means. */
#include <string.h>
#include <base/uri.h>
#include "folder.h"
#include "postgres.h"
#include "store-private.h"

static gboolean
is_postgres (const char *where) {
  return g_ascii_strncasecmp (where, "postgresql://", 13) == 0 ||
         g_ascii_strncasecmp (where, "postgres://", 11) == 0;
}

ClipmoeStore *
clipmoe_store_open (const char *where, ClipmoeStoreAccess access, guint wait_seconds, GError **error) {
  if (!where || !*where) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "No store: expected a folder, or postgresql://HOST/DATABASE");
    return NULL;
  }
  if (is_postgres (where))
    return clipmoe_postgres_open (where, access, wait_seconds, error);
  if (strstr (where, "://")) {
    char *shown = clipmoe_uri_without_login (where);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "Store %s: unknown, expected a folder or postgresql://HOST/DATABASE", shown);
    g_free (shown);
    return NULL;
  }
  if (access == CLIPMOE_STORE_ANN) {
    clipmoe_store_refuse_ann (where, error);
    return NULL;
  }
  return clipmoe_folder_open (where, access, wait_seconds, error);
}
