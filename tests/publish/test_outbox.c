/* The outbox: order, what goes when it is full, what survives a kill, and that nobody waits for a disk. */
#include <clipmoe/error.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "outbox.h"
#include "outboxfile.h"

static char *
place (const char *name) {
  static char *folder;
  if (!folder)
    folder = g_dir_make_tmp ("clipmoe-outbox-XXXXXX", NULL);
  return g_build_filename (folder, name, NULL);
}

static void
wake (gpointer data) {
  if (data)
    g_atomic_int_inc ((gint *)data);
}

static ClipmoeOutboxResult
add (ClipmoeOutboxPort *port, ClipmoeMessageKind kind, guint number) {
  ClipmoeMessage m = {kind, g_strdup ("s"), g_strdup_printf ("%u", number)};
  return clipmoe_outbox_port_add (port, &m);
}

#define LOOK CLIPMOE_MESSAGE_LOOK
#define EVENT CLIPMOE_MESSAGE_EVENT

/* The next message says @number; returns its place in the outbox. */
static guint64
take (ClipmoeOutbox *outbox, guint number) {
  ClipmoeMessage m;
  guint64 at;
  char *wanted = g_strdup_printf ("%u", number);
  g_assert_true (clipmoe_outbox_take (outbox, &at, &m));
  g_assert_cmpstr (m.body, ==, wanted);
  g_assert_cmpstr (m.source, ==, "s");
  clipmoe_message_clear (&m);
  g_free (wanted);
  return at;
}

static void
is_empty (ClipmoeOutbox *outbox) {
  ClipmoeMessage m;
  guint64 at;
  g_assert_false (clipmoe_outbox_take (outbox, &at, &m));
}

static ClipmoeOutbox *
outbox_at (const char *path, const char *target) {
  GError *error = NULL;
  ClipmoeOutbox *outbox = clipmoe_outbox_new (path, target, wake, NULL, &error);
  g_assert_no_error (error);
  return outbox;
}

static void
end (ClipmoeOutbox *outbox, ClipmoeOutboxPort *port) {
  clipmoe_outbox_set_state (outbox, CLIPMOE_OUTBOX_CUT);
  clipmoe_outbox_port_leave (port, TRUE);
  clipmoe_outbox_port_free (port);
  clipmoe_outbox_unref (outbox);
}

/* Looks and events in one order; what was taken comes again at its old place; looks go first. */
static void
in_order (const char *path) {
  gint wakes = 0;
  GError *error = NULL;
  ClipmoeOutbox *outbox = clipmoe_outbox_new (path, "a", wake, &wakes, &error);
  g_assert_no_error (error);
  ClipmoeOutboxPort *port = clipmoe_outbox_join (outbox, 6);
  ClipmoeOutboxCounts counts;
  clipmoe_outbox_port_set_live (port, TRUE);
  is_empty (outbox);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (add (port, i % 2 ? EVENT : LOOK, i), ==, CLIPMOE_OUTBOX_KEPT);
  g_assert_cmpint (wakes, ==, 6);
  guint64 first = take (outbox, 0);
  take (outbox, 1);
  clipmoe_outbox_done (outbox, first, TRUE);
  clipmoe_outbox_put_back (outbox);
  g_assert_cmpint (add (port, EVENT, 6), ==, CLIPMOE_OUTBOX_KEPT);
  g_assert_cmpint (add (port, LOOK, 7), ==, CLIPMOE_OUTBOX_DROPPED);   /* for 2 */
  g_assert_cmpint (add (port, EVENT, 8), ==, CLIPMOE_OUTBOX_DROPPED);  /* for 4 */
  g_assert_cmpint (add (port, EVENT, 9), ==, CLIPMOE_OUTBOX_DROPPED);  /* for 7 */
  g_assert_cmpint (add (port, LOOK, 10), ==, CLIPMOE_OUTBOX_DROPPED);  /* itself */
  g_assert_cmpint (add (port, EVENT, 11), ==, CLIPMOE_OUTBOX_DROPPED); /* for 1 */
  clipmoe_outbox_port_get_counts (port, &counts);
  g_assert_cmpuint (counts.dropped[LOOK], ==, 4);
  g_assert_cmpuint (counts.dropped[EVENT], ==, 1);
  g_assert_cmpuint (counts.waiting, ==, 6);
  static const guint rest[] = {3, 5, 6, 8, 9, 11};
  for (guint i = 0; i < G_N_ELEMENTS (rest); i++)
    clipmoe_outbox_done (outbox, take (outbox, rest[i]), i > 0);
  is_empty (outbox);
  clipmoe_outbox_port_get_counts (port, &counts);
  g_assert_cmpuint (counts.written[LOOK], ==, 1);
  g_assert_cmpuint (counts.written[EVENT], ==, 5);
  g_assert_cmpuint (counts.dropped[EVENT], ==, 2); /* what never could be sent */
  g_assert_cmpuint (clipmoe_outbox_port_drain (port), ==, 0);
  end (outbox, port);
}

