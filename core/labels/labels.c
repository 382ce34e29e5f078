/* Labels and their vectors for one model. */
#include "labels-private.h"
#include "vectors.h"

/* Numbers the groups in the order of their first labels. */
static void
number_groups (ClipmoeLabels *self) {
  GHashTable *numbers = NULL;
  for (guint i = 0; i < self->n; i++) {
    const char *name = clipmoe_labels_get (self, i)->group;
    if (!name)
      continue;
    if (!numbers) {
      numbers = g_hash_table_new (g_str_hash, g_str_equal);
      self->groups = g_new (gint, self->n);
      for (guint j = 0; j < self->n; j++)
        self->groups[j] = -1;
    }
    gpointer number;
    if (!g_hash_table_lookup_extended (numbers, name, NULL, &number))
      g_hash_table_insert (numbers, (gpointer)name, number = GUINT_TO_POINTER (self->n_groups++));
    self->groups[i] = (gint)GPOINTER_TO_UINT (number);
  }
  if (numbers)
    g_hash_table_unref (numbers);
}

ClipmoeLabels *
clipmoe_labels_new (ClipmoeEncoder *encoder, GPtrArray *labels, GPtrArray *negatives,
                    const char *const *templates, GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder));
  ClipmoeLabels *self = g_new0 (ClipmoeLabels, 1);
  self->ref_count = 1;
  self->n = labels ? labels->len : 0;
  self->n_negatives = negatives ? negatives->len : 0;
  self->embed = info->embed;
  self->scale = exp (info->logit_scale);
  self->labels = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_label_free);
  guint rows = self->n + self->n_negatives + 1;
  for (guint i = 0; i + 1 < rows; i++) {
    const ClipmoeLabel *l = i < self->n ? labels->pdata[i] : negatives->pdata[i - self->n];
    ClipmoeLabel *copy = clipmoe_label_new (l->name, l->prompt, l->threshold);
    clipmoe_label_set_group (copy, l->group);
    clipmoe_label_set_pictures (copy, l->pictures, l->place);
    copy->shown = l->shown ? g_memdup2 (l->shown, l->n_shown * sizeof (float)) : NULL;
    copy->n_shown = l->n_shown;
    g_ptr_array_add (self->labels, copy);
  }
  g_ptr_array_add (self->labels, NULL); /* the background */
  number_groups (self);
  self->vectors = g_try_new0 (float, (gsize)rows * self->embed);
  gboolean ok = self->vectors != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for %u label vectors", rows);
  /* Without a label nobody reads the background's row: an image tower alone leaves it at zero. */
  gboolean none = rows == 1 && info->text->width == 0;
  ok = ok && (none || clipmoe_vectors_make (encoder, self->labels, templates, self->vectors,
                                            &self->n_truncated, error));
  if (!ok)
    g_clear_pointer (&self, clipmoe_labels_unref);
  return self;
}

ClipmoeLabels *
clipmoe_labels_ref (ClipmoeLabels *self) {
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
clipmoe_labels_unref (ClipmoeLabels *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_ptr_array_unref (self->labels);
  g_free (self->groups);
  g_free (self->vectors);
  g_free (self);
}

guint
clipmoe_labels_get_n (const ClipmoeLabels *self) {
  return self->n;
}

guint
clipmoe_labels_get_n_negatives (const ClipmoeLabels *self) {
  return self->n_negatives;
}

const ClipmoeLabel *
clipmoe_labels_get (const ClipmoeLabels *self, guint i) {
  return self->labels->pdata[i];
}

guint
clipmoe_labels_get_n_groups (const ClipmoeLabels *self) {
  return self->n_groups;
}

gint
clipmoe_labels_get_group (const ClipmoeLabels *self, guint i) {
  return self->groups ? self->groups[i] : -1;
}

const float *
clipmoe_labels_get_vector (const ClipmoeLabels *self, guint i) {
  return self->vectors + (gsize)i * self->embed;
}

guint
clipmoe_labels_get_n_rows (const ClipmoeLabels *self) {
  return self->n + self->n_negatives + 1;
}

guint
clipmoe_labels_get_n_truncated (const ClipmoeLabels *self) {
  return self->n_truncated;
}
