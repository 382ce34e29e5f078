#include "bind.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *path;
  const ClipmoeWeights *weights;
  GError **error;
  gboolean failed;
} Binder;

static ClipmoeWeight *
lookup (const ClipmoeWeights *weights, const char *canonical) {
  return g_hash_table_lookup (weights->weights, canonical);
}

static gboolean
missing (const char *path, const ClipmoeWeights *weights, const char *canonical, GError **error) {
  ClipmoePart part;
  char *name = clipmoe_name_from_canonical (weights->naming, canonical, 0, &part);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\" is missing", path,
               name ? name : canonical);
  g_free (name);
  return FALSE;
}

/* The shape as the file stores it: before transposing, and before q, k and v were joined. */
static void
append_shape (GString *out, const ClipmoeWeight *w, guint n_dims, const guint64 *shape) {
  guint64 d[CLIPMOE_MAX_DIMS];
  memcpy (d, shape, n_dims * sizeof *d);
  if (w->part == CLIPMOE_PART_TRANSPOSED && n_dims == 2) {
    d[0] = shape[1];
    d[1] = shape[0];
  } else if (w->part == CLIPMOE_PART_Q && n_dims) {
    d[0] /= 3;
  }
  g_string_append_c (out, '[');
  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (out, "%s%" G_GUINT64_FORMAT, i ? ", " : "", d[i]);
  g_string_append_c (out, ']');
}

/* The values of weight @name, which must have exactly this shape; 0 ends the list of dimensions. After the
 * first failure it does nothing. */
static const float *
bind (Binder *b, const char *name, guint64 d0, guint64 d1, guint64 d2, guint64 d3) {
  const guint64 expected[4] = {d0, d1, d2, d3};
  guint n = 0;
  while (n < 4 && expected[n])
    n++;
  if (b->failed)
    return NULL;
  ClipmoeWeight *w = lookup (b->weights, name);
  if (w && w->n_dims == n && memcmp (w->shape, expected, n * sizeof *expected) == 0) {
    w->used = TRUE;
    return w->data;
  }
  b->failed = TRUE;
  if (!w) {
    missing (b->path, b->weights, name, b->error);
    return NULL;
  }
  GString *s = g_string_new (NULL);
  g_string_append_printf (s, "%s: tensor \"%s\": shape ", b->path, w->source);
  append_shape (s, w, w->n_dims, w->shape);
  g_string_append (s, ", expected ");
  append_shape (s, w, n, expected);
  g_set_error_literal (b->error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, s->str);
  g_string_free (s, TRUE);
  return NULL;
}

G_GNUC_PRINTF (6, 7)
static const float *
bindf (Binder *b, guint64 d0, guint64 d1, guint64 d2, guint64 d3, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *name = g_strdup_vprintf (format, args);
  va_end (args);
  const float *p = bind (b, name, d0, d1, d2, d3);
  g_free (name);
  return p;
}

static void
bind_tower (Binder *b, const char *prefix, const ClipmoeArchitecture *t, ClipmoeBlock **blocks,
            ClipmoeTowerInfo *info) {
  guint64 d = t->width, f = t->ffn_width;
  *blocks = g_new0 (ClipmoeBlock, t->layers);
  for (guint i = 0; i < t->layers && !b->failed; i++) {
    ClipmoeBlock *k = &(*blocks)[i];
    char *p = g_strdup_printf ("%sresblocks.%u.", prefix, i), *gate = g_strconcat (p, "gate.weight", NULL);
    ClipmoeWeight *router = lookup (b->weights, gate);
    k->ln_1_weight = bindf (b, d, 0, 0, 0, "%sln_1.weight", p);
    k->ln_1_bias = bindf (b, d, 0, 0, 0, "%sln_1.bias", p);
    k->in_proj_weight = bindf (b, 3 * d, d, 0, 0, "%sattn.in_proj_weight", p);
    k->in_proj_bias = bindf (b, 3 * d, 0, 0, 0, "%sattn.in_proj_bias", p);
    k->out_proj_weight = bindf (b, d, d, 0, 0, "%sattn.out_proj.weight", p);
    k->out_proj_bias = bindf (b, d, 0, 0, 0, "%sattn.out_proj.bias", p);
    k->ln_2_weight = bindf (b, d, 0, 0, 0, "%sln_2.weight", p);
    k->ln_2_bias = bindf (b, d, 0, 0, 0, "%sln_2.bias", p);
    guint64 experts = t->experts[i];
    if (!b->failed && router && (experts < 1 || experts > CLIPMOE_MAX_EXPERTS)) {
      b->failed = TRUE;
      g_set_error (b->error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%s\": no router of 1 to %d experts", b->path, router->source,
                   CLIPMOE_MAX_EXPERTS);
    }
    if (!b->failed) {
      if (router)
        k->gate_weight = bindf (b, experts, d, 0, 0, "%s", gate);
      k->ffn = g_new0 (ClipmoeFfn, MAX (experts, 1));
      for (guint e = 0; e < MAX (experts, 1) && !b->failed; e++) {
        char *q = experts ? g_strdup_printf ("%sexperts.%u.", p, e) : g_strdup_printf ("%smlp.", p);
        k->ffn[e].c_fc_weight = bindf (b, f, d, 0, 0, "%sc_fc.weight", q);
        k->ffn[e].c_fc_bias = bindf (b, f, 0, 0, 0, "%sc_fc.bias", q);
        k->ffn[e].c_proj_weight = bindf (b, d, f, 0, 0, "%sc_proj.weight", q);
        k->ffn[e].c_proj_bias = bindf (b, d, 0, 0, 0, "%sc_proj.bias", q);
        g_free (q);
      }
    }
    guint64 ffn = 2 * f * d + f + d, shared = 4 * d * d + 8 * d + experts * d;
    info->parameters += shared + MAX (experts, 1) * ffn;
    info->active_parameters += shared + (experts ? MIN (t->top_k, experts) : 1) * ffn;
    info->moe_layers += experts > 0;
    g_free (p);
    g_free (gate);
  }
  info->experts = clipmoe_architecture_most_experts (t);
  info->width = t->width;
  info->layers = t->layers;
  info->heads = t->heads;
  info->ffn_width = t->ffn_width;
  info->activation = t->activation;
  info->eps = t->eps;
}

