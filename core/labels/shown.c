/* The vectors of labels that are shown by pictures. */
#include <math.h>
#include "../clipmoe/labels.h"
#include "lines.h"

/* Adds the picture's unit vector to @sum. @one: room for it. */
static gboolean
add_picture (const char *path, ClipmoeEncoder *encoder, ClipmoeGeometry geometry, ClipmoePictureReader reader,
             gpointer data, guint embed, float *one, double *sum, GError **error) {
  ClipmoeImage image = {.struct_size = sizeof image};
  gpointer pixels = NULL;
  gboolean ok = reader (path, &image, &pixels, data, error);
  if (ok && !clipmoe_encoder_encode_images (encoder, &image, 1, geometry, CLIPMOE_ORIENTATION_IDENTITY, one,
                                            error)) {
    char *shown = clipmoe_lines_quote (path);
    g_prefix_error (error, "%s: ", shown);
    g_free (shown);
    ok = FALSE;
  }
  g_free (pixels);
  for (guint j = 0; j < embed && ok; j++)
    sum[j] += one[j];
  return ok;
}

/* The mean of the pictures' unit vectors, of length one. */
static float *
mean_of (const ClipmoeLabel *label, ClipmoeEncoder *encoder, ClipmoeGeometry geometry,
         ClipmoePictureReader reader, gpointer data, guint embed, GError **error) {
  double *sum = g_new0 (double, embed), length = 0;
  float *mean = g_new (float, embed);
  gboolean ok = TRUE;
  for (guint i = 0; label->pictures[i] && ok; i++)
    ok = add_picture (label->pictures[i], encoder, geometry, reader, data, embed, mean, sum, error);
  for (guint j = 0; j < embed; j++)
    length += sum[j] * sum[j];
  if (ok && !(length > 0)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "its pictures cancel each other out");
    ok = FALSE;
  }
  for (guint j = 0; j < embed && ok; j++)
    mean[j] = (float)(sum[j] / sqrt (length));
  g_free (sum);
  if (!ok)
    g_clear_pointer (&mean, g_free);
  return mean;
}

gboolean
clipmoe_label_list_encode_pictures (GPtrArray *labels, ClipmoeEncoder *encoder, ClipmoeGeometry geometry,
                                    ClipmoePictureReader reader, gpointer data, GError **error) {
  guint embed = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder))->embed;
  for (guint i = 0; i < labels->len; i++) {
    ClipmoeLabel *label = labels->pdata[i];
    if (!label->pictures)
      continue;
    float *mean = mean_of (label, encoder, geometry, reader, data, embed, error);
    if (!mean) {
      char *name = clipmoe_lines_quote (label->name);
      g_prefix_error (error, "%s: label \"%s\": ", label->place ? label->place : "labels", name);
      g_free (name);
      return FALSE;
    }
    g_free ((float *)label->shown);
    label->shown = mean;
    label->n_shown = embed;
  }
  return TRUE;
}
