/* Checks the cache folder: every kind of entry is bounded in size, the least recently used go first;
 * leftovers of killed writers are deleted and other people's files are not; an entry whose content is not
 * what was written counts as missing; the permissions of an existing folder stay; a folder that cannot be
 * used is named. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/cache.h"
#include "base/file.h"
#include "clipmoe/error.h"

#define MB (1 << 20)
#define KEY "0123456789abcdef0123456789abcde" /* and one digit */

static char *
at (const char *name) {
  char *path = clipmoe_cache_path (name, NULL);
  g_assert_nonnull (path);
  return path;
}

static void
set_age (const char *path, int age) {
  struct timespec times[2] = {{time (NULL) - age, 0}, {time (NULL) - age, 0}};
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

static char *
put (const char *name, guint bytes, int age) {
  char *path = at (name), *data = g_malloc0 (bytes);
  g_assert_true (g_file_set_contents (path, data, bytes, NULL));
  set_age (path, age);
  g_free (data);
  return path;
}

static gboolean
there (const char *path) {
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_room (void) {
  const ClipmoeCacheKind kind = CLIPMOE_CACHE_PACKED;
  char *old = put ("packed-" KEY "a", MB, 300), *new = put ("packed-" KEY "c", MB, 10),
       *older = put ("packed-" KEY "b-avx512-f32-0", MB, 400); /* as earlier versions named it */
  static const char *const others[] = {"packed-lunch",   "packed-0123", "packed-" KEY "a.txt",  "packed-" KEY,
                                       "known-" KEY "a", "notes.txt",   ".clipmoe-tmp-mine.txt"};
  char *other[G_N_ELEMENTS (others)];
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    other[i] = put (others[i], MB, 9999);
  g_assert_true (clipmoe_cache_make_room_within (kind, 0, 3 * MB)); /* it fits as it is */
  g_assert_true (there (old) && there (older) && there (new));
  guint64 size;
  int fd = clipmoe_cache_open ("packed-" KEY "b-avx512-f32-0", &size);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpuint (size, ==, MB);
  clipmoe_cache_touch (fd); /* used: now `old` is the oldest */
  close (fd);
  g_assert_true (clipmoe_cache_make_room_within (kind, MB, 3 * MB));
  g_assert_true (!there (old) && there (older) && there (new));
  g_assert_false (clipmoe_cache_make_room_within (kind, 4 * MB, 3 * MB)); /* never: nothing goes for it */
  g_assert_false (clipmoe_cache_make_room_within (kind, G_MAXUINT64, 3 * MB));
  g_assert_true (there (older) && there (new));
  g_assert_true (clipmoe_cache_make_room_within (kind, 3 * MB, 3 * MB));
  g_assert_true (!there (older) && !there (new));
  GError *error = NULL;
  g_assert_true (clipmoe_cache_make_room (kind, 1, &error));
  g_assert_false (clipmoe_cache_make_room (kind, G_MAXUINT64 / 2, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "do not fit"));
  g_clear_error (&error);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    g_assert_true (there (other[i]));
    g_assert_cmpint (g_unlink (other[i]), ==, 0);
    g_free (other[i]);
  }
  g_free (old);
  g_free (older);
  g_free (new);
}

/* What a writer leaves that is killed; what one that lives is at stays, in another process too. */
static void
test_left_behind (void) {
  ClipmoeTemporary mine;
  int up[2];
  char byte = 0;
  g_assert_true (clipmoe_cache_begin (&mine, NULL));
  g_assert_cmpint (pipe (up), ==, 0);
  pid_t child = fork ();
  if (child == 0) {
    ClipmoeTemporary its;
    close (mine.fd);
    alarm (60); /* should the parent fail */
    gsize n = clipmoe_cache_begin (&its, NULL) ? strlen (its.path) + 1 : 0;
    if (write (up[1], its.path, n) == (gssize)n)
      pause ();
    _exit (1);
  }
  char theirs[4096] = "";
  g_assert_cmpint (read (up[0], theirs, sizeof theirs), >, 0);
  char *foreign = put (".clipmoe-tmp-abcdeX", MB, 10), *old = put (".clipmoe-tmp-abcdeY", MB, 7200);
  int held = open (old, O_RDONLY | O_CLOEXEC); /* by a child of its writer, which does nothing with it */
  g_assert_cmpint (flock (held, LOCK_EX), ==, 0);
  g_assert_true (clipmoe_cache_make_room_within (CLIPMOE_CACHE_VERDICT, 0, 100 * MB));
  g_assert_true (there (mine.path) && there (theirs) && !there (foreign) && !there (old));
  close (held);
  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  clipmoe_cache_write (CLIPMOE_CACHE_KNOWN, "known-" KEY "0", "words"); /* any writing cleans up */
  g_assert_true (there (mine.path) && !there (theirs));
  g_assert_cmpint (write (mine.fd, &byte, 1), ==, 1);
  char *path = at ("packed-" KEY "0"), *temporary = g_strdup (mine.path);
  g_assert_true (clipmoe_cache_end (&mine, "packed-" KEY "0", TRUE, NULL));
  g_assert_true (there (path) && !there (temporary));
  g_assert_true (clipmoe_cache_begin (&mine, NULL));
  g_free (temporary);
  temporary = g_strdup (mine.path);
  g_assert_false (clipmoe_cache_end (&mine, "packed-" KEY "1", FALSE, NULL));
  g_assert_false (there (temporary));
  g_assert_cmpint (g_unlink (path), ==, 0);
  close (up[0]);
  close (up[1]);
  g_free (temporary);
  g_free (path);
  g_free (foreign);
  g_free (old);
}

static gboolean
says (const char *name, const char *words) {
  char *found = clipmoe_cache_read (name);
  gboolean ok = g_strcmp0 (found, words) == 0;
  g_free (found);
  return ok;
}

static void
test_words (void) {
  const char *name = "verdict-" KEY "0", *words = "one\ntwo\n";
  char *path = at (name), *text, *elsewhere = at ("elsewhere");
  gsize n;
  g_assert_null (clipmoe_cache_read (name));
  clipmoe_cache_write (CLIPMOE_CACHE_VERDICT, name, words);
  g_assert_true (says (name, words));
  g_assert_true (g_file_get_contents (path, &text, &n, NULL));
  for (gsize i = 0; i < n; i++) { /* any byte that is another one, cut anywhere */
    text[i] ^= 1;
    g_assert_true (g_file_set_contents (path, text, (gssize)n, NULL));
    g_assert_null (clipmoe_cache_read (name));
    text[i] ^= 1;
    g_assert_true (g_file_set_contents (path, text, (gssize)i, NULL));
    g_assert_null (clipmoe_cache_read (name));
  }
  char *longer = g_malloc0 (n + 1);
  memcpy (longer, text, n);
  for (const char *c = "x\n ";; c++) { /* a NUL too */
    longer[n] = *c;
    g_assert_true (g_file_set_contents (path, longer, (gssize)n + 1, NULL));
    g_assert_null (clipmoe_cache_read (name));
    if (!*c)
      break;
  }
  g_free (longer);
  g_assert_cmpint (truncate (path, 1 << 30), ==, 0); /* nor is a gigabyte of it read */
  g_assert_null (clipmoe_cache_read (name));
  g_assert_true (g_file_set_contents (elsewhere, text, (gssize)n, NULL));
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (symlink (elsewhere, path), ==, 0);
  g_assert_null (clipmoe_cache_read (name));
  clipmoe_cache_write (CLIPMOE_CACHE_VERDICT, name, "new"); /* in place of the link, not through it */
  g_assert_true (says (name, "new") && there (elsewhere));
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_assert_null (clipmoe_cache_read (name)); /* at once */
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_null (clipmoe_cache_read (name));
  clipmoe_cache_write (CLIPMOE_CACHE_VERDICT, name, words);
  clipmoe_cache_drop (name);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_DIR));
  g_assert_cmpint (g_rmdir (path), ==, 0);
  g_assert_true (g_file_set_contents (path, text, (gssize)n, NULL));
  g_assert_true (says (name, words));
  if (geteuid () == 0) { /* what somebody else wrote is not believed */
    g_assert_cmpint (chown (path, 65534, 65534), ==, 0);
    g_assert_null (clipmoe_cache_read (name));
  }
  clipmoe_cache_drop (name);
  g_assert_false (there (path));
  g_assert_cmpint (g_unlink (elsewhere), ==, 0);
  g_free (elsewhere);
  g_free (text);
  g_free (path);
}

