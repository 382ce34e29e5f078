#include "embed.h"

#include <string.h>
#include "layers.h"

static guint
seen (const DmuNet *net, const DmuPictures *p) {
  return p->kept ? p->n_kept : clipmoe_architecture_patches (&net->image.arch);
}

static guint
patch_of (const DmuPictures *p, guint picture, guint i) {
  return p->kept ? p->kept[(gsize)picture * p->n_kept + i] : i;
}

/* Rows in front of the patches: the class token's, where there is one. */
static guint
class_rows (const DmuNet *net) {
  return net->image.arch.has_class ? 1 : 0;
}

/* Whether the patches are kept: the gradient of their weight needs them. */
static gboolean
keeps_columns (const DmuNet *net) {
  return net->conv.g != NULL;
}

typedef struct {
  const DmuNet *net;
  const DmuPictures *p;
  Real *columns, *embedded;
} Job;

/* The patches of a picture as rows of (channel, row, column). */
static void
cut (const Job *j, gsize picture, Real *to) {
  guint side = j->net->image.arch.side, size = j->net->image.arch.patch, n = seen (j->net, j->p),
        grid = clipmoe_architecture_grid (&j->net->image.arch);
  const float *pixels = j->p->pixels + picture * 3 * side * side;
  for (guint s = 0; s < n; s++) {
    guint patch = patch_of (j->p, (guint)picture, s), top = patch / grid * size, left = patch % grid * size;
    for (guint c = 0; c < 3; c++)
      for (guint y = 0; y < size; y++)
        for (guint x = 0; x < size; x++)
          *to++ = pixels[((gsize)c * side + top + y) * side + left + x];
  }
}

/* Class token, patches and positions, before ln_pre. */
static void
embed_pictures (void *data, gsize first, gsize last, guint part) {
  const Job *j = data;
  const DmuNet *net = j->net;
  gsize d = net->image.arch.width, inner = clipmoe_architecture_patch_length (&net->image.arch);
  guint n = seen (net, j->p), before = class_rows (net);
  for (gsize i = first; i < last; i++) {
    Real *row = j->embedded + i * (n + before) * d;
    Real *columns = j->columns + (keeps_columns (net) ? i : part) * n * inner;
    cut (j, i, columns);
    dmu_gemm (1, FALSE, TRUE, n, d, inner, columns, inner, net->conv.v, inner, 0, row + before * d, d);
    for (gsize c = 0; c < before * d; c++)
      row[c] = net->class_embedding.v[c] + net->image_positions.v[c];
    row += before * d;
    for (guint s = 0; s < n; s++, row += d) {
      const Real *position = net->image_positions.v + (before + patch_of (j->p, (guint)i, s)) * d;
      for (gsize c = 0; c < d; c++)
        row[c] += position[c];
    }
  }
}

gboolean
dmu_embed_pictures (const DmuNet *net, const DmuPictures *p, DmuPatches *patches, DmuTape *tape, DmuKeep keep,
                    GError **error) {
  guint n = seen (net, p), rows = n + class_rows (net), threads = tape->run.threads;
  gsize d = net->image.arch.width, inner = clipmoe_architecture_patch_length (&net->image.arch);
  if (!dmu_tape_rows (tape, p->n, error))
    return FALSE;
  for (guint i = 0; i <= p->n; i++)
    tape->rows.first[i] = i * rows;
  memcpy (tape->rows.pooled, tape->rows.first, p->n * sizeof (guint));
  tape->rows.longest = rows;
  for (guint pass = 0; pass < 2; pass++) {
    if (!pass)
      dmu_arena_count (&patches->arena);
    else if (!dmu_arena_reserve (&patches->arena, "patches of a batch", error))
      return FALSE;
    patches->columns = dmu_arena_new (&patches->arena, Real,
                                      (gsize)(keeps_columns (net) ? p->n : dmu_parts (threads)) * n * inner);
    patches->embedded = dmu_arena_new (&patches->arena, Real, (gsize)p->n * rows * d);
  }
  if (!dmu_tape_begin (tape, keep, error))
    return FALSE;
  Job job = {net, p, patches->columns, patches->embedded};
  dmu_parallel (threads, p->n, 1, embed_pictures, &job);
  dmu_norm (threads, (gsize)p->n * rows, d, job.embedded, &net->ln_pre, net->image.arch.eps, tape->inputs[0]);
  return TRUE;
}

