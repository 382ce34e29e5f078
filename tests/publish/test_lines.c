/* Checks the lines of a publisher: each is written whole whatever others do to the file, none is lost
 * without being counted, and no reader, slow or absent, delays the end. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "linewriter.h"

typedef struct {
  gint told[CLIPMOE_SINK_WORKS + 1];
} News;

static void
tell (gpointer data, ClipmoeSinkNews news, const char *sentence) {
  g_atomic_int_inc (&((News *)data)->told[news]);
  g_assert_true (g_str_has_prefix (sentence, "file:"));
  g_assert_cmpint (strstr (sentence, "cannot be written") != NULL, ==, news == CLIPMOE_SINK_FAILED);
}

static gint
told (News *n, ClipmoeSinkNews news) {
  return g_atomic_int_get (&n->told[news]);
}

/* Waits long enough for a busy machine. */
#define until(CONDITION)                                                                                     \
  for (guint tries = 0; !(CONDITION); tries++) {                                                             \
    g_assert_cmpuint (tries, <, 30000);                                                                      \
    g_usleep (1000);                                                                                         \
  }

static char *
place (const char *name) {
  static char *folder;
  if (!folder)
    folder = g_dir_make_tmp ("clipmoe-lines-XXXXXX", NULL);
  return g_build_filename (folder, name, NULL);
}

static ClipmoeLineWriter *
writer (const char *path, News *news, gboolean live) {
  GError *error = NULL;
  ClipmoeLineWriter *w = clipmoe_line_writer_new (path, news ? tell : NULL, news, &error);
  g_assert_no_error (error);
  clipmoe_line_writer_set_live (w, live);
  return w;
}

/* @n characters of @c in quotes. */
static char *
line (char c, gsize n) {
  char *text = g_malloc (n + 3);
  memset (text, c, n + 2);
  text[0] = text[n + 1] = '"';
  text[n + 2] = 0;
  return text;
}

static void
add (ClipmoeLineWriter *w, char *text) {
  GError *error = NULL;
  g_assert_true (clipmoe_line_writer_add (w, CLIPMOE_LINE_LOOK, text, &error));
  g_assert_no_error (error);
}

static void
counts (ClipmoeLineWriter *w, guint64 written, guint64 dropped) {
  guint64 a, b;
  clipmoe_line_writer_get_counts (w, CLIPMOE_LINE_LOOK, &a, &b);
  g_assert_cmpuint (a, ==, written);
  g_assert_cmpuint (b, ==, dropped);
}

static guint64
written_by (ClipmoeLineWriter *w) {
  guint64 a, b;
  clipmoe_line_writer_get_counts (w, CLIPMOE_LINE_LOOK, &a, &b);
  return a;
}

static guint64
end (ClipmoeLineWriter *w) {
  guint64 lost = clipmoe_line_writer_finish (w);
  clipmoe_line_writer_free (w);
  return lost;
}

/* Lines of @path that are whole: a quote, one character again and again, a quote. */
static guint
whole (const char *path, guint *others) {
  char *text;
  gsize size;
  guint n = 0;
  *others = 0;
  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  char **lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    gsize length = strlen (lines[i]);
    gboolean ok = length > 2 && lines[i][0] == '"' && lines[i][length - 1] == '"';
    for (gsize j = 2; ok && j + 1 < length; j++)
      ok = lines[i][j] == lines[i][1];
    if (ok)
      n++;
    else if (length || lines[i + 1]) /* but for the end */
      (*others)++;
  }
  g_strfreev (lines);
  g_free (text);
  return n;
}

