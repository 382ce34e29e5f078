#include "fixture.h"

#include <string.h>
#include <model/residence.h>

ClipmoeTensors *
fixture_tensors (const char *folder, const char *name) {
  GError *error = NULL;
  char *path = g_build_filename (g_getenv ("CLIPMOE_TEST_SOURCES"), folder, name, NULL);
  ClipmoeTensors *t = clipmoe_tensors_read (path, &error);
  g_assert_no_error (error);
  g_free (path);
  return t;
}

void
fixture_init (Fixture *self, const char *name, ClipmoeActivation activation) {
  GError *error = NULL;
  char *file = g_strconcat (name, ".weights.safetensors", NULL),
       *path = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), file, NULL);
  ClipmoeModelOptions options = {.struct_size = sizeof options, .no_vocab = TRUE, .activation = activation};
  memset (self, 0, sizeof *self);
  self->model = clipmoe_model_open (path, &options, &error);
  g_assert_no_error (error);
  g_assert_true (clipmoe_model_hold_weights (self->model, &error));
  g_free (path);
  g_free (file);
  self->golden = fixture_tensors ("dmu", "gradients.safetensors");
  char *key = g_strconcat (name, "/tokens", NULL);
  const ClipmoeTensor *pixels = clipmoe_tensors_lookup (self->golden, "pixels"),
                      *tokens = clipmoe_tensors_lookup (self->golden, key);
  g_free (key);
  self->pixels = g_new (float, pixels->n_elements);
  g_assert_true (clipmoe_tensor_to_f32 (pixels, self->pixels));
  guint context = (guint)tokens->shape[1];
  static const guint order[2][3] = {{0, 1, 2}, {2, 0, 1}};
  for (guint set = 0; set < 2; set++) {
    self->ids[set] = g_new (guint32, 3 * context);
    for (guint i = 0; i < 3; i++)
      memcpy (self->ids[set] + i * context, tokens->data + order[set][i] * context * 4, context * 4);
  }
  for (guint i = 0; i < 3; i++)
    self->lengths[i] = context;
  self->batch.n = 3;
  self->batch.n_texts = 2;
  self->batch.pictures = (DmuPictures){.n = 3, .pixels = self->pixels};
  for (guint set = 0; set < 2; set++)
    self->batch.texts[set] = (DmuTexts){.n = 3, .ids = self->ids[set], .lengths = self->lengths};
}

void
fixture_clear (Fixture *self) {
  g_free (self->pixels);
  g_free (self->ids[0]);
  g_free (self->ids[1]);
  clipmoe_tensors_free (self->golden);
  clipmoe_model_drop_weights (self->model);
  clipmoe_model_unref (self->model);
}