void
dmu_embed_pictures_backward (const DmuNet *net, const DmuPictures *p, DmuPatches *patches, DmuTape *tape,
                             Real *dx) {
  guint n = seen (net, p), before = class_rows (net), threads = tape->run.threads;
  gsize d = net->image.arch.width, inner = clipmoe_architecture_patch_length (&net->image.arch),
        rows = p->n * (gsize)(n + before);
  if (!dx || !net->conv.g)
    return;
  Real *de = tape->scratch.dqkv; /* unused now, and large enough */
  memset (de, 0, rows * d * sizeof *de);
  dmu_norm_backward (threads, rows, d, patches->embedded, dx, &net->ln_pre, net->image.arch.eps,
                     tape->scratch.stats, de);
  for (guint i = 0; i < p->n; i++) {
    const Real *row = de + (gsize)i * (n + before) * d;
    for (gsize c = 0; c < before * d; c++) {
      net->class_embedding.g[c] += row[c];
      net->image_positions.g[c] += row[c];
    }
    /* the patches' rows alone, without the class rows between them, for one product */
    memcpy (patches->embedded + (gsize)i * n * d, row + before * d, n * d * sizeof *row);
    row += before * d;
    for (guint s = 0; s < n; s++, row += d) {
      Real *position = net->image_positions.g + (before + patch_of (p, i, s)) * d;
      for (gsize c = 0; c < d; c++)
        position[c] += row[c];
    }
  }
  dmu_gemm (threads, TRUE, FALSE, d, inner, (gsize)p->n * n, patches->embedded, d, patches->columns, inner, 1,
            net->conv.g, inner);
}

/* The first position of the largest id. */
static guint
end_of (const guint32 *ids, guint n) {
  guint end = 0;
  for (guint i = 1; i < n; i++)
    if (ids[i] > ids[end])
      end = i;
  return end;
}

gboolean
dmu_embed_texts (const DmuNet *net, const DmuTexts *texts, DmuTape *tape, DmuKeep keep, GError **error) {
  gsize d = net->text.arch.width, at = 0;
  if (!dmu_tape_rows (tape, texts->n, error))
    return FALSE;
  const guint32 *ids = texts->ids;
  tape->rows.longest = 0;
  for (guint i = 0; i < texts->n; ids += texts->lengths[i], i++) {
    guint length = texts->lengths[i];
    if (length < 1 || length > net->text.arch.context) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a text of %u tokens, expected 1 to %u",
                   length, net->text.arch.context);
      return FALSE;
    }
    guint end = end_of (ids, length), rows = texts->whole ? net->text.arch.context : end + 1;
    if (ids[end] >= net->text.arch.vocab) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "token %u, expected below %u", ids[end],
                   net->text.arch.vocab);
      return FALSE;
    }
    tape->rows.first[i] = (guint)at;
    tape->rows.pooled[i] = (guint)at + end;
    tape->rows.longest = MAX (tape->rows.longest, rows);
    at += rows;
  }
  tape->rows.first[texts->n] = (guint)at;
  if (!dmu_tape_begin (tape, keep, error))
    return FALSE;
  ids = texts->ids;
  for (guint i = 0; i < texts->n; ids += texts->lengths[i], i++) {
    Real *to = tape->inputs[0] + tape->rows.first[i] * d;
    guint rows = tape->rows.first[i + 1] - tape->rows.first[i];
    for (guint t = 0; t < rows; t++, to += d) {
      const Real *word = net->tokens.v + (t < texts->lengths[i] ? ids[t] : 0) * d,
                 *position = net->text_positions.v + t * d;
      for (gsize c = 0; c < d; c++)
        to[c] = word[c] + position[c];
    }
  }
  return TRUE;
}

void
dmu_embed_texts_backward (const DmuNet *net, const DmuTexts *texts, DmuTape *tape, const Real *dx) {
  gsize d = net->text.arch.width;
  if (!dx || !net->tokens.g)
    return;
  const guint32 *ids = texts->ids;
  for (guint i = 0; i < texts->n; ids += texts->lengths[i], i++) {
    const Real *from = dx + tape->rows.first[i] * d;
    guint rows = tape->rows.first[i + 1] - tape->rows.first[i];
    for (guint t = 0; t < rows; t++, from += d) {
      Real *word = net->tokens.g + (t < texts->lengths[i] ? ids[t] : 0) * d,
           *position = net->text_positions.g + t * d;
      for (gsize c = 0; c < d; c++) {
        word[c] += from[c];
        position[c] += from[c];
      }
    }
  }
}