/* Half a line that somebody left, also while we write. */
static void
test_torn (void) {
  char *path = place ("torn");
  guint others;
  g_assert_true (g_file_set_contents (path, "\"aaa\"\n\"bb", -1, NULL));
  ClipmoeLineWriter *w = writer (path, NULL, FALSE);
  add (w, line ('c', 10));
  g_assert_cmpuint (clipmoe_line_writer_drain (w, NULL), ==, 0);
  int fd = open (path, O_WRONLY | O_APPEND);
  g_assert_cmpint (write (fd, "\"dd", 3), ==, 3); /* killed in the middle */
  close (fd);
  add (w, line ('e', 10));
  g_assert_cmpuint (end (w), ==, 0);
  g_assert_cmpuint (whole (path, &others), ==, 3);
  g_assert_cmpuint (others, ==, 2);
  w = writer (path, NULL, FALSE); /* opening alone changes nothing */
  g_assert_cmpuint (end (w), ==, 0);
  g_assert_cmpuint (whole (path, &others), ==, 3);
  /* an empty file begins with its first line */
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  w = writer (path, NULL, FALSE);
  add (w, line ('c', 1));
  end (w);
  char *text;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "\"c\"\n");
  g_free (text);
  g_free (path);
}

/* A file that may not grow: what went in half is cut off, a live stream goes on, and writes again later. The
 * limit gives what a full disk does, a short write and then an error. */
static void
test_full (void) {
  char *path = place ("full");
  pid_t child = fork ();
  if (!child) {
    News news = {{0}};
    struct rlimit limit = {25, RLIM_INFINITY};
    guint others;
    GError *error = NULL;
    ClipmoeLineWriter *w = writer (path, &news, TRUE);
    setrlimit (RLIMIT_FSIZE, &limit);
    add (w, line ('a', 10)); /* 13 bytes each */
    until (written_by (w) == 1);
    add (w, line ('b', 10));
    until (told (&news, CLIPMOE_SINK_FAILED) == 1);
    add (w, line ('c', 10));
    g_assert_cmpuint (clipmoe_line_writer_drain (w, NULL), ==, 0);
    counts (w, 1, 2);
    g_assert_cmpuint (whole (path, &others), ==, 1);
    g_assert_cmpuint (others, ==, 0);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit (RLIMIT_FSIZE, &limit);
    add (w, line ('d', 10));
    g_assert_cmpuint (clipmoe_line_writer_drain (w, NULL), ==, 0);
    g_assert_cmpint (told (&news, CLIPMOE_SINK_FAILED), ==, 1); /* said once */
    until (told (&news, CLIPMOE_SINK_WORKS) == 1);              /* the line is counted before it is told */
    g_assert_cmpuint (end (w), ==, 0);
    g_assert_cmpuint (whole (path, &others), ==, 2);
    g_assert_cmpuint (others, ==, 0);
    /* a file can wait, and has nothing to wait for: an error, and nothing half */
    w = writer (path, &news, FALSE);
    limit.rlim_cur = 30;
    setrlimit (RLIMIT_FSIZE, &limit);
    add (w, line ('e', 10));
    clipmoe_line_writer_drain (w, &error);
    g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED);
    end (w);
    g_assert_cmpuint (whole (path, &others), ==, 2);
    g_assert_cmpuint (others, ==, 0);
    _exit (0);
  }
  int status;
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_free (path);
}

/* Several at once, lines far longer than a pipe takes in one piece. */
static gpointer
write_many (gpointer data) {
  const char *path = data;
  static gint next;
  ClipmoeLineWriter *w = writer (path, NULL, FALSE);
  char c = (char)('a' + g_atomic_int_add (&next, 1) % 26);
  for (guint i = 0; i < 60; i++)
    add (w, line (c, i % 3 ? 100000 : 3000));
  g_assert_cmpuint (clipmoe_line_writer_drain (w, NULL), ==, 0);
  counts (w, 60, 0);
  g_assert_cmpuint (end (w), ==, 0);
  return NULL;
}

static gpointer
copy_pipe (gpointer data) {
  char **paths = data, buffer[65536];
  int in = open (paths[0], O_RDONLY), out = open (paths[1], O_WRONLY | O_CREAT, 0600);
  ssize_t n;
  while ((n = read (in, buffer, sizeof buffer)) > 0)
    g_assert_cmpint (write (out, buffer, (size_t)n), ==, n);
  close (in);
  close (out);
  return NULL;
}

