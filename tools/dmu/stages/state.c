#include "state.h"

#include <stdlib.h>
#include <string.h>
#include <base/file.h>
#include <checkpoint/checkpoint.h>
#include <checkpoint/safetensors.h>

static const char *const names[] = {"theta", "m", "v", "average"};

static Real *
part (const DmuAdamw *a, guint i) {
  Real *const parts[] = {a->net->theta, a->m, a->v, a->average};
  return parts[i];
}

gboolean
dmu_state_save (const DmuAdamw *a, const char *path, const char *digest, guint64 curves, double loss,
                GError **error) {
  ClipmoeTensor tensors[4];
  guint n = a->average ? 4 : 3;
  G_STATIC_ASSERT (sizeof (Real) == 4 || sizeof (Real) == 8);
  for (guint i = 0; i < n; i++)
    tensors[i] = (ClipmoeTensor){.name = (char *)names[i],
                                 .dtype = sizeof (Real) == 4 ? CLIPMOE_DTYPE_F32 : CLIPMOE_DTYPE_F64,
                                 .dtype_name = sizeof (Real) == 4 ? "F32" : "F64",
                                 .n_dims = 1,
                                 .shape = {a->net->n_trained},
                                 .n_elements = a->net->n_trained,
                                 .n_bytes = a->net->n_trained * sizeof (Real),
                                 .data = (const guint8 *)part (a, i)};
  GHashTable *meta = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_hash_table_insert (meta, (gpointer) "dmu.stage", g_strdup (digest));
  g_hash_table_insert (meta, (gpointer) "dmu.step", g_strdup_printf ("%" G_GUINT64_FORMAT, a->step));
  g_hash_table_insert (meta, (gpointer) "dmu.curves", g_strdup_printf ("%" G_GUINT64_FORMAT, curves));
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_hash_table_insert (meta, (gpointer) "dmu.loss", g_strdup (g_ascii_dtostr (number, sizeof number, loss)));
  gboolean ok = clipmoe_safetensors_write (path, tensors, n, meta, error);
  g_hash_table_unref (meta);
  return ok;
}

static gboolean
whole (const char *text, guint64 *out) {
  char *end;
  if (!text || !g_ascii_isdigit (*text))
    return FALSE;
  *out = g_ascii_strtoull (text, &end, 10);
  return !*end;
}

gboolean
dmu_state_load (DmuAdamw *a, const char *path, const char *digest, guint64 *curves, double *loss,
                GError **error) {
  if (!clipmoe_file_is_there (path))
    return FALSE;
  ClipmoeTensors *t = clipmoe_tensors_read (path, error);
  if (!t)
    return FALSE;
  guint n = a->average ? 4 : 3;
  guint64 step = 0;
  gboolean ok = clipmoe_tensors_get_n (t) == n &&
                g_strcmp0 (clipmoe_tensors_get_metadata (t, "dmu.stage"), digest) == 0 &&
                whole (clipmoe_tensors_get_metadata (t, "dmu.step"), &step) &&
                whole (clipmoe_tensors_get_metadata (t, "dmu.curves"), curves);
  const char *mean = clipmoe_tensors_get_metadata (t, "dmu.loss");
  if (mean)
    *loss = g_ascii_strtod (mean, NULL);
  for (guint i = 0; i < n && ok; i++) {
    const ClipmoeTensor *x = clipmoe_tensors_lookup (t, names[i]);
    ok = x && x->n_bytes == a->net->n_trained * sizeof (Real) && x->n_elements == a->net->n_trained;
  }
  if (!clipmoe_tensors_get_metadata (t, "dmu.stage"))
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: is there and no checkpoint of a stage, expected a free name, nothing was changed",
                 path);
  else if (!ok)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
        "%s: belongs to another stage or other settings, expected that of this run: delete it to begin anew",
        path);
  for (guint i = 0; i < n && ok; i++)
    memcpy (part (a, i), clipmoe_tensors_lookup (t, names[i])->data, a->net->n_trained * sizeof (Real));
  if (ok)
    a->step = step;
  clipmoe_tensors_free (t);
  return ok;
}