static void
test_memory (void) {
  in_order (NULL);
}

static void
test_file (void) {
  char *path = place ("order.db");
  in_order (path);
  g_free (path);
}

/* Two streams share one: each counts its own, and what one leaves behind is lost, or kept by the file. */
static void
test_ports (void) {
  char *path = place ("ports.db");
  for (guint file = 0; file < 2; file++) {
    ClipmoeOutbox *outbox = outbox_at (file ? path : NULL, "a");
    ClipmoeOutboxPort *one = clipmoe_outbox_join (outbox, 3), *two = clipmoe_outbox_join (outbox, 3);
    ClipmoeOutboxCounts counts;
    for (guint i = 0; i < 3; i++) {
      add (one, LOOK, 2 * i);
      add (two, LOOK, 2 * i + 1);
    }
    guint64 at = take (outbox, 0);
    clipmoe_outbox_set_state (outbox, CLIPMOE_OUTBOX_CUT);
    clipmoe_outbox_port_cancel (one, TRUE);
    g_assert_cmpint (add (one, LOOK, 9), ==, CLIPMOE_OUTBOX_CLOSED);
    g_assert_cmpuint (clipmoe_outbox_port_leave (one, TRUE), ==, file ? 0 : 3);
    clipmoe_outbox_port_get_counts (one, &counts);
    g_assert_cmpuint (counts.dropped[LOOK], ==, file ? 1 : 4);
    clipmoe_outbox_port_free (one);
    clipmoe_outbox_done (outbox, at, TRUE);
    take (outbox, 1);
    take (outbox, file ? 2 : 3);
    end (outbox, two);
  }
  ClipmoeOutbox *outbox = outbox_at (path, "a"); /* all but the one that was done */
  g_assert_cmpuint (clipmoe_outbox_get_waiting (outbox), ==, 5);
  clipmoe_outbox_unref (outbox);
  g_free (path);
}

/* A stream that can wait does while messages are taken, and not otherwise. */
static gpointer
take_all (gpointer data) {
  for (guint i = 0; i < 50; i++) {
    ClipmoeMessage m;
    guint64 at;
    while (!clipmoe_outbox_take (data, &at, &m))
      g_usleep (200);
    clipmoe_message_clear (&m);
    clipmoe_outbox_done (data, at, TRUE);
  }
  return NULL;
}

static void
test_waits (void) {
  ClipmoeOutbox *outbox = outbox_at (NULL, "a");
  ClipmoeOutboxPort *port = clipmoe_outbox_join (outbox, 5);
  ClipmoeOutboxCounts counts;
  clipmoe_outbox_set_state (outbox, CLIPMOE_OUTBOX_FLOWS);
  GThread *thread = g_thread_new ("taker", take_all, outbox);
  for (guint i = 0; i < 50; i++)
    g_assert_cmpint (add (port, LOOK, i), ==, CLIPMOE_OUTBOX_KEPT);
  g_assert_cmpuint (clipmoe_outbox_port_drain (port), ==, 0);
  g_thread_join (thread);
  clipmoe_outbox_set_state (outbox, CLIPMOE_OUTBOX_CUT);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (add (port, LOOK, i), ==, i < 5 ? CLIPMOE_OUTBOX_KEPT : CLIPMOE_OUTBOX_DROPPED);
  clipmoe_outbox_port_get_counts (port, &counts);
  g_assert_cmpuint (counts.written[LOOK], ==, 50);
  end (outbox, port);
}