/* Ten years of new models. */
static void
test_many (void) {
  const char *used = "known-" KEY "3", *last = "known-" KEY "4";
  char name[64], *path = at ("x"), *folder = g_path_get_dirname (path);
  guint n = 0;
  clipmoe_cache_write (CLIPMOE_CACHE_KNOWN, used, "used");
  clipmoe_cache_write (CLIPMOE_CACHE_VERDICT, "verdict-" KEY "7", "stays");
  g_free (path);
  for (guint i = 0; i < 600; i++) {
    g_snprintf (name, sizeof name, "known-%032x", i);
    g_free (put (name, 10, 10000 - (int)i));
  }
  path = at (used);
  set_age (path, 20000);
  g_assert_true (says (used, "used")); /* which makes it the newest */
  clipmoe_cache_write (CLIPMOE_CACHE_KNOWN, last, "last");
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *found; (found = g_dir_read_name (dir));)
    n += g_str_has_prefix (found, "known-");
  g_dir_close (dir);
  g_assert_cmpuint (n, ==, 512);
  g_assert_true (says (used, "used") && says (last, "last") && says ("verdict-" KEY "7", "stays"));
  g_free (path);
  path = at (name); /* the youngest of the others */
  g_assert_true (there (path));
  g_free (path);
  path = at ("known-00000000000000000000000000000000");
  g_assert_false (there (path));
  g_free (folder);
  g_free (path);
}

