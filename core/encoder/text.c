/* Texts are cut behind their end token and sorted; as many as there are rows for run together. Texts share
 * the rows of their common beginnings. The mask is causal, so none of this changes a result. */
#include "text.h"

#include <string.h>
#include "block.h"
#include "encoder-private.h"

static int
compare (const ClipmoeText *x, const ClipmoeText *y) {
  for (guint i = 0; i < x->n && i < y->n; i++)
    if (x->ids[i] != y->ids[i])
      return x->ids[i] < y->ids[i] ? -1 : 1;
  if (x->n != y->n)
    return x->n < y->n ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static guint
shared (const ClipmoeText *a, const ClipmoeText *b) {
  guint n = 0;
  while (n < a->n && n < b->n && a->ids[n] == b->ids[n])
    n++;
  return n;
}

/* The embeddings of @n tokens from @position on, with their positions, to rows of scratch.z. */
static void
put (ClipmoePackedTower *t, guint row, const guint32 *ids, guint position, guint n) {
  const ClipmoeScratch *s = &t->scratch;
  const float *embedding = clipmoe_packed_tower_vector (t, CLIPMOE_VECTOR_EMBEDDING, 0),
              *positions = clipmoe_packed_tower_vector (t, CLIPMOE_VECTOR_POSITIONS, 0);
  gsize d = t->arch->width;
  for (guint i = 0; i < n; i++) {
    const float *token = embedding + ids[position + i] * d, *place = positions + (position + i) * d;
    for (gsize c = 0; c < d; c++)
      s->z[s->offsets[row + i] + c / CM_LINE * s->strides[row + i] + c % CM_LINE] = token[c] + place[c];
  }
}

void
clipmoe_text_run (ClipmoePackedTower *self, const ClipmoeText *texts, guint n) {
  const ClipmoeScratch *s = &self->scratch;
  gsize most = s->sizes.tokens;
  guint rows = 0;
  for (guint i = 0; i < n; i++) {
    guint before = i ? texts[i].before : 0, own = texts[i].n - before;
    guint *tokens = s->tokens + i * most;
    if (before)
      memcpy (tokens, tokens - most, before * sizeof *tokens);
    for (guint j = 0; j < own; j++)
      tokens[before + j] = rows + j;
    s->sequences[i] = (ClipmoeSequence){
        .first = rows, .n = own, .n_before = before, .tokens = tokens, .pooled = tokens[texts[i].n - 1]};
    rows += own;
  }
  clipmoe_packed_tower_places (self, rows, s->offsets, s->strides);
  for (guint i = 0; i < n; i++)
    put (self, s->sequences[i].first, texts[i].ids, s->sequences[i].n_before, s->sequences[i].n);
  if (self->trace) {
    ClipmoeRows all = clipmoe_packed_tower_rows (self, rows);
    clipmoe_packed_tower_trace (self, "embedded", -1, &all, s->z, s->width_lines, self->arch->width);
  }
  clipmoe_packed_tower_run (self, rows, n);
  if (!self->observer)
    clipmoe_packed_tower_project (self,
                                  clipmoe_packed_tower_matrix (self, CLIPMOE_MATRIX_IN_PROJ, 0, 0)->weights);
}

static gboolean
run (ClipmoeEncoder *self, const ClipmoeText *texts, guint n, float *out, GError **error) {
  gsize embed = self->model->text.embed;
  clipmoe_text_run (&self->text, texts, n);
  for (guint i = 0; i < n; i++)
    if (!clipmoe_encoder_finish (self, &self->text, i, out + texts[i].index * embed, error))
      return FALSE;
  clipmoe_encoder_answered (self);
  return TRUE;
}

/* They are few, and libc's qsort() may ask for memory. */
static void
sort (ClipmoeText *texts, guint n) {
  for (guint i = 1; i < n; i++) {
    ClipmoeText text = texts[i];
    guint at = i;
    for (; at > 0 && compare (&text, &texts[at - 1]) < 0; at--)
      texts[at] = texts[at - 1];
    texts[at] = text;
  }
}

/* Sorted, then as many at once as rows allow. */
static gboolean
run_window (ClipmoeEncoder *self, ClipmoeText *texts, guint n, float *out, GError **error) {
  const ClipmoeScratchSizes *most = &self->text.scratch.sizes;
  sort (texts, n);
  for (guint i = 1; i < n; i++)
    texts[i].before = shared (&texts[i - 1], &texts[i]);
  for (guint first = 0, count; first < n; first += count) {
    guint rows = texts[first].n;
    for (count = 1; first + count < n && count < most->sequences; count++) {
      const ClipmoeText *next = &texts[first + count];
      rows += next->n - next->before;
      if (rows > most->rows)
        break;
    }
    if (!run (self, texts + first, count, out, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check (ClipmoeEncoder *self, const guint32 *ids, guint n, ClipmoeText *text, GError **error) {
  const ClipmoeModel *m = self->model;
  guint end = 0;
  if (n < 1 || n > m->text.context) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a text of %u tokens, expected 1 to %u", n,
                 m->text.context);
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    if (ids[i] >= m->text.vocab) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "token %u, expected below %u", ids[i],
                   m->text.vocab);
      return FALSE;
    }
    if (ids[i] > ids[end])
      end = i;
  }
  text->ids = ids;
  text->n = end + 1; /* what stands behind the end token changes nothing */
  return TRUE;
}

gboolean
clipmoe_encoder_encode_tokens (ClipmoeEncoder *self, const guint32 *ids, const guint *lengths, guint n,
                               float *out, GError **error) {
  ClipmoeText texts[CLIPMOE_TEXT_WINDOW];
  gsize embed = self->model->text.embed;
  if (!clipmoe_encoder_check_tower (self, CLIPMOE_TOWER_TEXT, error))
    return FALSE;
  for (guint done = 0, some; done < n; done += some, out += some * embed) {
    some = MIN (n - done, CLIPMOE_TEXT_WINDOW);
    for (guint i = 0; i < some; ids += lengths[done + i], i++) {
      texts[i].index = i;
      if (!check (self, ids, lengths[done + i], &texts[i], error))
        return FALSE;
    }
    if (!run_window (self, texts, some, out, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
clipmoe_encoder_encode_texts (ClipmoeEncoder *self, const char *const *strings, guint n, float *out,
                              guint *n_truncated, GError **error) {
  ClipmoeText texts[CLIPMOE_TEXT_WINDOW];
  gsize embed = self->model->text.embed, context = self->model->text.context;
  guint long_ones = 0;
  if (!clipmoe_encoder_check_tower (self, CLIPMOE_TOWER_TEXT, error))
    return FALSE;
  if (!self->model->tokenizer) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: opened without a vocabulary, so words cannot be encoded",
                 self->model->info.path ? self->model->info.path : self->model->info.name);
    return FALSE;
  }
  for (guint done = 0, some; done < n; done += some, out += some * embed) {
    some = MIN (n - done, CLIPMOE_TEXT_WINDOW);
    for (guint i = 0; i < some; i++) {
      guint32 *ids = self->ids + i * context;
      guint length;
      gboolean truncated;
      texts[i].index = i;
      if (!clipmoe_tokenizer_encode (self->model->tokenizer, strings[done + i], -1, (guint)context, ids,
                                     &length, &truncated, error) ||
          !check (self, ids, length, &texts[i], error))
        return FALSE;
      long_ones += truncated;
    }
    if (!run_window (self, texts, some, out, error))
      return FALSE;
  }
  if (n_truncated)
    *n_truncated = long_ones;
  return TRUE;
}
