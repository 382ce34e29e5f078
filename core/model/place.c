#include "place.h"

#include <string.h>

#define MOST_LOOSE 64 /* towers without a partner of the same prefix that are compared with each other */
#define MOST_NAMED 4  /* prefixes that a message names */

/* A tower, told by one tensor that it always has. */
typedef struct {
  char *prefix;
  const ClipmoeTensor *projection; /* or NULL */
  gboolean hugging_face, paired;
  gboolean openclip; /* of a text tower: its names begin with "text." */
} Tower;

/* What may be meant: both towers, or one that has no partner. */
typedef struct {
  const Tower *image, *text; /* or NULL */
  gsize common;              /* bytes of both prefixes that are the same */
} Pair;

static const char *
prefix_of (const Pair *p) {
  return p->image ? p->image->prefix : p->text->prefix;
}

typedef struct {
  const ClipmoeTensors *tensors;
  GPtrArray *images, *texts; /* Tower, in the order of the file */
  GHashTable *by_prefix;     /* of text towers, with their naming */
  GPtrArray *scales;         /* names of logit_scale; borrowed */
  GArray *pairs;
} Search;

static void
tower_free (gpointer data) {
  g_free (((Tower *)data)->prefix);
  g_free (data);
}

static void
search_clear (Search *s) {
  g_ptr_array_unref (s->images);
  g_ptr_array_unref (s->texts);
  g_ptr_array_unref (s->scales);
  g_hash_table_unref (s->by_prefix);
  g_array_unref (s->pairs);
}

/* The bytes before @end, where @name ends in it and it stands there as whole words; -1: it does not. */
static gssize
before (const char *name, gsize length, const char *end) {
  gsize n = strlen (end);
  if (length < n || memcmp (name + length - n, end, n) != 0 || (length > n && name[length - n - 1] != '.'))
    return -1;
  return (gssize)(length - n);
}

static const ClipmoeTensor *
projection (const ClipmoeTensors *tensors, const char *prefix, const char *name) {
  char *whole = g_strconcat (prefix, name, NULL);
  const ClipmoeTensor *t = clipmoe_tensors_lookup (tensors, whole);
  g_free (whole);
  return t && t->n_dims == 2 ? t : NULL;
}

static void
add_image (Search *s, const char *name, gsize n, gboolean hf) {
  Tower *t = g_new0 (Tower, 1);
  t->prefix = g_strndup (name, n);
  t->hugging_face = hf;
  t->projection = projection (s->tensors, t->prefix, hf ? "visual_projection.weight" : "visual.proj");
  g_ptr_array_add (s->images, t);
}

static void
add_text (Search *s, const char *name, gsize n, gboolean hf) {
  Tower *t = g_new0 (Tower, 1);
  t->prefix = g_strndup (name, n);
  t->hugging_face = hf;
  t->projection = projection (s->tensors, t->prefix, hf ? "text_projection.weight" : "text_projection");
  t->openclip = !hf && before (t->prefix, n, "text.") >= 0;
  g_ptr_array_add (s->texts, t);
  g_hash_table_insert (s->by_prefix, g_strconcat (hf ? "h" : "o", t->prefix, NULL), t);
}

/* One walk over the names. */
static void
list_towers (Search *s) {
  for (guint i = 0; i < clipmoe_tensors_get_n (s->tensors); i++) {
    const char *name = clipmoe_tensors_get (s->tensors, i)->name;
    gsize length = strlen (name);
    gssize n;
    if ((n = before (name, length, "visual.conv1.weight")) >= 0)
      add_image (s, name, (gsize)n, FALSE);
    else if ((n = before (name, length, "vision_model.embeddings.patch_embedding.weight")) >= 0)
      add_image (s, name, (gsize)n, TRUE);
    else if ((n = before (name, length, "text_model.embeddings.token_embedding.weight")) >= 0)
      add_text (s, name, (gsize)n, TRUE);
    else if ((n = before (name, length, "token_embedding.weight")) >= 0)
      add_text (s, name, (gsize)n, FALSE);
    else if (before (name, length, "logit_scale") >= 0)
      g_ptr_array_add (s->scales, (gpointer)name);
  }
}

