/* Protects: the folder store keeps what it is given, as every store must (store_suite.c). */
#include "place.h"
#include "store_suite.h"

static char *
fresh (void) {
  static guint number;
  char *name = g_strdup_printf ("store-%u", number++), *where = place (name);
  g_free (name);
  return where;
}

/* Folders of stores have files alone in them. */
static void
remove_stores (void) {
  GDir *dir = g_dir_open (place_folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *where = g_build_filename (place_folder, name, NULL);
    GDir *inner = g_dir_open (where, 0, NULL);
    for (const char *file; inner && (file = g_dir_read_name (inner));) {
      char *path = g_build_filename (where, file, NULL);
      g_unlink (path);
      g_free (path);
    }
    if (inner)
      g_dir_close (inner);
    g_free (where);
  }
  if (dir)
    g_dir_close (dir);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  store_suite ("folder", fresh);
  int failed = g_test_run ();
  if (place_folder)
    remove_stores ();
  place_end ();
  return failed;
}
