/* Checks that a user's folder is replaced only when it holds nothing but what we write, also where the file
 * system cannot exchange two names, and that names of unfinished files are told from all others. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/folder.h"
#include "base/temporary.h"

static const char *const names[] = {"weights", "card", NULL};
static char *top;
static int refuse;   /* errno of a file system without RENAME_EXCHANGE */
static char *meddle; /* a file that somebody else makes just before the exchange */

/* In place of libc's. */
int
renameat2 (int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  if (meddle) {
    g_assert_true (g_file_set_contents (meddle, "mine", -1, NULL));
    g_clear_pointer (&meddle, g_free);
  }
  if (refuse) {
    errno = refuse;
    return -1;
  }
  return (int)syscall (SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static char *
at (const char *folder, const char *name) {
  return g_build_filename (top, folder, name, NULL);
}

static void
put (const char *folder, const char *name, const char *text) {
  char *dir = at (folder, NULL), *path = at (folder, name);
  g_mkdir (dir, 0700);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_free (dir);
  g_free (path);
}

static gboolean
holds (const char *folder, const char *name, const char *text) {
  char *path = at (folder, name), *found = NULL;
  gboolean ok = g_file_get_contents (path, &found, NULL, NULL) && g_str_equal (found, text);
  g_free (found);
  g_free (path);
  return ok;
}

static guint
count (const char *folder) {
  char *path = at (folder, NULL);
  GDir *dir = g_dir_open (path, 0, NULL);
  guint n = 0;
  while (dir && g_dir_read_name (dir))
    n++;
  if (dir)
    g_dir_close (dir);
  g_free (path);
  return n;
}

/* Writes a folder of the one file "weights". */
static gboolean
write_folder (const char *name, const char *const *replaced, GError **error) {
  char *path = at (name, NULL), *tmp = clipmoe_folder_begin (path, replaced, error);
  gboolean ok = tmp != NULL;
  if (ok) {
    char *base = g_path_get_basename (tmp), *file = g_build_filename (tmp, "weights", NULL);
    g_assert_true (clipmoe_temporary_is_ours (base));
    g_assert_true (g_file_set_contents (file, "new", -1, NULL));
    ok = clipmoe_folder_commit (tmp, path, replaced, error);
    g_free (base);
    g_free (file);
  }
  g_free (path);
  return ok;
}

static void
refused (const char *name, const char *const *replaced, const char *word) {
  GError *error = NULL;
  guint before = count (".");
  g_assert_false (write_folder (name, replaced, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, word));
  g_assert_cmpuint (count ("."), ==, before); /* nothing is left */
  g_clear_error (&error);
}

static void
test_users (void) {
  put ("notes", "card", "mine"); /* a name of ours alone makes it no folder of ours */
  refused ("notes", names, "no weights");
  g_assert_true (holds ("notes", "card", "mine"));
  put ("other", "weights", "theirs");
  put ("other", "thesis.tex", "mine");
  refused ("other", names, "thesis.tex");
  refused ("other", NULL, "not empty");
  g_assert_true (holds ("other", "thesis.tex", "mine") && holds ("other", "weights", "theirs"));
  put ("hidden", "weights", "theirs");
  put ("hidden", ".git", "mine");
  refused ("hidden", names, ".git");
  put ("linked", "weights", "theirs");
  char *link = at ("linked", "card");
  g_assert_cmpint (symlink ("../other/thesis.tex", link), ==, 0);
  refused ("linked", names, "no plain file");
  g_free (link);
  put (".", "file", "mine");
  refused ("file", names, "no folder");
  char *alias = at ("alias", NULL);
  g_assert_cmpint (symlink ("other", alias), ==, 0);
  refused ("alias", names, "no folder");
  g_free (alias);
}

static void
replace (const char *name) {
  GError *error = NULL;
  guint before = count (".") + !count (name);
  put (name, "weights", "old");
  put (name, "card", "old");
  g_assert_true (write_folder (name, names, &error));
  g_assert_no_error (error);
  g_assert_true (holds (name, "weights", "new") && count (name) == 1);
  g_assert_cmpuint (count ("."), ==, before);
}

static void
test_ours (void) {
  GError *error = NULL;
  g_assert_true (write_folder ("fresh", NULL, &error));
  g_assert_true (holds ("fresh", "weights", "new"));
  char *empty = at ("empty", NULL);
  g_assert_cmpint (g_mkdir (empty, 0700), ==, 0);
  g_assert_true (write_folder ("empty", NULL, &error));
  g_free (empty);
  replace ("exchanged");
  static const int lacking[] = {EINVAL, ENOSYS, EOPNOTSUPP};
  for (guint i = 0; i < G_N_ELEMENTS (lacking); i++) {
    refuse = lacking[i];
    replace ("aside");
  }
  refuse = EACCES; /* not the lack of it: nothing changes */
  put ("denied", "weights", "old");
  refused ("denied", names, "cannot exchange");
  g_assert_true (holds ("denied", "weights", "old"));
  refuse = 0;
}

/* What comes into the folder at the last moment is not lost either. */
static void
test_meddling (void) {
  put ("busy", "weights", "old");
  meddle = at ("busy", "thesis.tex");
  refused ("busy", names, "was written to");
  g_assert_true (holds ("busy", "weights", "old") && holds ("busy", "thesis.tex", "mine"));
  refuse = ENOSYS;
  put ("slow", "weights", "old");
  meddle = at ("slow", "thesis.tex");
  guint before = count (".");
  g_assert_true (write_folder ("slow", names, NULL));
  g_assert_cmpuint (count ("."), ==, before + 1); /* it stays in a folder of its own */
  refuse = 0;
  GDir *dir = g_dir_open (top, 0, NULL);
  gboolean kept = FALSE;
  for (const char *name; (name = g_dir_read_name (dir));)
    if (g_str_has_prefix (name, "slow.clipmoe-old-"))
      kept = holds (name, "thesis.tex", "mine") && !clipmoe_temporary_is_ours (name);
  g_dir_close (dir);
  g_assert_true (kept);
}

static void
test_names (void) {
  char *template = clipmoe_temporary_template ("some/where/model.safetensors"),
       *base = g_path_get_basename (template);
  g_assert_true (g_str_has_prefix (template, "some/where/.") && g_str_has_suffix (template, "XXXXXX"));
  g_assert_true (clipmoe_temporary_is_ours (base));
  g_assert_true (clipmoe_temporary_is_ours (".clipmoe-part-abc123")); /* of earlier versions */
  static const char *const others[] = {"run.json.251129",
                                       "report.html.Backup",
                                       "route.251129",
                                       ".clipmoe-tmp-",
                                       ".clipmoe-tmp-abcde",
                                       ".clipmoe-tmp-abcdefg",
                                       ".clipmoe-tmp-abc.ef",
                                       "clipmoe-tmp-abcdef",
                                       "x.clipmoe-tmp-abcdef",
                                       ".clipmoe-tmp-\xc3\xa4"
                                       "abcd",
                                       ".clipmoe-old-abcdef",
                                       ""};
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (clipmoe_temporary_is_ours (others[i]));
  g_free (template);
  g_free (base);
}

static gint done; /* atomic */

static gpointer
sweep (gpointer folder) {
  while (!g_atomic_int_get (&done))
    clipmoe_temporary_sweep (folder, 0);
  return NULL;
}

/* A file that is being written survives another program's sweep, at whatever moment that comes. */
static void
test_sweeps (void) {
  char *folder = at ("swept", NULL), *path = at ("swept", "file");
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  GThread *sweeper = g_thread_new ("sweep", sweep, folder);
  guint lost = 0;
  for (guint i = 0; i < 5000; i++) {
    ClipmoeTemporary file;
    g_assert_true (clipmoe_temporary_open (&file, path, 0600));
    g_thread_yield ();
    lost += !g_file_test (file.path, G_FILE_TEST_EXISTS);
    clipmoe_temporary_close (&file, FALSE);
  }
  g_atomic_int_set (&done, TRUE);
  g_thread_join (sweeper);
  g_assert_cmpuint (lost, ==, 0);
  g_assert_cmpuint (count ("swept"), ==, 0);
  g_free (folder);
  g_free (path);
}

int
main (int argc, char **argv) {
  top = g_dir_make_tmp ("clipmoe-folder-XXXXXX", NULL);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/folder/users", test_users);
  g_test_add_func ("/folder/ours", test_ours);
  g_test_add_func ("/folder/meddling", test_meddling);
  g_test_add_func ("/folder/names", test_names);
  g_test_add_func ("/folder/sweeps", test_sweeps);
  int r = g_test_run ();
  char *command = g_strdup_printf ("rm -rf '%s'", top);
  if (system (command) != 0)
    r = 1;
  g_free (command);
  g_free (top);
  return r;
}