/* Bytes of two prefixes that are the same, whole words only. */
static gsize
common_path (const char *a, const char *b) {
  gsize same = 0;
  for (gsize i = 0; a[i] && a[i] == b[i]; i++)
    if (a[i] == '.')
      same = i + 1;
  return same;
}

static void
pair (Search *s, Tower *image, Tower *text) {
  Pair p = {image, text, common_path (image->prefix, text->prefix)};
  g_array_append_val (s->pairs, p);
  image->paired = text->paired = TRUE;
}

/* Whether these can be one model's, as far as the sizes of their vectors tell. */
static gboolean
agree (const Tower *image, const Tower *text) {
  if (image->hugging_face != text->hugging_face || !image->projection != !text->projection)
    return FALSE;
  guint end = image->hugging_face ? 0 : 1;
  return !image->projection || image->projection->shape[end] == text->projection->shape[end];
}

/* Towers under prefixes of their own ("_image_encoder.", "_text_encoder."): those that share the longest path
 * belong together. */
static void
pair_loose (Search *s) {
  Tower *images[MOST_LOOSE], *texts[MOST_LOOSE];
  guint n_images = 0, n_texts = 0;
  for (guint i = 0; i < s->images->len && n_images < MOST_LOOSE; i++)
    if (!((Tower *)s->images->pdata[i])->paired)
      images[n_images++] = s->images->pdata[i];
  for (guint i = 0; i < s->texts->len && n_texts < MOST_LOOSE; i++)
    if (!((Tower *)s->texts->pdata[i])->paired)
      texts[n_texts++] = s->texts->pdata[i];
  for (;;) {
    Tower *image = NULL, *text = NULL;
    gsize most = 0;
    guint as_long = 0;
    for (guint i = 0; i < n_images; i++)
      for (guint t = 0; t < n_texts; t++) {
        if (images[i]->paired || texts[t]->paired || !agree (images[i], texts[t]))
          continue;
        gsize same = common_path (images[i]->prefix, texts[t]->prefix);
        if (!image || same > most) {
          image = images[i];
          text = texts[t];
          most = same;
          as_long = 1;
        } else if (same == most && (image == images[i] || text == texts[t])) {
          as_long++;
        }
      }
    if (as_long != 1) /* none left, or no telling which */
      return;
    pair (s, image, text);
  }
}

static void
search (Search *s, const ClipmoeTensors *tensors) {
  *s = (Search){.tensors = tensors,
                .images = g_ptr_array_new_with_free_func (tower_free),
                .texts = g_ptr_array_new_with_free_func (tower_free),
                .scales = g_ptr_array_new (),
                .by_prefix = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                .pairs = g_array_new (FALSE, FALSE, sizeof (Pair))};
  list_towers (s);
  for (guint i = 0; i < s->images->len; i++) {
    Tower *image = s->images->pdata[i], *text;
    char *key = g_strconcat (image->hugging_face ? "h" : "o", image->prefix, "text.", NULL);
    text = image->hugging_face ? NULL : g_hash_table_lookup (s->by_prefix, key);
    if (!text || text->paired) {
      key[strlen (key) - strlen ("text.")] = 0;
      text = g_hash_table_lookup (s->by_prefix, key);
    }
    g_free (key);
    if (text && !text->paired)
      pair (s, image, text);
  }
  pair_loose (s);
}

/* Whether somebody means the prefix @n bytes of @prefix by @asked, with or without the last dot. */
static gboolean
is_meant (const char *prefix, gsize n, const char *asked) {
  gsize length = strcmp (asked, ".") == 0 ? 0 : strlen (asked);
  if (length && asked[length - 1] == '.')
    length--;
  return (n ? n - 1 : 0) == length && memcmp (prefix, asked, length) == 0;
}

