/* What stands for the PostgreSQL store in a build without libpq. */
#include <base/uri.h>
#include "postgres.h"

ClipmoeStore *
clipmoe_postgres_open (const char *uri, ClipmoeStoreAccess access, guint wait_seconds, GError **error) {
  char *shown = clipmoe_uri_without_login (uri);
  g_set_error (
      error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
      "Store %s: this clipmoe was built without PostgreSQL; install libpq (Debian: libpq-dev) and build "
      "it again",
      shown);
  g_free (shown);
  return NULL;
}
