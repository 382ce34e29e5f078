/* Protects: a writer that is killed with SIGKILL at any moment loses nothing that it was told is there: the
 * store opens, verify is clean, and going on gives what a run without kills gives. Argument: how many kills.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <base/random.h>
#include "store_suite.h"

#define FILES 14
#define FORGET_EVERY 4 /* files */

/* What the writer says over a pipe once it is done; 'D' before it begins. */
typedef struct {
  char kind; /* P: moments were put; F: finished; D: is about to be forgotten */
  guint file, n;
} Said;

static guint kills = 10;
static ClipmoeStoreFile *files[FILES];

static guint
moments_of (guint file) {
  return 20 + file * 37 % 300;
}

static void
say (int fd, char kind, guint file, guint n) {
  Said said = {kind, file, n};
  if (write (fd, &said, sizeof said) != sizeof said)
    _exit (3);
}

static void
write_file (ClipmoeStore *store, guint k, int fd) {
  GError *error = NULL;
  ClipmoeClaim claim;
  gint64 take;
  clipmoe_store_claim (store, files[k], FALSE, &claim, &take, &error);
  g_assert_no_error (error);
  if (claim > CLIPMOE_CLAIM_AGAIN)
    return;
  say (fd, 'P', k, 0);
  for (guint done = 0, n = moments_of (k); done < n;) {
    guint some = MIN (n - done, 7 + done % 23);
    suite_put (store, take, 10000 * k + done, some, done);
    say (fd, 'P', k, done += some);
  }
  suite_finish (store, take, 0);
  say (fd, 'F', k, moments_of (k));
}

static void
forget (ClipmoeStore *store, guint k, int fd) {
  GError *error = NULL;
  GPtrArray *all = clipmoe_store_get_files (store, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < all->len; i++) {
    const ClipmoeStoreFile *file = all->pdata[i];
    if (!g_str_equal (file->path, files[k]->path))
      continue;
    say (fd, 'D', k, 0);
    clipmoe_store_forget_file (store, file->id, &error);
    g_assert_no_error (error);
    clipmoe_store_compact (store, NULL, &error);
    g_assert_no_error (error);
  }
  g_ptr_array_unref (all);
}

/* In the child: until it is killed, or all files are there. */
static void
work (const char *where, int fd, gboolean for_ever) {
  ClipmoeStore *store = suite_write (where);
  do {
    for (guint k = 0; k < FILES; k++) {
      write_file (store, k, fd);
      if (for_ever && k % FORGET_EVERY == FORGET_EVERY - 1)
        for (guint i = 0; i < FORGET_EVERY - 1; i++)
          forget (store, k - i, fd);
    }
  } while (for_ever);
  clipmoe_store_close (store);
  _exit (0);
}

/* Reads what was said; @known: moments that each file has at least. */
static void
listen (int fd, guint *known) {
  Said said;
  while (read (fd, &said, sizeof said) == sizeof said)
    known[said.file] = said.kind == 'D' ? 0 : said.n;
}

static void
check (const char *where, const guint *known, gboolean complete) {
  GError *error = NULL;
  ClipmoeStore *store = suite_open (where, CLIPMOE_STORE_WRITE);
  suite_verify (store);
  suite_count (store); /* each row's vector is its moment's */
  GPtrArray *all = clipmoe_store_get_files (store, &error);
  g_assert_no_error (error);
  for (guint k = 0; k < FILES; k++) {
    guint n = 0;
    for (guint i = 0; i < all->len; i++) {
      const ClipmoeStoreFile *file = all->pdata[i];
      if (g_str_equal (file->path, files[k]->path))
        n = (guint)file->moments;
    }
    if (complete)
      g_assert_cmpuint (n, ==, moments_of (k));
    else
      g_assert_cmpuint (n, >=, known[k]);
  }
  g_ptr_array_unref (all);
  clipmoe_store_close (store);
}

static void
test_kills (void) {
  ClipmoeRandom r = clipmoe_random_for (19, 2, kills);
  char *where = suite_place ("store");
  guint known[FILES] = {0};
  for (guint k = 0; k < FILES; k++) {
    char *name = g_strdup_printf ("file %u", k);
    files[k] = suite_file (name, name);
    g_free (name);
  }
  for (guint i = 0; i <= kills; i++) {
    int status, pair[2];
    gboolean last = i == kills;
    g_assert_cmpint (pipe (pair), ==, 0);
    pid_t child = fork ();
    g_assert_cmpint (child, >=, 0);
    if (child == 0) {
      close (pair[0]);
      work (where, pair[1], !last);
    }
    close (pair[1]);
    if (!last) {
      Said first; /* it has begun */
      ssize_t n = read (pair[0], &first, sizeof first);
      g_assert_cmpint (n, ==, sizeof first);
      if (first.kind == 'D')
        known[first.file] = 0;
      else
        known[first.file] = first.n;
      g_usleep (clipmoe_random_below (&r, 300000));
      kill (child, SIGKILL);
    }
    listen (pair[0], known);
    close (pair[0]);
    g_assert_cmpint (waitpid (child, &status, 0), ==, child);
    g_assert_true (last ? WIFEXITED (status) && WEXITSTATUS (status) == 0
                        : WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
    check (where, known, last);
  }
  for (guint k = 0; k < FILES; k++)
    clipmoe_store_file_free (files[k]);
  g_free (where);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    kills = (guint)atoi (argv[1]);
  g_test_add_func ("/kills", test_kills);
  int failed = g_test_run ();
  suite_end ();
  return failed;
}