/* "“model.” and “teacher.”" */
static char *
list_pairs (const Search *s) {
  GString *text = g_string_new (NULL);
  guint n = s->pairs->len, named = MIN (n, MOST_NAMED);
  for (guint i = 0; i < named; i++) {
    const Pair *p = &g_array_index (s->pairs, Pair, i);
    char *escaped = p->common ? g_strndup (prefix_of (p), p->common) : g_strdup (".");
    g_string_append_printf (text, "%s\"%.80s\"", i == 0 ? "" : i + 1 < n ? ", " : " and ", escaped);
    g_free (escaped);
  }
  if (n > named)
    g_string_append_printf (text, " and %u more", n - named);
  return g_string_free (text, FALSE);
}

static const Pair *
choose (const char *path, const Search *s, const char *prefix, GError **error) {
  const Pair *found = NULL;
  guint n = 0;
  for (guint i = 0; i < s->pairs->len; i++) {
    const Pair *p = &g_array_index (s->pairs, Pair, i);
    if (!prefix || is_meant (prefix_of (p), p->common, prefix)) {
      found = p;
      n++;
    }
  }
  if (n == 1)
    return found;
  char *all = list_pairs (s);
  if (!prefix)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: %u %s in it, under the prefixes %s: expected one of these as prefix%s", path,
                 s->pairs->len,
                 g_array_index (s->pairs, Pair, 0).image && g_array_index (s->pairs, Pair, 0).text
                     ? "CLIPs"
                     : "towers without a partner",
                 all, strstr (all, "\".\"") ? " (\".\" is the one without)" : "");
  else
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: %s under the prefix \"%.80s\", expected %s", path, n ? "several CLIPs" : "no CLIP",
                 prefix, all);
  g_free (all);
  return NULL;
}

/* The logit_scale of a pair: beside its towers, or the only one below what they share. */
static char *
find_scale (const Search *s, const Pair *p) {
  const char *const beside[] = {p->image->prefix, p->text->prefix};
  for (guint i = 0; i < G_N_ELEMENTS (beside); i++) {
    char *name = g_strconcat (beside[i], "logit_scale", NULL);
    if (clipmoe_tensors_lookup (s->tensors, name))
      return name;
    g_free (name);
  }
  const char *found = NULL;
  for (guint i = 0; i < s->scales->len; i++) {
    const char *name = s->scales->pdata[i];
    if (strncmp (name, p->image->prefix, p->common) != 0)
      continue;
    if (found)
      return NULL;
    found = name;
  }
  return g_strdup (found);
}

/* A part of a LoRA adapter, or of the like. */
static const char *
adapter_tensor (const ClipmoeTensors *tensors, const char *prefix) {
  static const char *const parts[] = {
      ".lora_A.",   ".lora_B.", ".lora_embedding_A",      ".lora_down.", ".lora_up.",
      ".hada_w1_a", ".lokr_w1", ".lora_magnitude_vector", ".ia3_l.",     ".oft_R."};
  for (guint i = 0; i < clipmoe_tensors_get_n (tensors); i++) {
    const char *name = clipmoe_tensors_get (tensors, i)->name;
    for (guint k = 0; k < G_N_ELEMENTS (parts) && g_str_has_prefix (name, prefix); k++)
      if (strstr (name, parts[k]))
        return name;
  }
  return NULL;
}

/* No CLIP has been found: says what was. */
static gboolean
say_other (const char *path, const ClipmoeTensors *tensors, GError **error) {
  guint n = clipmoe_tensors_get_n (tensors);
  const char *adapter = adapter_tensor (tensors, "");
  if (adapter) {
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
        "%s: an adapter without its base model (tensor \"%s\"), expected a whole CLIP: clipmoe model "
        "convert BASE OUT --adapter merges the two",
        path, adapter);
    return FALSE;
  }
  for (guint i = 0; i < n; i++)
    for (const char *at = clipmoe_tensors_get (tensors, i)->name; at; at = strchr (at, '.')) {
      at += *at == '.';
      if (clipmoe_name_foreign (path, clipmoe_tensors_get (tensors, i)->name, at, error))
        return FALSE;
    }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
               "%s: no CLIP checkpoint: %u tensors, such as \"%.60s\", expected \"visual.conv1.weight\" or "
               "\"vision_model.…\"",
               path, n, n ? clipmoe_tensors_get (tensors, 0)->name : "");
  return FALSE;
}