/* 1 + the highest block number in any name; binding finds blocks that are missing in between. */
static guint
count_blocks (const ClipmoeWeights *weights, const char *prefix) {
  GHashTableIter iter;
  gpointer key;
  guint n = 0;
  g_hash_table_iter_init (&iter, weights->weights);
  while (g_hash_table_iter_next (&iter, &key, NULL)) {
    if (!g_str_has_prefix (key, prefix))
      continue;
    char *end;
    const char *number = (char *)key + strlen (prefix);
    guint64 i = g_ascii_isdigit (*number) ? g_ascii_strtoull (number, &end, 10) : CLIPMOE_MAX_BLOCKS;
    if (i < CLIPMOE_MAX_BLOCKS && *end == '.')
      n = MAX (n, (guint)i + 1);
  }
  return n;
}

/* The number of experts of each block, from its router's shape; bind_tower() checks that it is allowed. */
static guint *
count_experts (const ClipmoeWeights *weights, const char *prefix, guint layers) {
  guint *experts = g_new0 (guint, layers);
  for (guint i = 0; i < layers; i++) {
    char *gate = g_strdup_printf ("%s%u.gate.weight", prefix, i);
    const ClipmoeWeight *router = lookup (weights, gate);
    experts[i] = router && router->n_dims ? (guint)MIN (router->shape[0], G_MAXUINT) : 0;
    g_free (gate);
  }
  return experts;
}

/* Read from the bias: a transposed matrix cannot mislead it. */
static gboolean
ffn_width (const char *path, const ClipmoeWeights *weights, const char *prefix, guint *out, GError **error) {
  char *gate = g_strconcat (prefix, "0.gate.weight", NULL),
       *name = g_strconcat (prefix, lookup (weights, gate) ? "0.experts.0" : "0.mlp", ".c_fc.bias", NULL);
  const ClipmoeWeight *w = lookup (weights, name);
  gboolean ok = w || missing (path, weights, name, error);
  if (ok && (w->n_dims != 1 || w->shape[0] < 1 || w->shape[0] > CLIPMOE_MAX_FFN)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": expected one dimension of 1 to %d", path, w->source, CLIPMOE_MAX_FFN);
    ok = FALSE;
  }
  if (ok)
    *out = (guint)w->shape[0];
  g_free (gate);
  g_free (name);
  return ok;
}

/* The weights whose shapes give the sizes. */
enum { CONV1, IMAGE_POSITIONS, IMAGE_PROJECTION, TOKENS, POSITIONS, TEXT_PROJECTION, LN_FINAL, N_SIZES };

static const struct {
  const char *name;
  guint dims;
} sizes[N_SIZES] = {
    [CONV1] = {"visual.conv1.weight", 4},      [IMAGE_POSITIONS] = {"visual.positional_embedding", 2},
    [IMAGE_PROJECTION] = {"visual.proj", 2},   [TOKENS] = {"token_embedding.weight", 2},
    [POSITIONS] = {"positional_embedding", 2}, [TEXT_PROJECTION] = {"text_projection", 2},
    [LN_FINAL] = {"ln_final.weight", 1},
};