static mode_t
mode_of (const char *path) {
  struct stat s;
  g_assert_cmpint (stat (path, &s), ==, 0);
  return s.st_mode & 07777;
}

static void
refused (const char *word) {
  GError *error = NULL;
  g_assert_null (clipmoe_cache_path ("x", &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, word));
  g_clear_error (&error);
  g_assert_null (clipmoe_cache_read ("known-" KEY "0"));
  clipmoe_cache_write (CLIPMOE_CACHE_KNOWN, "known-" KEY "0", "words");
}

static void
test_folder (void) {
  char *path = at ("x"), *folder = g_path_get_dirname (path), *aside = g_strconcat (folder, ".aside", NULL);
  static const mode_t modes[] = {02770, 0755, 0777};
  g_free (path);
  g_assert_cmpint (mode_of (folder), ==, 0700); /* made by us */
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    g_assert_cmpint (chmod (folder, modes[i]), ==, 0);
    clipmoe_cache_write (CLIPMOE_CACHE_KNOWN, "known-" KEY "0", "words");
    g_assert_true (says ("known-" KEY "0", "words"));
    g_assert_cmpint (mode_of (folder), ==, modes[i]);
    path = at ("known-" KEY "0");
    g_assert_cmpint (mode_of (path), ==, 0600);
    g_free (path);
  }
  g_assert_cmpint (chmod (folder, 0700), ==, 0);
  /* a link that the user put there */
  g_assert_cmpint (g_rename (folder, aside), ==, 0);
  g_assert_cmpint (symlink (aside, folder), ==, 0);
  g_assert_true (says ("known-" KEY "0", "words"));
  clipmoe_cache_write (CLIPMOE_CACHE_KNOWN, "known-" KEY "1", "more");
  g_assert_true (says ("known-" KEY "1", "more"));
  g_assert_cmpint (g_unlink (folder), ==, 0);
  g_assert_cmpint (symlink ("/nowhere/at/all", folder), ==, 0);
  refused ("cannot make");
  g_assert_cmpint (g_unlink (folder), ==, 0);
  g_assert_true (g_file_set_contents (folder, "a file", -1, NULL));
  refused ("not a folder");
  g_assert_cmpint (g_unlink (folder), ==, 0);
  g_assert_cmpint (g_rename (aside, folder), ==, 0);
  if (geteuid () == 0) { /* nor is somebody else's folder used */
    g_assert_cmpint (chown (folder, 65534, 65534), ==, 0);
    refused ("belongs to user 65534");
    g_assert_cmpint (chown (folder, 0, 0), ==, 0);
  }
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
  g_test_add_func ("/cache/words", test_words);
  g_test_add_func ("/cache/many", test_many);
  g_test_add_func ("/cache/folder", test_folder);
  int r = g_test_run ();
  char *command = g_strdup_printf ("rm -rf '%s'", home);
  if (system (command) != 0)
    r = 1;
  g_free (command);
  g_free (home);
  return r;
}