static void
test_many (void) {
  for (guint pipe = 0; pipe < 2; pipe++) {
    char *path = place (pipe ? "many-pipe" : "many"), *copy = place ("many-copy");
    char *paths[] = {path, copy};
    GThread *threads[4], *reader = NULL;
    int keep = -1;
    guint others;
    if (pipe) {
      g_assert_cmpint (mkfifo (path, 0600), ==, 0);
      reader = g_thread_new ("reader", copy_pipe, paths);
      keep = open (path, O_WRONLY); /* one writer less is not the end */
    }
    for (guint i = 0; i < 4; i++)
      threads[i] = g_thread_new ("writer", write_many, path);
    for (guint i = 0; i < 4; i++)
      g_thread_join (threads[i]);
    if (pipe) {
      close (keep);
      g_thread_join (reader);
    }
    g_assert_cmpuint (whole (pipe ? copy : path, &others), ==, 240);
    g_assert_cmpuint (others, ==, 0);
    g_free (path);
    g_free (copy);
  }
}

/* Somebody keeps the lock for ever: lines are written without. */
static void
test_locked (void) {
  char *path = place ("locked");
  guint others;
  int fd = open (path, O_RDWR | O_CREAT, 0600);
  g_assert_cmpint (flock (fd, LOCK_EX), ==, 0);
  ClipmoeLineWriter *w = writer (path, NULL, FALSE);
  for (guint i = 0; i < 100; i++)
    add (w, line ('a', 5));
  g_assert_cmpuint (clipmoe_line_writer_drain (w, NULL), ==, 0);
  end (w);
  g_assert_cmpuint (whole (path, &others), ==, 100);
  close (fd);
  g_free (path);
}

/* A named pipe: its reader comes late, leaves, comes again. */
static void
test_reader (void) {
  char *path = place ("pipe");
  News news = {{0}};
  char buffer[1024];
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  ClipmoeLineWriter *w = writer (path, &news, TRUE);
  until (told (&news, CLIPMOE_SINK_NO_READER));
  add (w, line ('a', 5));
  int fd = open (path, O_RDONLY); /* waits until the writer has it open */
  g_assert_cmpint (fd, >=, 0);
  until (written_by (w) == 1);
  g_assert_cmpint (read (fd, buffer, sizeof buffer), ==, 8);
  g_assert_cmpint (memcmp (buffer, "\"aaaaa\"\n", 8), ==, 0);
  close (fd);
  add (w, line ('b', 5));
  until (told (&news, CLIPMOE_SINK_LEFT));
  for (guint i = 0; i < CLIPMOE_LINES_MOST + 10; i++)
    add (w, line ('c', 1));
  g_assert_cmpint (told (&news, CLIPMOE_SINK_SLOW), ==, 1);
  fd = open (path, O_RDONLY);
  until (written_by (w) >= CLIPMOE_LINES_MOST);
  close (fd);
  g_assert_cmpint (told (&news, CLIPMOE_SINK_READER), ==, 2);
  g_assert_cmpint (told (&news, CLIPMOE_SINK_NO_READER), ==, 1);
  g_assert_cmpuint (end (w), <=, 1);
  g_free (path);
}

/* A reader that never reads: a live stream's end and stop come all the same, and what is lost is counted. */
static void
test_never (void) {
  char *path = place ("never");
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  int fd = open (path, O_RDONLY | O_NONBLOCK);
  ClipmoeLineWriter *w = writer (path, NULL, TRUE);
  for (guint i = 0; i < 500; i++)
    add (w, line ('a', 1000));
  guint left = clipmoe_line_writer_drain (w, NULL);
  g_assert_cmpuint (left, >, 0);
  g_assert_cmpuint (clipmoe_line_writer_finish (w), ==, left);
  guint64 written, dropped;
  clipmoe_line_writer_get_counts (w, CLIPMOE_LINE_LOOK, &written, &dropped);
  g_assert_cmpuint (written + dropped, ==, 500); /* counted when it is over */
  g_assert_cmpuint (dropped, ==, left);
  clipmoe_line_writer_free (w);
  close (fd);
  unlink (path);
  g_free (path);
}

