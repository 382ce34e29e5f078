/* Protects: a build without libpq says so in one sentence with the package to install, and without the
 * password. */
#include <glib.h>
#include <postgres.h>
#include <string.h>

int
main (void) {
  GError *error = NULL;
  g_assert_null (
      clipmoe_postgres_open ("postgresql://me:geheim@host/archive", CLIPMOE_STORE_READ, 0, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "postgresql://host/archive"));
  g_assert_nonnull (strstr (error->message, "libpq"));
  g_assert_null (strstr (error->message, "geheim"));
  g_error_free (error);
  return 0;
}
