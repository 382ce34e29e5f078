/* Words to unit vectors. Texts are cut behind their end token and sorted; as many as rows allow run together,
 * each going on where it parts from the one before it: of the tree of their beginnings every token is worked
 * out once. The mask is causal, so none of this changes a result. */
#include "encoder-private.h"

#include <string.h>

typedef struct {
  const guint32 *ids;
  guint n;      /* with the end token */
  guint before; /* of these the sorted text before it begins with, too */
  guint index;  /* of its vector */
} Text;

static int
compare (const Text *x, const Text *y) {
  for (guint i = 0; i < x->n && i < y->n; i++)
    if (x->ids[i] != y->ids[i])
      return x->ids[i] < y->ids[i] ? -1 : 1;
  if (x->n != y->n)
    return x->n < y->n ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static guint
shared (const Text *a, const Text *b) {
  guint n = 0;
  while (n < a->n && n < b->n && a->ids[n] == b->ids[n])
    n++;
  return n;
}

static void
put (ClipmoeEncoder *self, guint row, const guint32 *ids, guint position, guint n) {
  ClipmoePackedTower *t = &self->text;
  gsize d = t->tower->width;
  for (guint i = 0; i < n; i++) {
    const float *token = t->embedding + ids[position + i] * d;
    const float *place = t->positions + (position + i) * d;
    for (gsize c = 0; c < d; c++)
      t->z[t->offsets[row + i] + c / CM_LINE * t->strides[row + i] + c % CM_LINE] = token[c] + place[c];
  }
}

static gboolean
run (ClipmoeEncoder *self, const Text *texts, guint n, float *out, GError **error) {
  const ClipmoeModel *m = self->model;
  ClipmoePackedTower *t = &self->text;
  guint rows = 0;
  for (guint i = 0; i < n; i++) {
    guint before = i ? texts[i].before : 0, own = texts[i].n - before;
    guint *tokens = t->tokens + i * t->n_positions;
    if (before)
      memcpy (tokens, tokens - t->n_positions, before * sizeof *tokens);
    for (guint j = 0; j < own; j++)
      tokens[before + j] = rows + j;
    t->plan[i] = (ClipmoeSequence){
        .first = rows, .n = own, .n_before = before, .tokens = tokens, .pooled = tokens[texts[i].n - 1]};
    rows += own;
  }
  clipmoe_tower_places (t, rows, t->offsets, t->strides);
  for (guint i = 0; i < n; i++)
    put (self, t->plan[i].first, texts[i].ids, t->plan[i].n_before, t->plan[i].n);
  if (t->trace) {
    ClipmoeRows all = clipmoe_tower_rows (t, rows);
    clipmoe_tower_trace (t, "embedded", -1, &all, t->z, t->width_lines, t->tower->width);
  }
  clipmoe_packed_tower_run (t, rows, n);
  if (t->observer)
    return TRUE;
  clipmoe_packed_tower_project (t, t->ln_post_weight, t->ln_post_bias, t->blocks[0].in_proj.weights);
  for (guint i = 0; i < n; i++)
    if (!clipmoe_encoder_finish (self, t, i, out + texts[i].index * (gsize)m->text.embed, error))
      return FALSE;
  clipmoe_encoder_answered (self);
  return TRUE;
}

/* They are few, and libc's qsort() may ask for memory. */
static void
sort (Text *texts, guint n) {
  for (guint i = 1; i < n; i++) {
    Text text = texts[i];
    guint at = i;
    for (; at > 0 && compare (&text, &texts[at - 1]) < 0; at--)
      texts[at] = texts[at - 1];
    texts[at] = text;
  }
}

/* Sorted, then as many at once as rows allow. */
static gboolean
run_window (ClipmoeEncoder *self, Text *texts, guint n, float *out, GError **error) {
  sort (texts, n);
  for (guint i = 1; i < n; i++)
    texts[i].before = shared (&texts[i - 1], &texts[i]);
  for (guint first = 0, count; first < n; first += count) {
    guint rows = texts[first].n;
    for (count = 1; first + count < n && count < self->text.sequences; count++) {
      const Text *next = &texts[first + count];
      rows += next->n - next->before;
      if (rows > self->text.rows)
        break;
    }
    if (!run (self, texts + first, count, out, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check (ClipmoeEncoder *self, const guint32 *ids, guint n, Text *text, GError **error) {
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
  Text texts[CLIPMOE_TEXT_WINDOW];
  gsize embed = self->model->text.embed;
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
  Text texts[CLIPMOE_TEXT_WINDOW];
  gsize embed = self->model->text.embed, context = self->model->text.context;
  guint long_ones = 0;
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
