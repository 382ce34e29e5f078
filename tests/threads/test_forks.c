/* Checks a process that forks while threads of the library are at work: the child's own calls return, with
 * the same bytes as the parent's. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../encoder/golden.h"
#include "encoder/encoder-private.h"
#include "model/residence.h"

#define FORKS 25
#define PATIENCE 60 /* seconds; a child that waits for ever ends by SIGALRM */

typedef struct {
  ClipmoeModel *model;
  ClipmoeEncoder *encoder;
  float *pixels, *image;
  gsize embed;
  gint stop; /* atomic */
} Work;

static gboolean
encodes (const Work *w, ClipmoeEncoder *encoder) {
  float *out = g_new (float, w->embed);
  gboolean ok = clipmoe_encoder_encode_pixels (encoder, w->pixels, 1, out, NULL) &&
                memcmp (out, w->image, w->embed * sizeof *out) == 0;
  g_free (out);
  return ok;
}

/* All that a child may call, and what is asked of it. Returns the number of the first that fails. */
static int
child (const Work *w) {
  alarm (PATIENCE);
  if (!clipmoe_model_hold_weights (w->model, NULL))
    return 1;
  clipmoe_model_drop_weights (w->model);
  if (!encodes (w, w->encoder))
    return 2;
  ClipmoeEncoder *own = clipmoe_encoder_new (
      w->model, &(ClipmoeEncoderOptions){.struct_size = sizeof (ClipmoeEncoderOptions), .threads = 2}, NULL);
  if (!own || !encodes (w, own))
    return 3;
  clipmoe_cache_wait ();
  g_free (clipmoe_cache_why_not ());
  clipmoe_encoder_free (own);
  ClipmoeModel *again = golden_model ("moe-e4k2");
  clipmoe_model_unref (again);
  return 0;
}

static void
fork_now (const Work *w) {
  int status = -1;
  pid_t pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    _exit (child (w));
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (WIFSIGNALED (status))
    g_error ("the child ended by signal %d", WTERMSIG (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* So that they are packed and written again. The folder is asked for once and never again by GLib. */
static void
forget_packed (void) {
  char *folder = g_build_filename (g_get_user_cache_dir (), "clipmoe", NULL);
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (g_str_has_prefix (name, "packed-")) {
      char *path = g_build_filename (folder, name, NULL);
      unlink (path);
      g_free (path);
    }
  if (dir)
    g_dir_close (dir);
  g_free (folder);
}

/* Makes and frees encoders, which reads weights, packs and writes: forks fall anywhere into that. */
static void *
make_encoders (void *data) {
  Work *w = data;
  while (!g_atomic_int_get (&w->stop)) {
    ClipmoeEncoder *e = clipmoe_encoder_new (
        w->model, &(ClipmoeEncoderOptions){.struct_size = sizeof (ClipmoeEncoderOptions), .threads = 2},
        NULL);
    g_assert_true (e && encodes (w, e));
    clipmoe_encoder_free (e);
    forget_packed ();
  }
  return NULL;
}

static void *
hold_weights (void *data) {
  Work *w = data;
  while (!g_atomic_int_get (&w->stop)) {
    g_assert_true (clipmoe_model_hold_weights (w->model, NULL));
    clipmoe_model_drop_weights (w->model);
  }
  return NULL;
}

/* An answer that is being worked out while the process forks. */
static void *
encode (void *data) {
  Work *w = data;
  while (!g_atomic_int_get (&w->stop))
    g_assert_true (encodes (w, w->encoder));
  return NULL;
}

static void
work_init (Work *w) {
  ClipmoeTensors *inputs = golden_read ("inputs");
  *w = (Work){.model = golden_model ("moe-e4k2")};
  w->embed = clipmoe_model_get_info (w->model)->embed;
  w->pixels = golden_floats (inputs, "pixels");
  w->image = g_new (float, w->embed);
  w->encoder = clipmoe_encoder_new (
      w->model, &(ClipmoeEncoderOptions){.struct_size = sizeof (ClipmoeEncoderOptions), .threads = 2}, NULL);
  g_assert_true (clipmoe_encoder_encode_pixels (w->encoder, w->pixels, 1, w->image, NULL));
  clipmoe_tensors_free (inputs);
}

static void
work_clear (Work *w) {
  clipmoe_encoder_free (w->encoder);
  clipmoe_model_unref (w->model);
  g_free (w->pixels);
  g_free (w->image);
}

static void
beside (void *(*thread) (void *)) {
  Work w;
  pthread_t id;
  work_init (&w);
  g_assert_cmpint (pthread_create (&id, NULL, thread, &w), ==, 0);
  for (guint i = 0; i < FORKS; i++)
    fork_now (&w);
  g_atomic_int_set (&w.stop, TRUE);
  pthread_join (id, NULL);
  clipmoe_cache_wait ();
  work_clear (&w);
}

static void
test_encoders (void) {
  beside (make_encoders);
}

static void
test_weights (void) {
  beside (hold_weights);
}

static void
test_answers (void) {
  beside (encode);
}

/* The very moment: what was packed is being written, by a thread that the child has not. */
static void
test_writer (void) {
  for (guint i = 0; i < FORKS; i++) {
    Work w;
    forget_packed ();
    work_init (&w);
    fork_now (&w);
    work_clear (&w);
    clipmoe_cache_wait ();
  }
}

int
main (int argc, char **argv) {
  if (golden_missing ())
    return 77;
  char *home = g_dir_make_tmp ("clipmoe-forks-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/forks/writer", test_writer);
  g_test_add_func ("/forks/encoders", test_encoders);
  g_test_add_func ("/forks/weights", test_weights);
  g_test_add_func ("/forks/answers", test_answers);
  int r = g_test_run ();
  char *command = g_strdup_printf ("rm -rf '%s'", home);
  if (system (command) != 0)
    r = 1;
  g_free (command);
  g_free (home);
  return r;
}
