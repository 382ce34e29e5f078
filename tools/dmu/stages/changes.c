#include "changes.h"

#include <string.h>
#include "charts.h"

#define PICTURES 30          /* shown in all, about */
#define MAX_SHOWN (1u << 20) /* bytes of one */

/* One set of both evaluations. */
typedef struct {
  json_t *samples, *before, *now;   /* arrays over its pictures */
  const char *was_right, *is_right; /* '0' and '1' of each */
  gsize n;
} Answers;

static Answers
answers_of (json_t *a, json_t *b) {
  Answers s = {json_object_get (b, "samples"),
               json_object_get (a, "first"),
               json_object_get (b, "first"),
               json_string_value (json_object_get (a, "right")),
               json_string_value (json_object_get (b, "right")),
               0};
  gsize n = json_array_size (s.now);
  if (json_array_size (s.samples) == n && json_array_size (s.before) == n && s.was_right && s.is_right &&
      strlen (s.was_right) >= n && strlen (s.is_right) >= n)
    s.n = n;
  return s;
}

static const char *
string_at (json_t *array, gsize i) {
  const char *s = json_string_value (json_array_get (array, i));
  return s ? s : "";
}

/* The MIME type, by the first bytes; NULL: a format that browsers do not show. */
static const char *
mime_of (const guchar *data, gsize n) {
  static const struct {
    const char *begin, *mime;
  } kinds[] = {{"\xff\xd8\xff", "jpeg"}, {"\x89PNG", "png"}, {"GIF8", "gif"}, {"BM", "bmp"}};
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (n > strlen (kinds[i].begin) && memcmp (data, kinds[i].begin, strlen (kinds[i].begin)) == 0)
      return kinds[i].mime;
  return n > 12 && memcmp (data, "RIFF", 4) == 0 && memcmp (data + 8, "WEBP", 4) == 0 ? "webp" : NULL;
}

static gboolean
picture (GString *out, const DmuSample *s) {
  gsize n = 0;
  GBytes *bytes = dmu_sample_read (s, NULL);
  const guchar *data = bytes ? g_bytes_get_data (bytes, &n) : NULL;
  const char *mime = mime_of (data, n);
  gboolean ok = mime && n <= MAX_SHOWN;
  if (ok) {
    char *base64 = g_base64_encode (data, n);
    g_string_append_printf (out, "<figure><img alt=\"\" src=\"data:image/%s;base64,%s\"><figcaption>", mime,
                            base64);
    g_free (base64);
  }
  if (bytes)
    g_bytes_unref (bytes);
  return ok;
}

static void
answer (GString *out, const char *tag, const char *words, gboolean right) {
  g_string_append_printf (out, "<%s class=\"%s\">%s ", tag, right ? "right" : "wrong", right ? "✓" : "✗");
  dmu_html_text (out, words);
  g_string_append_printf (out, "</%s>", tag);
}

static gboolean
show (GString *out, const Answers *s, gsize i, guint sample, const DmuDataset *heldout) {
  const DmuSample *own = dmu_dataset_get (heldout, sample);
  gboolean right = s->was_right[i] == '1' || s->is_right[i] == '1';
  if (!picture (out, own))
    return FALSE;
  answer (out, "span", string_at (s->before, i), s->was_right[i] == '1');
  g_string_append (out, "<br>→ ");
  answer (out, "b", string_at (s->now, i), s->is_right[i] == '1');
  if (!right && own->label) {
    g_string_append (out, "<br>it is: ");
    dmu_html_text (out, heldout->labels->pdata[own->label - 1]);
  }
  g_string_append (out, "</figcaption></figure>\n");
  return TRUE;
}

/* At most @most of the set's pictures; @seen: numbers of those that were shown. */
static void
show_set (GString *out, const Answers *s, gsize most, GHashTable *seen, const DmuDataset *heldout) {
  GArray *changed = g_array_new (FALSE, FALSE, sizeof (gsize));
  for (gsize i = 0; i < s->n; i++) {
    json_int_t sample = json_integer_value (json_array_get (s->samples, i));
    if (sample >= 0 && sample < dmu_dataset_get_n (heldout) &&
        !g_hash_table_contains (seen, GUINT_TO_POINTER ((guint)sample)) &&
        strcmp (string_at (s->before, i), string_at (s->now, i)) != 0)
      g_array_append_val (changed, i);
  }
  for (gsize k = 0, n = MIN (most, changed->len); k < n; k++) {
    gsize i = g_array_index (changed, gsize, k * changed->len / n);
    guint sample = (guint)json_integer_value (json_array_get (s->samples, i));
    if (show (out, s, i, sample, heldout))
      g_hash_table_add (seen, GUINT_TO_POINTER (sample));
  }
  g_array_unref (changed);
}

void
dmu_changes_show (GString *out, json_t *before, json_t *now, const DmuDataset *heldout) {
  json_t *a = json_object_get (before, "sets"), *b = json_object_get (now, "sets"), *set;
  gsize i, sets = json_array_size (b);
  GHashTable *seen = g_hash_table_new (NULL, NULL);
  g_string_append (out, "<div class=\"pictures\">\n");
  json_array_foreach (b, i, set) {
    Answers s = answers_of (json_array_get (a, i), set);
    show_set (out, &s, MAX (PICTURES / sets, 1), seen, heldout);
  }
  g_string_append (out, "</div>\n");
  g_hash_table_unref (seen);
}