/* One that reads slowly gets everything of a file, though it takes longer than the patience with a live one.
 */
static gpointer
read_slowly (gpointer data) {
  char buffer[20000];
  gsize all = 0;
  ssize_t n;
  while ((n = read (GPOINTER_TO_INT (data), buffer, sizeof buffer)) > 0) {
    all += (gsize)n;
    g_usleep (150000);
  }
  return GSIZE_TO_POINTER (all);
}

static void
test_slow (void) {
  char *path = place ("slow");
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  int fd = open (path, O_RDONLY | O_NONBLOCK);
  ClipmoeLineWriter *w = writer (path, NULL, FALSE);
  fcntl (fd, F_SETFL, 0);
  for (guint i = 0; i < 450; i++)
    add (w, line ('a', 997));
  GThread *reader = g_thread_new ("reader", read_slowly, GINT_TO_POINTER (fd));
  g_assert_cmpuint (clipmoe_line_writer_drain (w, NULL), ==, 0);
  g_assert_cmpuint (end (w), ==, 0);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (reader)), ==, 450000);
  close (fd);
  g_free (path);
}

/* A file's reader that left for good: an error, and not a script that stands for ever. */
static void
test_left (void) {
  char *path = place ("left"), buffer[100];
  GError *error = NULL;
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  int fd = open (path, O_RDONLY | O_NONBLOCK);
  ClipmoeLineWriter *w = writer (path, NULL, FALSE);
  add (w, line ('a', 5));
  until (written_by (w) == 1);
  g_assert_cmpint (read (fd, buffer, sizeof buffer), ==, 8);
  close (fd);
  while (!error && clipmoe_line_writer_add (w, CLIPMOE_LINE_LOOK, line ('b', 5),
                                            &error)) /* waits when the queue is full */
    ;
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_PIPE);
  g_clear_error (&error);
  clipmoe_line_writer_finish (w);
  guint64 written, dropped;
  clipmoe_line_writer_get_counts (w, CLIPMOE_LINE_LOOK, &written, &dropped);
  g_assert_cmpuint (written, ==, 1);
  g_assert_cmpuint (dropped, >=, CLIPMOE_LINES_MOST);
  clipmoe_line_writer_free (w);
  g_free (path);
}

/* Whoever hears the news may end the writer, in the very thread that tells them. */
static ClipmoeLineWriter *ended;
static gint is_ended;

static void
end_it (gpointer data, ClipmoeSinkNews news, const char *sentence) {
  if (news == CLIPMOE_SINK_FAILED) {
    clipmoe_line_writer_finish (ended);
    clipmoe_line_writer_free (ended);
    g_atomic_int_set (&is_ended, TRUE);
  }
}

static void
test_ended_by_listener (void) {
  ended = clipmoe_line_writer_new ("/dev/full", end_it, NULL, NULL);
  g_assert_nonnull (ended);
  clipmoe_line_writer_set_live (ended, TRUE);
  add (ended, line ('a', 5));
  until (g_atomic_int_get (&is_ended));
}

