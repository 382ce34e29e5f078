/* Checks a model whose file is replaced at the worst moments: it is the old or the new one, never the
 * fingerprint of one with the shapes of the other, and is remembered correctly. */
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include "clipmoe/clipmoe.h"
#include "model/known.h"
#include "checkpoint/checkpoint.h"

static char *folder, *weights; /* the model that is opened */
static char *next;             /* takes its place when it is looked into; NULL: nothing does */

ClipmoeTensors *__real_clipmoe_tensors_read (const char *path, GError **error);
ClipmoeTensors *__real_clipmoe_tensors_read_shapes (const char *path, GError **error);
ClipmoeTensors *__wrap_clipmoe_tensors_read (const char *path, GError **error);
ClipmoeTensors *__wrap_clipmoe_tensors_read_shapes (const char *path, GError **error);

static void
replace (void) {
  if (next)
    g_assert_cmpint (g_rename (next, weights), ==, 0);
  g_clear_pointer (&next, g_free);
}

ClipmoeTensors *
__wrap_clipmoe_tensors_read (const char *path, GError **error) {
  replace ();
  return __real_clipmoe_tensors_read (path, error);
}

ClipmoeTensors *
__wrap_clipmoe_tensors_read_shapes (const char *path, GError **error) {
  replace ();
  return __real_clipmoe_tensors_read_shapes (path, error);
}

/* A copy of one of the tiny models, as @name in the folder. */
static char *
copy (const char *model, const char *name) {
  char *file = g_strconcat (model, ".weights.safetensors", NULL), *text;
  char *from = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), file, NULL);
  char *to = g_build_filename (folder, name, NULL);
  gsize n;
  g_assert_true (g_file_get_contents (from, &text, &n, NULL));
  g_assert_true (g_file_set_contents (to, text, (gssize)n, NULL));
  g_free (text);
  g_free (file);
  g_free (from);
  return to;
}

static void
open_as (char fingerprint[65], guint *blocks) {
  ClipmoeModelOptions o = {.struct_size = sizeof o, .no_vocab = TRUE};
  GError *error = NULL;
  ClipmoeModel *m = clipmoe_model_open (weights, &o, &error);
  g_assert_no_error (error);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (m);
  g_strlcpy (fingerprint, info->fingerprint, 65);
  *blocks = info->image->experts;
  clipmoe_model_unref (m);
}

/* By the clock of files, not ours. */
static void
settle (void) {
  for (gboolean settled = FALSE; !settled; g_usleep (100000))
    g_free (clipmoe_known_key (weights, &settled));
}

static void
test_replaced (void) {
  char dense[65], mixture[65], found[65], *key, *spare;
  guint none, some, experts;
  ClipmoeKnown known;
  gboolean settled;
  spare = copy ("moe-e4k2", "spare.safetensors");
  weights = spare;
  open_as (mixture, &some);
  weights = copy ("dense77", "model.safetensors");
  open_as (dense, &none);
  g_assert_cmpuint (none, ==, 0);
  g_assert_cmpuint (some, ==, 4);

  /* just written: another change might not show in its times, so it is not remembered */
  key = clipmoe_known_key (weights, &settled);
  g_assert_false (settled);
  g_assert_false (clipmoe_known_find (key, &known));
  g_free (key);
  settle ();

  /* replaced while it is read for the first time */
  next = spare;
  key = clipmoe_known_key (weights, NULL);
  open_as (found, &experts);
  g_assert_cmpstr (found, ==, mixture);
  g_assert_cmpuint (experts, ==, 4);
  g_assert_false (clipmoe_known_find (key, &known)); /* not what stood there when the key was made */
  g_free (key);

  settle (); /* its new name is a change, too */
  /* remembered by now, and replaced before its shapes are read */
  open_as (found, &experts);
  key = clipmoe_known_key (weights, NULL);
  g_assert_true (clipmoe_known_find (key, &known));
  g_assert_cmpstr (known.fingerprint, ==, mixture);
  g_free (key);
  next = copy ("dense77", "again.safetensors");
  open_as (found, &experts);
  g_assert_cmpstr (found, ==, dense);
  g_assert_cmpuint (experts, ==, 0);
  g_free (weights);
}

int
main (int argc, char **argv) {
  folder = g_dir_make_tmp ("clipmoe-replaced-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  char *one = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "dense77.weights.safetensors", NULL);
  int r = 77;
  if (g_file_test (one, G_FILE_TEST_EXISTS)) {
    g_test_add_func ("/model/replaced", test_replaced);
    r = g_test_run ();
  } else {
    g_print ("%s is missing: the build found no /usr/bin/python3 to make it\n", one);
  }
  char *command = g_strdup_printf ("rm -rf '%s'", folder);
  if (system (command) != 0)
    r = 1;
  g_free (command);
  g_free (one);
  g_free (folder);
  return r;
}
