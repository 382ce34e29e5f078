/* Checks the reading of structures from programs with other headers: a shorter one is read with zeros for
 * what it lacks, a longer one is read if its unknown part is zero, and others are refused with the code that
 * clipmoe.h names. Also the version numbers. */
#include <base/structs.h>
#include <clipmoe/version.h>
#include <string.h>

typedef struct {
  gsize struct_size;
  guint first;
  double second; /* came later */
} Today;

#define LEAST CLIPMOE_SIZE_UP_TO (Today, first)

static void
taken (const void *given, guint first, double second) {
  Today own;
  GError *error = NULL;
  memset (&own, 0xff, sizeof own);
  g_assert_true (clipmoe_struct_read ("Today", given, LEAST, &own, sizeof own, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (own.struct_size, ==, sizeof own);
  g_assert_cmpuint (own.first, ==, first);
  g_assert_cmpfloat (own.second, ==, second);
}

static void
refused (const void *given, ClipmoeError code, const char *message) {
  Today own;
  GError *error = NULL;
  g_assert_false (clipmoe_struct_read ("Today", given, LEAST, &own, sizeof own, &error));
  g_assert_error (error, CLIPMOE_ERROR, (gint)code);
  g_assert_cmpstr (error->message, ==, message);
  g_error_free (error);
  g_assert_false (clipmoe_struct_read ("Today", given, LEAST, &own, sizeof own, NULL));
}

static void
older (void) {
  gsize size = LEAST;
  guint first = 7;
  guint8 *given = g_malloc (LEAST); /* no byte behind it, which a sanitizer sees */
  memcpy (given, &size, sizeof size);
  memcpy (given + sizeof size, &first, sizeof first);
  taken (given, 7, 0);
  size = LEAST - 1;
  memcpy (given, &size, sizeof size);
  refused (given, CLIPMOE_ERROR_ARGUMENT,
           "Today: struct_size is 11, expected sizeof (Today), 12 bytes or more");
  memset (given, 0, sizeof size);
  refused (given, CLIPMOE_ERROR_ARGUMENT,
           "Today: struct_size is 0, expected sizeof (Today), 12 bytes or more");
  g_free (given);
}

static void
same (void) {
  Today given = {.struct_size = sizeof given, .first = 3, .second = 0.5};
  taken (&given, 3, 0.5);
  taken (NULL, 0, 0);
}

static void
newer (void) {
  struct {
    Today known;
    double third;
  } given = {{.struct_size = sizeof given, .first = 3, .second = 0.5}, 0};
  taken (&given, 3, 0.5);
  given.third = 1; /* its last byte but one is not 0 */
  refused (
      &given, CLIPMOE_ERROR_UNSUPPORTED,
      "Today: byte 30 is set, expected a field among the 24 bytes that this version of libclipmoe knows");
}

/* Never initialised: nothing behind the structure is read, which may end there. */
static void
absurd (void) {
  static const gsize sizes[] = {65537, G_MAXSSIZE, G_MAXSIZE};
  guint8 *given = g_malloc0 (sizeof (Today));
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    char *message = g_strdup_printf (
        "Today: struct_size is %" G_GSIZE_FORMAT ", expected sizeof (Today), 65536 bytes or less", sizes[i]);
    memcpy (given, &sizes[i], sizeof sizes[i]);
    refused (given, CLIPMOE_ERROR_ARGUMENT, message);
    g_free (message);
  }
  g_free (given);
}

/* In an array of structures of another size the next one may lie anywhere. */
static void
unaligned (void) {
  const Today one = {.struct_size = sizeof one, .first = 3, .second = 0.5};
  guint8 bytes[sizeof one + 1];
  memcpy (bytes + 1, &one, sizeof one);
  taken (bytes + 1, 3, 0.5);
}

static void
version (void) {
  char *numbers =
      g_strdup_printf ("%d.%d.%d", CLIPMOE_VERSION_MAJOR, CLIPMOE_VERSION_MINOR, CLIPMOE_VERSION_MICRO);
  g_assert_cmpstr (clipmoe_version (), ==, CLIPMOE_VERSION);
  g_assert_cmpstr (clipmoe_version (), ==, numbers);
  g_assert_true (CLIPMOE_CHECK_VERSION (0, 0, 9));
  g_assert_true (CLIPMOE_CHECK_VERSION (CLIPMOE_VERSION_MAJOR, CLIPMOE_VERSION_MINOR, CLIPMOE_VERSION_MICRO));
  g_assert_false (
      CLIPMOE_CHECK_VERSION (CLIPMOE_VERSION_MAJOR, CLIPMOE_VERSION_MINOR, CLIPMOE_VERSION_MICRO + 1));
  g_assert_false (CLIPMOE_CHECK_VERSION (CLIPMOE_VERSION_MAJOR, CLIPMOE_VERSION_MINOR + 1, 0));
  g_assert_false (CLIPMOE_CHECK_VERSION (CLIPMOE_VERSION_MAJOR + 1, 0, 0));
  g_free (numbers);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/structs/older", older);
  g_test_add_func ("/structs/same", same);
  g_test_add_func ("/structs/newer", newer);
  g_test_add_func ("/structs/absurd", absurd);
  g_test_add_func ("/structs/unaligned", unaligned);
  g_test_add_func ("/version", version);
  return g_test_run ();
}