/* Two targets in one file, which one process has at a time. */
static void
test_targets (void) {
  char *path = place ("targets.db");
  ClipmoeOutbox *a = outbox_at (path, "a"), *b = outbox_at (path, "b");
  ClipmoeOutboxPort *one = clipmoe_outbox_join (a, 9), *two = clipmoe_outbox_join (b, 9);
  add (one, LOOK, 1);
  add (two, EVENT, 2);
  add (one, LOOK, 3);
  take (b, 2);
  is_empty (b);
  pid_t child = fork ();
  if (child == 0) {
    GError *error = NULL;
    char *program = g_strdup_printf ("/proc/%d/exe", (int)getppid ());
    execl (program, program, "--open", path, NULL);
    g_clear_error (&error);
    _exit (9);
  }
  int status;
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (WEXITSTATUS (status), ==, CLIPMOE_ERROR_BUSY);
  end (a, one);
  end (b, two);
  a = outbox_at (path, "a");
  take (a, 1);
  take (a, 3);
  is_empty (a);
  clipmoe_outbox_unref (a);
  g_free (path);
}

/* The child's part: adds and takes until it is killed; a byte on standard output for each message that was
 * accepted, on standard error for each that was sent. */
static int
work (const char *path) {
  ClipmoeOutbox *outbox = outbox_at (path, "a");
  ClipmoeOutboxPort *port = clipmoe_outbox_join (outbox, 100000);
  ClipmoeOutboxCounts counts;
  guint left = clipmoe_outbox_get_waiting (outbox);
  clipmoe_outbox_port_get_counts (port, &counts);
  for (guint i = 0;; i++) {
    ClipmoeMessage m = {LOOK, g_strdup ("s"), g_strdup_printf ("%d-%u", (int)getpid (), i)};
    clipmoe_outbox_port_add (port, &m);
    char *line = g_strdup_printf ("+%d-%u\n", (int)getpid (), i);
    if (write (1, line, strlen (line)) < 0)
      return 1;
    g_free (line);
    if (i % 3 == 0 || left) {
      guint64 at;
      g_assert_true (clipmoe_outbox_take (outbox, &at, &m));
      line = g_strdup_printf ("-%s\n", m.body);
      if (write (1, line, strlen (line)) < 0)
        return 1;
      clipmoe_outbox_done (outbox, at, TRUE);
      clipmoe_message_clear (&m);
      g_free (line);
      left -= left > 0;
    }
  }
}

