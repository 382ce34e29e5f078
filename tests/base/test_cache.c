/* Protects the cache folder: closed to others, bounded, with what was used longest ago out first, and free of
 * what dead writers left. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/cache.h"

#define MB (1 << 20)

static char *
put (const char *name, guint bytes, int age) {
  char *path = clipmoe_cache_path (name), *data = g_malloc0 (bytes);
  g_assert_nonnull (path);
  g_assert_true (g_file_set_contents (path, data, bytes, NULL));
  struct timespec times[2] = {{time (NULL) - age, 0}, {time (NULL) - age, 0}};
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  g_free (data);
  return path;
}

static gboolean
there (const char *path) {
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_room (void) {
  char *old = put ("room-a", MB, 300), *older = put ("room-b", MB, 400), *new = put ("room-c", MB, 10);
  char *other = put ("elsewhere", MB, 9999);
  g_assert_true (clipmoe_cache_make_room_within ("room-", 0, 3 * MB)); /* it fits as it is */
  g_assert_true (there (old) && there (older) && there (new));
  clipmoe_cache_touch (older); /* used: now `old` is the oldest */
  g_assert_true (clipmoe_cache_make_room_within ("room-", MB, 3 * MB));
  g_assert_true (!there (old) && there (older) && there (new));
  g_assert_false (clipmoe_cache_make_room_within ("room-", 4 * MB, 3 * MB)); /* never: nothing goes for it */
  g_assert_false (clipmoe_cache_make_room_within ("room-", G_MAXUINT64, 3 * MB));
  g_assert_true (there (older) && there (new));
  g_assert_true (clipmoe_cache_make_room_within ("room-", 3 * MB, 3 * MB));
  g_assert_true (!there (older) && !there (new) && there (other));
  g_assert_true (clipmoe_cache_make_room ("room-", 1));
  g_assert_false (clipmoe_cache_make_room ("room-", G_MAXUINT64 / 2));
  g_free (old);
  g_free (older);
  g_free (new);
  g_free (other);
}

static void
test_left_behind (void) {
  char *mine = g_strdup_printf ("left-x.tmp%d-1", (int)getpid ());
  char *living = put (mine, MB, 10), *dead = put ("left-x.tmp2147483600-1", MB, 10),
       *old = put ("left-y.tmp1-1", MB, 7200);
  g_assert_true (clipmoe_cache_make_room_within ("left-", 0, 100 * MB));
  g_assert_true (there (living) && !there (dead) && !there (old));
  g_free (mine);
  g_free (living);
  g_free (dead);
  g_free (old);
}

static void
test_folder (void) {
  char *path = clipmoe_cache_path ("x"), *folder = g_path_get_dirname (path);
  struct stat s;
  g_assert_cmpint (stat (folder, &s), ==, 0);
  g_assert_cmpint (s.st_mode & 0777, ==, 0700);
  g_assert_cmpint (chmod (folder, 0777), ==, 0);
  g_free (path);
  path = clipmoe_cache_path ("x");
  g_assert_nonnull (path);
  g_assert_cmpint (stat (folder, &s), ==, 0);
  g_assert_cmpint (s.st_mode & 0777, ==, 0700);
  g_free (path);
  /* a link that somebody put there is not followed */
  char *aside = g_strconcat (folder, ".aside", NULL);
  g_assert_cmpint (g_rename (folder, aside), ==, 0);
  g_assert_cmpint (symlink (aside, folder), ==, 0);
  g_assert_null (clipmoe_cache_path ("x"));
  g_assert_cmpint (g_unlink (folder), ==, 0);
  g_assert_cmpint (g_rename (aside, folder), ==, 0);
  if (geteuid () == 0) { /* nor is somebody else's folder used */
    g_assert_cmpint (chown (folder, 65534, 65534), ==, 0);
    g_assert_null (clipmoe_cache_path ("x"));
    g_assert_cmpint (chown (folder, 0, 0), ==, 0);
  }
  gsize n;
  clipmoe_cache_write ("small", "words");
  char *text = clipmoe_cache_read ("small", 100, &n);
  g_assert_cmpstr (text, ==, "words");
  g_assert_cmpuint (n, ==, 5);
  g_free (text);
  g_assert_null (clipmoe_cache_read ("small", 4, &n));
  g_assert_null (clipmoe_cache_read ("not there", 100, &n));
  g_free (folder);
  g_free (aside);
}

int
main (int argc, char **argv) {
  char *home = g_dir_make_tmp ("clipmoe-cache-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cache/room", test_room);
  g_test_add_func ("/cache/left-behind", test_left_behind);
  g_test_add_func ("/cache/folder", test_folder);
  int r = g_test_run ();
  char *command = g_strdup_printf ("rm -rf '%s'", home);
  if (system (command) != 0)
    r = 1;
  g_free (command);
  g_free (home);
  return r;
}