/* What all names share: the prefix of a CLIP that lacks one of the tensors by which it would be found. */
static char *
shared_path (const ClipmoeTensors *tensors) {
  const char *first = clipmoe_tensors_get_n (tensors) ? clipmoe_tensors_get (tensors, 0)->name : "";
  const char *dot = strrchr (first, '.');
  gsize n = dot ? (gsize)(dot - first) + 1 : 0;
  for (guint i = 1; i < clipmoe_tensors_get_n (tensors) && n; i++) {
    char *prefix = g_strndup (first, n);
    n = common_path (prefix, clipmoe_tensors_get (tensors, i)->name);
    g_free (prefix);
  }
  return g_strndup (first, n);
}

/* A CLIP that is not whole, so that the tensor which is missing can be named: both towers' names begin with
 * one prefix. */
static gboolean
find_damaged (const ClipmoeTensors *tensors, ClipmoePlace *place) {
  char *prefix = shared_path (tensors);
  gsize skip = strlen (prefix);
  gboolean hf = FALSE, custom = FALSE, towers[2] = {FALSE, FALSE};
  for (guint i = 0; i < clipmoe_tensors_get_n (tensors); i++) {
    const char *name = clipmoe_tensors_get (tensors, i)->name + skip;
    gboolean hf_text = g_str_has_prefix (name, "text_model."),
             hf_image = g_str_has_prefix (name, "vision_model."), openclip = g_str_has_prefix (name, "text.");
    hf |= hf_text || hf_image;
    custom |= openclip;
    towers[0] |= hf_image || g_str_has_prefix (name, "visual.");
    towers[1] |= hf_text || openclip || g_str_has_prefix (name, "transformer.resblocks.") ||
                 g_str_has_prefix (name, "token_embedding.");
  }
  if (!towers[0] || !towers[1]) {
    g_free (prefix);
    return FALSE;
  }
  place->naming = hf ? CLIPMOE_NAMING_HUGGINGFACE : custom ? CLIPMOE_NAMING_OPENCLIP : CLIPMOE_NAMING_OPENAI;
  place->image = prefix;
  place->text = g_strdup (prefix);
  place->scale = g_strconcat (prefix, "logit_scale", NULL);
  return TRUE;
}

/* Towers that have no partner, as far as they are one: a first block stands behind the tokens. */
static void
list_single (Search *s, const GPtrArray *towers, gboolean image) {
  for (guint i = 0; i < towers->len; i++) {
    const Tower *t = towers->pdata[i];
    const char *first = t->hugging_face ? image ? "vision_model.encoder.layers.0.layer_norm1.weight"
                                                : "text_model.encoder.layers.0.layer_norm1.weight"
                        : image         ? "visual.transformer.resblocks.0.ln_1.weight"
                                        : "transformer.resblocks.0.ln_1.weight";
    char *name = g_strconcat (t->prefix, first, NULL);
    Pair p = {image ? t : NULL, image ? NULL : t, strlen (t->prefix)};
    if (!t->paired && clipmoe_tensors_lookup (s->tensors, name))
      g_array_append_val (s->pairs, p);
    g_free (name);
  }
}