static gboolean
check_size (const char *path, const ClipmoeWeights *weights, guint i, const ClipmoeWeight **w,
            GError **error) {
  *w = lookup (weights, sizes[i].name);
  if (!*w)
    return missing (path, weights, sizes[i].name, error);
  if ((*w)->n_dims != sizes[i].dims) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\": %u dimensions, expected %u",
                 path, (*w)->source, (*w)->n_dims, sizes[i].dims);
    return FALSE;
  }
  for (guint d = 0; d < sizes[i].dims; d++)
    if ((*w)->shape[d] < 1 || (*w)->shape[d] > 1 << 24) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%s\": a dimension of %" G_GUINT64_FORMAT ", expected 1 to %d", path,
                   (*w)->source, (*w)->shape[d], 1 << 24);
      return FALSE;
    }
  return TRUE;
}

static gboolean
image_sizes (ClipmoeArchitecture *image, guint64 *side, const char *path, const ClipmoeWeight *const *w,
             GError **error) {
  guint64 rows = w[IMAGE_POSITIONS]->shape[0], grid = 1, class = image->has_class ? 1 : 0;
  while (grid * grid + class < rows)
    grid++;
  if (grid * grid + class != rows) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": %" G_GUINT64_FORMAT " rows, expected a square%s", path,
                 w[IMAGE_POSITIONS]->source, rows, class ? " and one more" : "");
    return FALSE;
  }
  *side = grid * w[CONV1]->shape[3];
  image->width = (guint)w[CONV1]->shape[0];
  image->patch = (guint)w[CONV1]->shape[3];
  return TRUE;
}

gboolean
clipmoe_bind_sizes (ClipmoeModel *m, const char *path, const ClipmoeWeights *weights, GError **error) {
  const ClipmoeWeight *w[N_SIZES];
  gboolean with_image = !weights->no_image, with_text = !weights->no_text;
  for (guint i = 0; i < N_SIZES; i++)
    if ((i < TOKENS ? with_image : with_text) && !check_size (path, weights, i, &w[i], error))
      return FALSE;
  ClipmoeArchitecture image = {0}, text = {0};
  guint64 side = 0;
  if (with_image) {
    image = clipmoe_architecture_clip_image ();
    if (!image_sizes (&image, &side, path, w, error))
      return FALSE;
    image.layers = count_blocks (weights, "visual.transformer.resblocks.");
  }
  if (with_text) {
    text = clipmoe_architecture_clip_text ();
    text.width = (guint)w[LN_FINAL]->shape[0];
    text.vocab = (guint)w[TOKENS]->shape[0];
    text.context = (guint)w[POSITIONS]->shape[0];
    text.layers = count_blocks (weights, "transformer.resblocks.");
  }
  /* If one projection is transposed, the other one has the right size. */
  guint by = !with_text || (with_image && w[IMAGE_PROJECTION]->shape[0] == image.width) ? IMAGE_PROJECTION
                                                                                        : TEXT_PROJECTION;
  image.embed = with_image ? (guint)w[by]->shape[1] : 0;
  text.embed = with_text ? (guint)w[by]->shape[1] : 0;
  if (side > 4096 || (with_text && (text.context < 2 || !text.layers)) || (with_image && !image.layers)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: an impossible size: %u image and %u text blocks, pictures of %" G_GUINT64_FORMAT
                 " pixels, %u positions",
                 path, image.layers, text.layers, side, text.context);
    return FALSE;
  }
  image.side = (guint)side;
  if ((with_image && !ffn_width (path, weights, "visual.transformer.resblocks.", &image.ffn_width, error)) ||
      (with_text && !ffn_width (path, weights, "transformer.resblocks.", &text.ffn_width, error)))
    return FALSE;
  image.experts = count_experts (weights, "visual.transformer.resblocks.", image.layers);
  text.experts = count_experts (weights, "transformer.resblocks.", text.layers);
  m->image = image;
  m->text = text;
  return TRUE;
}

/* The weight without a role that is first in byte order, so that the error is the same every time. */
static gboolean
all_used (const ClipmoeModel *m, const char *path, const ClipmoeWeights *weights, GError **error) {
  const char *first = NULL;
  guint n = 0;
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, weights->weights);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const ClipmoeWeight *w = value;
    if (w->used)
      continue;
    n++;
    if (!first || strcmp (w->source, first) < 0)
      first = w->source;
  }
  if (!n)
    return TRUE;
  GString *others = g_string_new (NULL);
  if (n > 1)
    g_string_printf (others, ", and %u more", n - 1);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
               "%s: tensor \"%s\" is unexpected in this model of %u image and %u text blocks%s", path, first,
               m->image.layers, m->text.layers, others->str);
  g_string_free (others, TRUE);
  return FALSE;
}