/* What was accepted is sent at least once and in order, however often the process is killed. */
static void
test_kills (void) {
  char *path = place ("kills.db"), *program = g_file_read_link ("/proc/self/exe", NULL);
  GHashTable *sent = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GPtrArray *accepted = g_ptr_array_new_with_free_func (g_free);
  GRand *random = g_rand_new_with_seed (1);
  guint rounds = g_test_slow () ? 50 : 5;
  for (guint i = 0; i < rounds; i++) {
    char *arguments[] = {program, (char *)"--work", path, NULL};
    GPid child;
    int out;
    g_assert_true (g_spawn_async_with_pipes (NULL, arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                             &child, NULL, &out, NULL, NULL));
    FILE *f = fdopen (out, "r");
    char line[100];
    guint until = (guint)g_rand_int_range (random, 20, 400), n = 0;
    while (fgets (line, sizeof line, f)) {
      char *end_of = strchr (line, '\n');
      if (!end_of)
        break;
      *end_of = '\0';
      if (*line == '+')
        g_ptr_array_add (accepted, g_strdup (line + 1));
      else
        g_hash_table_add (sent, g_strdup (line + 1));
      if (++n == until)
        kill (child, SIGKILL);
    }
    fclose (f);
    waitpid (child, NULL, 0);
  }
  ClipmoeOutbox *outbox = outbox_at (path, "a");
  ClipmoeMessage m;
  guint64 at, before = 0;
  guint again = 0;
  while (clipmoe_outbox_take (outbox, &at, &m)) {
    g_assert_cmpuint (at, >, before);
    before = at;
    again += !g_hash_table_add (sent, m.body);
    g_free (m.source);
    clipmoe_outbox_done (outbox, at, TRUE);
  }
  for (guint i = 0; i < accepted->len; i++)
    if (!g_hash_table_contains (sent, accepted->pdata[i]))
      g_error ("%s was accepted and is lost", (char *)accepted->pdata[i]);
  g_test_message ("%u messages, %u of them twice", accepted->len, again);
  g_assert_cmpuint (accepted->len, >, 20 * rounds / 2);
  clipmoe_outbox_unref (outbox);
  g_hash_table_unref (sent);
  g_ptr_array_unref (accepted);
  g_rand_free (random);
  g_free (program);
  g_free (path);
}

static void
wait_for_trouble (ClipmoeOutboxPort *port, const char *expected) {
  for (guint i = 0;; i++) {
    char *why = clipmoe_outbox_port_trouble (port);
    gboolean as_expected = expected ? why && strstr (why, expected) : !why;
    g_free (why);
    if (as_expected)
      return;
    g_assert_cmpuint (i, <, 60000);
    g_usleep (1000);
  }
}

/* What is written to a file that was moved away would be found by nobody. */
static void
test_moved (void) {
  char *path = place ("moved.db"), *away = place ("away.db");
  ClipmoeOutbox *outbox = outbox_at (path, "a");
  ClipmoeOutboxPort *port = clipmoe_outbox_join (outbox, 10);
  g_assert_cmpint (add (port, EVENT, 1), ==, CLIPMOE_OUTBOX_KEPT);
  wait_for_trouble (port, NULL);
  g_assert_cmpint (g_rename (path, away), ==, 0);
  g_assert_cmpint (add (port, EVENT, 2), ==, CLIPMOE_OUTBOX_KEPT);
  wait_for_trouble (port, "was deleted, moved or replaced");
  g_assert_cmpint (g_rename (away, path), ==, 0);
  wait_for_trouble (port, NULL);
  clipmoe_outbox_port_leave (port, FALSE);
  clipmoe_outbox_port_free (port);
  clipmoe_outbox_unref (outbox);
  outbox = outbox_at (path, "a");
  clipmoe_outbox_done (outbox, take (outbox, 1), TRUE);
  clipmoe_outbox_done (outbox, take (outbox, 2), TRUE);
  is_empty (outbox);
  clipmoe_outbox_unref (outbox);
  g_free (path);
  g_free (away);
}