static void
take_pair (const Search *s, const Pair *p, ClipmoePlace *place) {
  /* OpenCLIP's "text." is a part of its naming, where the image tower stands beside it or there is none */
  gsize n = p->text ? strlen (p->text->prefix) : 0;
  gboolean openclip = p->text && p->text->openclip &&
                      (!p->image || (strlen (p->image->prefix) + strlen ("text.") == n &&
                                     strncmp (p->image->prefix, p->text->prefix, n - strlen ("text.")) == 0));
  place->naming = (p->image ? p->image : p->text)->hugging_face ? CLIPMOE_NAMING_HUGGINGFACE
                  : openclip                                    ? CLIPMOE_NAMING_OPENCLIP
                                                                : CLIPMOE_NAMING_OPENAI;
  place->image = p->image ? g_strdup (p->image->prefix) : NULL;
  place->text = p->text ? g_strndup (p->text->prefix, openclip ? n - strlen ("text.") : n) : NULL;
  place->scale = p->image && p->text ? find_scale (s, p) : NULL;
  place->others = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GPtrArray *const towers[] = {s->images, s->texts};
  for (guint k = 0; k < G_N_ELEMENTS (towers); k++)
    for (guint i = 0; i < towers[k]->len; i++) {
      const Tower *t = towers[k]->pdata[i];
      if (t != p->image && t != p->text)
        g_hash_table_add (place->others, g_strdup (t->prefix));
    }
}

/* What stands beside the towers and means another model, or an adapter that is not merged. */
static gboolean
check_names (const char *path, const ClipmoeTensors *tensors, const ClipmoePlace *place, GError **error) {
  const char *const prefixes[] = {place->image, place->text};
  for (guint i = 0; i < clipmoe_tensors_get_n (tensors); i++) {
    const char *name = clipmoe_tensors_get (tensors, i)->name;
    for (guint k = 0; k < G_N_ELEMENTS (prefixes); k++)
      if (prefixes[k] && g_str_has_prefix (name, prefixes[k]) &&
          clipmoe_name_foreign (path, name, name + strlen (prefixes[k]), error))
        return FALSE;
  }
  const char *adapter = place->image ? adapter_tensor (tensors, place->image) : NULL;
  if (!adapter && place->text)
    adapter = adapter_tensor (tensors, place->text);
  if (adapter)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: an adapter stands beside the weights and is not merged into them (tensor \"%s\"), "
                 "expected what merge_and_unload () leaves",
                 path, adapter);
  return !adapter;
}

gboolean
clipmoe_place_find (const char *path, const ClipmoeTensors *tensors, const char *prefix, ClipmoePlace *place,
                    GError **error) {
  Search s;
  gboolean ok = FALSE;
  *place = (ClipmoePlace){0};
  search (&s, tensors);
  gboolean damaged = !s.pairs->len && !adapter_tensor (tensors, "") && find_damaged (tensors, place);
  if ((!s.pairs->len && !damaged) || prefix) {
    list_single (&s, s.images, TRUE);
    list_single (&s, s.texts, FALSE);
  }
  if (s.pairs->len) {
    const Pair *p = choose (path, &s, prefix, error);
    clipmoe_place_clear (place);
    if (p)
      take_pair (&s, p, place);
    ok = p != NULL;
  } else if (damaged) {
    ok = TRUE;
  } else {
    say_other (path, tensors, error);
  }
  search_clear (&s);
  ok = ok && check_names (path, tensors, place, error);
  if (!ok)
    clipmoe_place_clear (place);
  return ok;
}

void
clipmoe_place_clear (ClipmoePlace *self) {
  g_free (self->image);
  g_free (self->text);
  g_free (self->scale);
  g_clear_pointer (&self->others, g_hash_table_unref);
  *self = (ClipmoePlace){0};
}

/* Whether the name belongs to another tower of the file, whose prefix begins with this one's. */
static gboolean
is_others (const ClipmoePlace *self, const char *name, gsize own) {
  char prefix[CLIPMOE_MAX_NAME + 1];
  if (!self->others || !g_hash_table_size (self->others))
    return FALSE;
  g_strlcpy (prefix, name, sizeof prefix);
  for (gsize i = strlen (prefix); i > own; i--) {
    prefix[i] = 0;
    if (prefix[i - 1] == '.' && g_hash_table_contains (self->others, prefix))
      return TRUE;
  }
  return FALSE;
}