static void
bind_image (Binder *b, ClipmoeModel *m) {
  const ClipmoeArchitecture *image = &m->image;
  guint64 dv = image->width, p = image->patch, c = image->embed, tokens = clipmoe_architecture_tokens (image);
  m->conv1_weight = bind (b, "visual.conv1.weight", dv, 3, p, p);
  if (image->has_class)
    m->class_embedding = bind (b, "visual.class_embedding", dv, 0, 0, 0);
  m->image_positions = bind (b, "visual.positional_embedding", tokens, dv, 0, 0);
  if (image->pre_norm) {
    m->ln_pre_weight = bind (b, "visual.ln_pre.weight", dv, 0, 0, 0);
    m->ln_pre_bias = bind (b, "visual.ln_pre.bias", dv, 0, 0, 0);
  }
  m->ln_post_weight = bind (b, "visual.ln_post.weight", dv, 0, 0, 0);
  m->ln_post_bias = bind (b, "visual.ln_post.bias", dv, 0, 0, 0);
  m->image_projection = bind (b, "visual.proj", dv, c, 0, 0);
  guint64 around = dv * 3 * p * p + (image->has_class ? dv : 0) + tokens * dv +
                   (image->pre_norm ? 2 * dv : 0) + 2 * dv + (b->weights->made_projection ? 0 : dv * c);
  m->image_info.parameters = m->image_info.active_parameters = around;
}

static void
bind_text (Binder *b, ClipmoeModel *m) {
  const ClipmoeArchitecture *text = &m->text;
  guint64 dt = text->width, c = text->embed;
  m->token_embedding = bind (b, "token_embedding.weight", text->vocab, dt, 0, 0);
  m->text_positions = bind (b, "positional_embedding", text->context, dt, 0, 0);
  m->ln_final_weight = bind (b, "ln_final.weight", dt, 0, 0, 0);
  m->ln_final_bias = bind (b, "ln_final.bias", dt, 0, 0, 0);
  m->text_projection = bind (b, "text_projection", dt, c, 0, 0);
  guint64 around =
      (guint64)text->vocab * dt + text->context * dt + 2 * dt + (b->weights->made_projection ? 0 : dt * c);
  m->text_info.parameters = m->text_info.active_parameters = around;
}

gboolean
clipmoe_bind (ClipmoeModel *m, const char *path, const ClipmoeWeights *weights, GError **error) {
  Binder b = {path, weights, error, FALSE};
  const ClipmoeArchitecture *image = &m->image, *text = &m->text;
  gboolean both = clipmoe_architecture_is_there (image) && clipmoe_architecture_is_there (text);
  if (clipmoe_architecture_is_there (image))
    bind_image (&b, m);
  if (clipmoe_architecture_is_there (text))
    bind_text (&b, m);
  const float *scale = both ? bind (&b, "logit_scale", 0, 0, 0, 0) : NULL;
  if (scale)
    m->info.logit_scale = *scale;
  if (clipmoe_architecture_is_there (image))
    bind_tower (&b, "visual.transformer.", &m->image, &m->image_blocks, &m->image_info);
  if (clipmoe_architecture_is_there (text))
    bind_tower (&b, "transformer.", &m->text, &m->text_blocks, &m->text_info);
  if (b.failed || !all_used (m, path, weights, error))
    return FALSE;
  if (m->info.logit_scale > 20 || m->info.logit_scale < -20) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"logit_scale\" is %g, expected -20 to 20", path, m->info.logit_scale);
    return FALSE;
  }
  m->info.parameters = m->image_info.parameters + m->text_info.parameters + (both ? 1 : 0);
  m->info.active_parameters =
      m->image_info.active_parameters + m->text_info.active_parameters + (both ? 1 : 0);
  m->info.image = &m->image_info;
  m->info.text = &m->text_info;
  m->info.image_size = image->side;
  m->info.patch_size = image->patch;
  m->info.embed = MAX (image->embed, text->embed);
  m->info.context = text->context;
  m->info.vocab_size = text->vocab;
  m->info.top_k = weights->mixture ? MAX (image->top_k, text->top_k) : 0;
  return TRUE;
}

void
clipmoe_blocks_free (ClipmoeBlock *blocks, guint n) {
  for (guint i = 0; blocks && i < n; i++)
    g_free (blocks[i].ffn);
  g_free (blocks);
}