/* What cannot be opened is an error at once; a pipe that was taken away is not made as a file. */
static void
test_open (void) {
  GError *error = NULL;
  char *path = place ("folder");
  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  g_assert_null (clipmoe_line_writer_new (path, NULL, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR);
  g_clear_error (&error);
  g_free (path);
  path = place ("gone");
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  News news = {{0}};
  ClipmoeLineWriter *w = writer (path, &news, TRUE);
  until (told (&news, CLIPMOE_SINK_NO_READER));
  unlink (path);
  add (w, line ('a', 5));
  until (told (&news, CLIPMOE_SINK_FAILED));
  g_assert_cmpuint (end (w), ==, 1);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_free (path);
}

static void
is_written (ClipmoeLineWriter *w, guint64 n) {
  guint64 written, dropped;
  until ((clipmoe_line_writer_get_counts (w, CLIPMOE_LINE_LOOK, &written, &dropped), written == n));
}

/* Lines do not go where nobody can read them: a file that was deleted is made anew, one that was renamed is
 * written on, and where there is none to be made it is said. */
static void
test_deleted (void) {
  char *path = place ("deleted"), *other = place ("deleted.1"), *text = NULL;
  for (guint live = 0; live < 2; live++) {
    News news = {0};
    ClipmoeLineWriter *w = writer (path, &news, live);
    add (w, line ('a', 1));
    is_written (w, 1);
    g_assert_cmpint (unlink (path), ==, 0);
    add (w, line ('b', 1));
    is_written (w, 2);
    g_assert_cmpint (rename (path, other), ==, 0);
    add (w, line ('c', 1));
    is_written (w, 3);
    g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
    g_assert_true (g_file_get_contents (other, &text, NULL, NULL));
    g_assert_cmpstr (text, ==, "\"b\"\n\"c\"\n");
    g_free (text);
    g_assert_cmpint (unlink (other), ==, 0);
    g_assert_cmpint (mkdir (path, 0700), ==, 0);
    add (w, line ('d', 1));
    if (live) {
      until (told (&news, CLIPMOE_SINK_FAILED));
      g_assert_cmpint (rmdir (path), ==, 0);
      until (!clipmoe_line_writer_drain (w, NULL));
      add (w, line ('e', 1));
      is_written (w, 4);
      counts (w, 4, 1);
      g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
      g_assert_cmpstr (text, ==, "\"e\"\n");
      g_free (text);
    } else {
      GError *error = NULL;
      clipmoe_line_writer_drain (w, &error);
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR);
      g_error_free (error);
      rmdir (path);
    }
    clipmoe_line_writer_finish (w);
    clipmoe_line_writer_free (w);
  }
  unlink (path);
  g_free (path);
  g_free (other);
}

/* Log rotation: after a rename and the word to reopen, lines go into a new file; a pipe keeps its reader. */
static void
test_reopened (void) {
  char *path = place ("rotated"), *other = place ("rotated.1"), *pipe = place ("rotated-pipe"), *text = NULL;
  ClipmoeLineWriter *w = writer (path, NULL, FALSE);
  add (w, line ('a', 1));
  is_written (w, 1);
  g_assert_cmpint (rename (path, other), ==, 0);
  clipmoe_line_writer_reopen (w);
  until (g_file_test (path, G_FILE_TEST_EXISTS)); /* at once, though nothing is written */
  add (w, line ('b', 1));
  is_written (w, 2);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "\"b\"\n");
  g_free (text);
  g_assert_true (g_file_get_contents (other, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "\"a\"\n");
  g_free (text);
  g_assert_cmpuint (end (w), ==, 0);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  int fd = open (pipe, O_RDONLY | O_NONBLOCK);
  News news = {{0}};
  w = writer (pipe, &news, TRUE);
  clipmoe_line_writer_reopen (w);
  add (w, line ('c', 1));
  is_written (w, 1);
  g_assert_cmpint (told (&news, CLIPMOE_SINK_LEFT) + told (&news, CLIPMOE_SINK_NO_READER), ==, 0);
  g_assert_cmpuint (end (w), ==, 0);
  close (fd);
  g_free (path);
  g_free (other);
  g_free (pipe);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  signal (SIGXFSZ, SIG_DFL);
  g_test_add_func ("/lines/full", test_full); /* forks: before there are threads */
  g_test_add_func ("/lines/torn", test_torn);
  g_test_add_func ("/lines/deleted", test_deleted);
  g_test_add_func ("/lines/many", test_many);
  g_test_add_func ("/lines/locked", test_locked);
  g_test_add_func ("/lines/reader", test_reader);
  g_test_add_func ("/lines/never", test_never);
  g_test_add_func ("/lines/slow", test_slow);
  g_test_add_func ("/lines/left", test_left);
  g_test_add_func ("/lines/ended-by-listener", test_ended_by_listener);
  g_test_add_func ("/lines/reopened", test_reopened);
  g_test_add_func ("/lines/open", test_open);
  return g_test_run ();
}