static gboolean
begins (const char *name, const char *const *words) {
  while (*words && !g_str_has_prefix (name, *words))
    words++;
  return *words != NULL;
}

char *
clipmoe_place_strip (const ClipmoePlace *self, const char *name) {
  static const char *const visual[] = {"visual.", "vision_model.", "visual_projection.", NULL};
  static const char *const textual[] = {
      "text_model.",          "text_projection", "transformer.", "token_embedding.",
      "positional_embedding", "ln_final.",       "text.",        NULL};
  if (self->scale && strcmp (name, self->scale) == 0)
    return g_strdup ("logit_scale");
  gsize image = self->image ? strlen (self->image) : 0, text = self->text ? strlen (self->text) : 0;
  gboolean in_image = self->image && strncmp (name, self->image, image) == 0,
           in_text = self->text && strncmp (name, self->text, text) == 0;
  if (!in_image && !in_text)
    return NULL;
  gboolean of_image = in_image && (!in_text || image > text);
  gsize own = of_image ? image : text;
  if (is_others (self, name, own))
    return NULL;
  name += own;
  /* where towers stand apart, or one alone, the rest of a prefix is somebody else's */
  if (g_strcmp0 (self->image, self->text) != 0 ? !begins (name, of_image ? visual : textual)
                                               : strcmp (name, "logit_scale") == 0)
    return NULL;
  /* what an adapter of PEFT is put around */
  static const char around[] = ".base_layer.";
  const char *layer = self->naming == CLIPMOE_NAMING_HUGGINGFACE ? strstr (name, around) : NULL;
  return layer ? g_strdup_printf ("%.*s.%s", (int)(layer - name), name, layer + strlen (around))
               : g_strdup (name);
}

/* What a message calls the part of the file in which @name stands: its path up to the first word that is not
 * this CLIP's. */
static char *
part_of (const ClipmoePlace *self, const char *name) {
  gsize n = MAX (self->image ? common_path (self->image, name) : 0,
                 self->text ? common_path (self->text, name) : 0);
  const char *dot = strchr (name + n, '.');
  return dot ? g_strndup (name, (gsize)(dot - name) + 1) : g_strdup (name);
}

char *
clipmoe_place_describe_rest (const ClipmoePlace *self, const ClipmoeTensors *tensors) {
  GHashTable *counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GPtrArray *parts = g_ptr_array_new (); /* in the order of the file */
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < clipmoe_tensors_get_n (tensors); i++) {
    const char *name = clipmoe_tensors_get (tensors, i)->name;
    char *own = clipmoe_place_strip (self, name);
    if (!own && !clipmoe_name_ignored (name)) {
      char *part = part_of (self, name);
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, part));
      if (!n)
        g_ptr_array_add (parts, part);
      /* the table keeps the key that it has and frees the other */
      g_hash_table_insert (counts, part, GUINT_TO_POINTER (n + 1));
    }
    g_free (own);
  }
  guint named = MIN (parts->len, MOST_NAMED);
  for (guint i = 0; i < named; i++) {
    const char *part = parts->pdata[i];
    guint n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, part));
    const char *between = i == 0 ? "" : i + 1 < parts->len ? ", " : " and ";
    if (g_str_has_suffix (part, "."))
      g_string_append_printf (text, "%s%u tensor%s under \"%.60s\"", between, n, n == 1 ? "" : "s", part);
    else
      g_string_append_printf (text, "%stensor \"%.60s\"", between, part);
  }
  if (parts->len > named)
    g_string_append_printf (text, " and %u more", parts->len - named);
  char *sentence =
      parts->len ? g_strconcat ("left aside, since it is not this CLIP's: ", text->str, NULL) : NULL;
  g_string_free (text, TRUE);
  g_ptr_array_unref (parts);
  g_hash_table_unref (counts);
  return sentence;
}
