/* Writes thresholds into the text of a label list, of which all else stays. */
#include <string.h>
#include "../base/jsontext.h"
#include "list.h"

typedef struct {
  GHashTable *wanted; /* name → label */
  GString *out;
  char *text; /* of the file, as it was */
  gsize done; /* bytes of it that are in @out */
} Rewrite;

static void
seen (const ClipmoeLabel *label, const char *text, const char *at, char *line, gpointer data) {
  Rewrite *r = data;
  if (!r->text)
    r->text = g_strdup (text);
  const ClipmoeLabel *wanted = g_hash_table_lookup (r->wanted, label->name);
  g_hash_table_remove (r->wanted, label->name);
  if (!wanted || isnan (wanted->threshold) || wanted->threshold == label->threshold)
    return;
  char *sign = clipmoe_list_threshold (line);
  gsize from = (gsize)(at - text), length = strlen (line), kept = length;
  if (sign) { /* with the white space behind it, as it was */
    kept = (gsize)(sign - line) + 1;
    kept += strspn (line + kept, " \t");
  }
  g_string_append_len (r->out, text + r->done, (gssize)(from + kept - r->done));
  if (!sign)
    g_string_append (r->out, " @ ");
  clipmoe_json_shortest (r->out, wanted->threshold);
  r->done = from + length;
}

char *
clipmoe_label_list_rewrite (const char *path_or_name, GPtrArray *labels, GError **error) {
  Rewrite r = {.wanted = g_hash_table_new (g_str_hash, g_str_equal), .out = g_string_new (NULL)};
  for (guint i = 0; i < labels->len; i++) {
    const ClipmoeLabel *label = labels->pdata[i];
    if (!isnan (label->threshold))
      g_hash_table_insert (r.wanted, (gpointer)label->name, labels->pdata[i]);
  }
  GPtrArray *list = clipmoe_list_read (path_or_name, seen, &r, error);
  gboolean ok = list != NULL;
  if (ok && g_hash_table_size (r.wanted)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: a label is not in it any more",
                 path_or_name);
    ok = FALSE;
  }
  if (ok)
    g_string_append (r.out, r.text + r.done);
  g_clear_pointer (&list, g_ptr_array_unref);
  g_hash_table_unref (r.wanted);
  g_free (r.text);
  return g_string_free (r.out, !ok);
}