/* What is not ours is left alone. */
static void
test_foreign (void) {
  char *path = place ("foreign"), *text = NULL;
  GError *error = NULL;
  g_assert_true (g_file_set_contents (path, "SQLite format 3 and more", -1, NULL));
  g_assert_null (clipmoe_outbox_new (path, "a", wake, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_assert_true (strstr (error->message, "not an outbox of clipmoe") &&
                 g_str_has_prefix (error->message, path));
  g_clear_error (&error);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "SQLite format 3 and more");
  g_free (text);
  g_unlink (path);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_null (clipmoe_outbox_new (path, "a", wake, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_free (path);
  path = place ("missing/outbox");
  g_assert_null (clipmoe_outbox_new (path, "a", wake, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_clear_error (&error);
  g_free (path);
  /* a sound header and damage behind it; and one of a newer version */
  path = place ("damaged");
  clipmoe_outbox_unref (outbox_at (path, "a"));
  gsize length;
  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  text[63] = 9;
  g_assert_true (g_file_set_contents (path, text, (gssize)length, NULL));
  g_assert_null (clipmoe_outbox_new (path, "a", wake, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  text[63] = 1;
  memset (text + 100, 0xaa, length - 100);
  g_assert_true (g_file_set_contents (path, text, (gssize)length, NULL));
  g_assert_null (clipmoe_outbox_new (path, "a", wake, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_free (text);
  g_free (path);
  struct stat st;
  path = place ("private");
  clipmoe_outbox_unref (outbox_at (path, "a"));
  g_assert_cmpint (g_stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 077, ==, 0);
  g_free (path);
}

/* A disk that takes nothing: messages are sent all the same, it is told, and the file is used again. */
static void
test_full_disk (void) {
  char *path = place ("full.db"), *why = NULL;
  ClipmoeOutbox *outbox = outbox_at (path, "a");
  ClipmoeOutboxPort *port = clipmoe_outbox_join (outbox, 100000);
  struct rlimit was, none;
  add (port, EVENT, 0);
  g_assert_null (clipmoe_outbox_port_trouble (port));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &was), ==, 0);
  none = was;
  none.rlim_cur = 4096;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &none), ==, 0);
  guint n = 1;
  for (; !why && n < 20000; n++) {
    add (port, EVENT, n);
    why = clipmoe_outbox_port_trouble (port);
  }
  g_assert_nonnull (why);
  g_assert_true (g_str_has_prefix (why, path));
  g_free (why);
  gint64 begin = g_get_monotonic_time ();
  for (guint i = 0; i < 100; i++)
    add (port, LOOK, 7);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 20 * G_USEC_PER_SEC);
  clipmoe_outbox_done (outbox, take (outbox, 0), TRUE);
  clipmoe_outbox_done (outbox, take (outbox, 1), TRUE);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &was), ==, 0);
  while ((why = clipmoe_outbox_port_trouble (port))) {
    g_free (why);
    g_usleep (10000);
  }
  guint left = clipmoe_outbox_get_waiting (outbox);
  end (outbox, port);
  outbox = outbox_at (path, "a");
  g_assert_cmpuint (clipmoe_outbox_get_waiting (outbox), ==, left);
  take (outbox, n > 2 ? 2 : 7);
  clipmoe_outbox_unref (outbox);
  g_free (path);
}

/* What the disk never took is lost with the process: it is counted, and not said to be kept. */
static void
test_full_at_the_end (void) {
  char *path = place ("end.db");
  ClipmoeOutbox *outbox = outbox_at (path, "a");
  ClipmoeOutboxPort *port = clipmoe_outbox_join (outbox, 100000);
  ClipmoeOutboxCounts counts;
  struct rlimit was, none;
  clipmoe_outbox_port_set_live (port, TRUE);
  add (port, EVENT, 0);
  wait_for_trouble (port, NULL);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &was), ==, 0);
  none = was;
  none.rlim_cur = 4096;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &none), ==, 0);
  guint n = 1;
  for (char *why = NULL; !why; n++) {
    add (port, EVENT, n);
    why = clipmoe_outbox_port_trouble (port);
    if (why) {
      g_free (why);
      break;
    }
  }
  n++;
  clipmoe_outbox_set_state (outbox, CLIPMOE_OUTBOX_CUT);
  guint64 lost = clipmoe_outbox_port_leave (port, TRUE);
  g_assert_cmpuint (lost, >, 0);
  clipmoe_outbox_port_get_counts (port, &counts);
  g_assert_cmpuint (counts.dropped[EVENT], ==, lost);
  clipmoe_outbox_port_free (port);
  clipmoe_outbox_unref (outbox);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &was), ==, 0);
  outbox = outbox_at (path, "a");
  g_assert_cmpuint (clipmoe_outbox_get_waiting (outbox), ==, n - lost);
  clipmoe_outbox_unref (outbox);
  g_free (path);
}

/* A file that is damaged while it is closed: refused with a sentence, or what is lost of it is counted and
 * told. */
