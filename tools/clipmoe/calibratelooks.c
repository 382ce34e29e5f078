#include "calibratelooks.h"

#include <string.h>
#include "common.h"
#include "media.h"

struct _ClipmoeCalibrateLooks {
  ClipmoeEncoder *encoder;
  ClipmoeLabels *labels;
  ClipmoeGeometry geometry;
  ClipmoeScore score;
  GHashTable *vectors;  /* picture → float [embed] */
  GHashTable *examples; /* path → picture, of those that show labels */
  GHashTable *seen;     /* "LABEL PICTURE" → its path; */
  GHashTable *with;     /* the same names, of those with the label */
  float *cosines;
  double *scores;
  guint *best;
};

/* A name of the picture's pixels. */
static char *
name_of (const ClipmoeMedia *media) {
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guint8 *)&media->width, sizeof media->width);
  g_checksum_update (sum, media->rgb, (gssize)media->width * media->height * 3);
  char *name = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return name;
}

static gboolean
open_picture (const char *path, ClipmoeMedia *media, GError **error) {
  if (!clipmoe_media_open (media, path, error))
    return FALSE;
  if (!media->rgb)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: no picture: save frames of a video first", path);
  return media->rgb != NULL;
}

/* A ClipmoePictureReader. */
static gboolean
read_example (const char *path, ClipmoeImage *image, gpointer *pixels, gpointer data, GError **error) {
  ClipmoeCalibrateLooks *self = data;
  ClipmoeMedia media;
  if (!open_picture (path, &media, error))
    return FALSE;
  g_hash_table_insert (self->examples, g_strdup (path), name_of (&media));
  *image = clipmoe_media_image (&media);
  *pixels = media.rgb;
  return TRUE;
}

ClipmoeCalibrateLooks *
clipmoe_calibrate_looks_new (ClipmoeEncoder *encoder, GPtrArray *labels, GPtrArray *negatives,
                             const char *const *templates, ClipmoeGeometry geometry, ClipmoeScore score,
                             GError **error) {
  ClipmoeCalibrateLooks *self = g_new0 (ClipmoeCalibrateLooks, 1);
  self->encoder = encoder;
  self->geometry = geometry;
  self->score = score;
  self->vectors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->examples = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->with = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (clipmoe_label_list_encode_pictures (labels, encoder, geometry, read_example, self, error))
    self->labels = clipmoe_labels_new (encoder, labels, negatives, templates, error);
  if (!self->labels) {
    clipmoe_calibrate_looks_free (self);
    return NULL;
  }
  self->cosines = g_new (float, clipmoe_labels_get_n_rows (self->labels));
  self->scores = g_new (double, clipmoe_labels_get_n (self->labels));
  self->best = g_new (guint, clipmoe_labels_get_n_groups (self->labels) + 1);
  return self;
}

void
clipmoe_calibrate_looks_free (ClipmoeCalibrateLooks *self) {
  if (!self)
    return;
  clipmoe_labels_unref (self->labels);
  g_hash_table_unref (self->vectors);
  g_hash_table_unref (self->examples);
  g_hash_table_unref (self->seen);
  g_hash_table_unref (self->with);
  g_free (self->cosines);
  g_free (self->scores);
  g_free (self->best);
  g_free (self);
}

const ClipmoeLabels *
clipmoe_calibrate_looks_get_labels (const ClipmoeCalibrateLooks *self) {
  return self->labels;
}

static gboolean
is_example (const ClipmoeCalibrateLooks *self, const ClipmoeLabel *label, const char *name) {
  for (guint i = 0; label->pictures && label->pictures[i]; i++)
    if (g_strcmp0 (g_hash_table_lookup (self->examples, label->pictures[i]), name) == 0)
      return TRUE;
  return FALSE;
}

/* (transfer none): the picture's vector, of which one look is enough. NULL: @error is set. */
static const float *
vector_of (ClipmoeCalibrateLooks *self, const ClipmoeMedia *media, const char *name, const char *path,
           GError **error) {
  float *vector = g_hash_table_lookup (self->vectors, name);
  if (vector)
    return vector;
  const ClipmoeImage image = clipmoe_media_image (media);
  vector = g_new (float, clipmoe_model_get_info (clipmoe_encoder_get_model (self->encoder))->embed);
  if (!clipmoe_encoder_encode_images (self->encoder, &image, 1, self->geometry, CLIPMOE_ORIENTATION_IDENTITY,
                                      vector, error)) {
    g_prefix_error (error, "%s: ", path);
    g_free (vector);
    return NULL;
  }
  g_hash_table_insert (self->vectors, g_strdup (name), vector);
  return vector;
}

static double
score_of (ClipmoeCalibrateLooks *self, const float *vector, guint label) {
  gint group = clipmoe_labels_get_group (self->labels, label);
  clipmoe_scorer_cosines (self->labels, vector, self->cosines);
  clipmoe_scorer_scores (self->labels, self->score, self->cosines, self->scores);
  clipmoe_scorer_best (self->labels, self->scores, self->best);
  return group >= 0 && self->best[group] != label ? -INFINITY : self->scores[label];
}

/* Whether the label has this picture already. */
static ClipmoeCalibrateLook
note (ClipmoeCalibrateLooks *self, const char *name, const char *path, guint label, gboolean there,
      GError **error) {
  char *key = g_strdup_printf ("%u %s", label, name);
  const char *before = g_hash_table_lookup (self->seen, key);
  gboolean was_there = g_hash_table_contains (self->with, key);
  if (before && was_there != there)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "label \"%s\": %s and %s are the same picture, and the label is in one of them alone",
                 clipmoe_labels_get (self->labels, label)->name, before, path);
  ClipmoeCalibrateLook look = !before              ? CLIPMOE_LOOK_SCORED
                              : was_there == there ? CLIPMOE_LOOK_TWICE
                                                   : CLIPMOE_LOOK_CONTRADICTION;
  if (!before && there)
    g_hash_table_add (self->with, g_strdup (key));
  if (!before)
    g_hash_table_insert (self->seen, key, g_strdup (path));
  else
    g_free (key);
  return look;
}

ClipmoeCalibrateLook
clipmoe_calibrate_look (ClipmoeCalibrateLooks *self, const char *path, guint label, gboolean there,
                        double *score, GError **error) {
  ClipmoeMedia media = {0};
  GError *why = NULL;
  ClipmoeCalibrateLook look = CLIPMOE_LOOK_UNREADABLE;
  if (open_picture (path, &media, &why)) {
    char *name = name_of (&media);
    if (is_example (self, clipmoe_labels_get (self->labels, label), name))
      look = CLIPMOE_LOOK_EXAMPLE;
    else
      look = note (self, name, path, label, there, error);
    const float *vector = look == CLIPMOE_LOOK_SCORED ? vector_of (self, &media, name, path, &why) : NULL;
    if (vector)
      *score = score_of (self, vector, label);
    if (why)
      look = CLIPMOE_LOOK_UNREADABLE;
    g_free (name);
  }
  if (why)
    clipmoe_fail (why);
  clipmoe_media_clear (&media);
  return look;
}