static void
test_damage (void) {
  char *path = place ("damage.db"), *sound = NULL, *body = g_strnfill (9000, 'x');
  gsize length;
  ClipmoeOutbox *outbox = outbox_at (path, "a");
  ClipmoeOutboxPort *port = clipmoe_outbox_join (outbox, 100000);
  for (guint i = 0; i < 40; i++) {
    ClipmoeMessage m = {EVENT, g_strdup ("s"), g_strdup (i % 2 ? body : "short")};
    clipmoe_outbox_port_add (port, &m);
  }
  wait_for_trouble (port, NULL);
  end (outbox, port);
  g_assert_true (g_file_get_contents (path, &sound, &length, NULL));
  GRand *random = g_rand_new_with_seed (1);
  guint refused = 0, told = 0, whole = 0;
  for (guint round = 0; round < 60; round++) {
    gsize page = (gsize)g_rand_int_range (random, 1, (gint)(length / 4096)) * 4096;
    char *bytes = g_memdup2 (sound, length);
    GError *error = NULL;
    if (round % 3 == 0)
      memset (bytes + page, 0, 4096);
    for (guint i = 0; round % 3 && i < (round % 3 == 1 ? 4 : 400); i++)
      bytes[page + (gsize)g_rand_int_range (random, 0, round % 2 ? 8 : 4096)] = (char)g_rand_int (random);
    g_assert_true (g_file_set_contents (path, bytes, (gssize)length, NULL));
    g_free (bytes);
    outbox = clipmoe_outbox_new (path, "a", wake, NULL, &error);
    if (!outbox) {
      g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
      g_assert_true (g_str_has_prefix (error->message, path));
      g_error_free (error);
      refused++;
      continue;
    }
    port = clipmoe_outbox_join (outbox, 100000);
    guint listed = clipmoe_outbox_get_waiting (outbox), taken = 0;
    ClipmoeMessage m;
    ClipmoeOutboxCounts counts;
    for (guint64 at; clipmoe_outbox_take (outbox, &at, &m); taken++)
      clipmoe_message_clear (&m);
    char *losses = clipmoe_outbox_port_losses (port);
    clipmoe_outbox_port_get_counts (port, &counts);
    g_assert_cmpuint (counts.dropped[EVENT] + counts.dropped[LOOK], ==, listed - taken);
    g_assert_true (!losses == (listed == taken));
    told += losses != NULL;
    whole += !losses;
    g_assert_null (clipmoe_outbox_port_losses (port));
    g_free (losses);
    end (outbox, port);
  }
  g_test_message ("%u refused, %u told, %u nothing noticed", refused, told, whole);
  g_assert_cmpuint (refused, >, 0);
  g_assert_cmpuint (told, >, 0);
  g_rand_free (random);
  g_free (sound);
  g_free (body);
  g_free (path);
}

int
main (int argc, char **argv) {
  if (argc == 3 && g_str_equal (argv[1], "--work"))
    return work (argv[2]);
  if (argc == 3 && g_str_equal (argv[1], "--open")) {
    GError *error = NULL;
    ClipmoeOutboxFile *file = clipmoe_outbox_file_open (argv[2], &error);
    int code = file ? 99 : error->code;
    g_clear_error (&error);
    return code;
  }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/outbox/memory", test_memory);
  g_test_add_func ("/outbox/file", test_file);
  g_test_add_func ("/outbox/ports", test_ports);
  g_test_add_func ("/outbox/waits", test_waits);
  g_test_add_func ("/outbox/targets", test_targets);
  g_test_add_func ("/outbox/kills", test_kills);
  g_test_add_func ("/outbox/moved", test_moved);
  g_test_add_func ("/outbox/foreign", test_foreign);
  g_test_add_func ("/outbox/damage", test_damage);
  g_test_add_func ("/outbox/full-disk", test_full_disk);
  g_test_add_func ("/outbox/full-at-the-end", test_full_at_the_end);
  return g_test_run ();
}
