#include "products.h"

#include <string.h>
#include <base/random.h>
#include <encoder/encoder-private.h>

typedef struct {
  const ClipmoeGemm *format;
  gsize lines; /* that its largest product reads */
  gpointer act;
} Operand;

struct _ClipmoeProducts {
  const ClipmoePackedTower *tower;
  GArray *chain;    /* of ClipmoeProduct */
  GArray *operands; /* of Operand: activations by format */
  gsize *offsets, *strides;
  float *scales;
  guint rows, pooled;
};

static void
add (ClipmoeProducts *self, const ClipmoePackedMatrix *matrix, guint first_row, guint n, ClipmoeResult result,
     float *out, gsize out_lines) {
  ClipmoeProduct p = {.matrix = matrix,
                      .last_panel = matrix->panels,
                      .rows = clipmoe_packed_tower_rows (self->tower, n),
                      .a_lines = matrix->lines,
                      .a_scales = self->scales,
                      .result = result,
                      .out = out,
                      .out_lines = out_lines,
                      .offsets = self->offsets + first_row,
                      .strides = self->strides + first_row};
  guint i = 0;
  while (i < self->operands->len && g_array_index (self->operands, Operand, i).format != matrix->format)
    i++;
  if (i == self->operands->len) {
    Operand o = {matrix->format, 0, NULL};
    g_array_append_val (self->operands, o);
  }
  Operand *o = &g_array_index (self->operands, Operand, i);
  o->lines = MAX (o->lines, n * matrix->lines);
  if (n)
    g_array_append_val (self->chain, p);
}

/* As block.c and mixture.c run them; activation functions are left out. */
static void
add_block (ClipmoeProducts *self, guint index) {
  const ClipmoePackedTower *t = self->tower;
  const ClipmoeScratch *s = &t->scratch;
  const ClipmoePackedMatrix *in_proj = clipmoe_packed_tower_matrix (t, CLIPMOE_MATRIX_IN_PROJ, index, 0);
  gboolean last = index + 1 == t->arch->layers;
  guint rows = last ? self->pooled : self->rows, experts = t->arch->experts[index],
        queries = (guint)cm_lines (t->arch->width, in_proj->format->columns);
  add (self, in_proj, 0, self->rows, CM_STORE, s->qkv, s->qkv_lines);
  if (last) { /* keys and values of all rows, queries of the pooled ones */
    g_array_index (self->chain, ClipmoeProduct, self->chain->len - 1).first_panel =
        t->arch->width / in_proj->format->columns;
    add (self, in_proj, 0, rows, CM_STORE, s->last_q, s->qkv_lines);
    g_array_index (self->chain, ClipmoeProduct, self->chain->len - 1).last_panel = queries;
  }
  add (self, clipmoe_packed_tower_matrix (t, CLIPMOE_MATRIX_OUT_PROJ, index, 0), 0, rows, CM_ADD, s->z, 0);
  guint chosen = experts ? rows * MIN (t->arch->top_k, experts) : rows;
  for (guint e = 0, done = 0, n; e < MAX (experts, 1); e++, done += n) {
    n = chosen * (e + 1) / MAX (experts, 1) - done;
    add (self, clipmoe_packed_tower_matrix (t, CLIPMOE_MATRIX_C_FC, index, e), 0, n, CM_STORE, s->hidden,
         s->hidden_lines);
    add (self, clipmoe_packed_tower_matrix (t, CLIPMOE_MATRIX_C_PROJ, index, e), 0, n, CM_ADD, s->z, 0);
  }
}

/* Lines of ordinary numbers as the format has them. FALSE: no memory. */
static gboolean
fill (ClipmoeProducts *self, Operand *o) {
  static const gsize most = 64; /* values of a line */
  _Alignas(64) float x[64], ones[64];
  ClipmoeRandom random = {1};
  if (!(o->act = g_try_malloc (o->lines * CM_LINE_BYTES + 63)))
    return FALSE;
  char *to = (char *)(((gsize)o->act + 63) / 64 * 64);
  for (gsize j = 0; j < most; j++)
    ones[j] = 1;
  for (gsize i = 0; i < o->lines; i++, to += CM_LINE_BYTES) {
    for (gsize j = 0; j < most; j++)
      x[j] = (float)(2 * clipmoe_random_uniform (&random) - 1);
    o->format->pack (1, o->format->line_k, x, CM_LINE, CM_LINE, ones, to, CM_LINE_BYTES, self->scales);
  }
  return TRUE;
}

ClipmoeProducts *
clipmoe_products_new (ClipmoeEncoder *encoder, guint n, GError **error) {
  const ClipmoePackedTower *t = &encoder->image;
  if (n < 1) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "products of 0 pictures, expected 1 or more");
    return NULL;
  }
  n = MIN (n, encoder->recipe.batch); /* what one run of the tower takes */
  ClipmoeProducts *self = g_new0 (ClipmoeProducts, 1);
  self->tower = t;
  self->rows = n * clipmoe_architecture_tokens (t->arch);
  self->pooled = n;
  self->chain = g_array_new (FALSE, FALSE, sizeof (ClipmoeProduct));
  self->operands = g_array_new (FALSE, FALSE, sizeof (Operand));
  self->offsets = g_new (gsize, self->rows);
  self->strides = g_new (gsize, self->rows);
  self->scales = g_new (float, self->rows);
  clipmoe_packed_tower_places (t, self->rows, self->offsets, self->strides);
  add (self, clipmoe_packed_tower_matrix (t, CLIPMOE_MATRIX_PATCHES, 0, 0), 0,
       n * clipmoe_architecture_patches (t->arch), CM_ADD, t->scratch.z, 0);
  for (guint i = 0; i < t->arch->layers; i++)
    add_block (self, i);
  add (self, clipmoe_packed_tower_matrix (t, CLIPMOE_MATRIX_PROJECTION, 0, 0), 0, n, CM_STORE,
       t->scratch.embedded, t->scratch.embed_lines);
  gboolean ok = TRUE;
  for (guint i = 0; i < self->operands->len; i++)
    ok = ok && fill (self, &g_array_index (self->operands, Operand, i));
  for (guint i = 0; i < self->rows; i++)
    self->scales[i] = 1.0f / 128;
  for (guint i = 0; ok && i < self->chain->len; i++) {
    ClipmoeProduct *p = &g_array_index (self->chain, ClipmoeProduct, i);
    guint o = 0;
    while (g_array_index (self->operands, Operand, o).format != p->matrix->format)
      o++;
    p->a = (gconstpointer)(((gsize)g_array_index (self->operands, Operand, o).act + 63) / 64 * 64);
    p->following = g_array_index (self->chain, ClipmoeProduct, (i + 1) % self->chain->len).matrix->weights;
  }
  if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for the activations of %u pictures",
                 n);
    g_clear_pointer (&self, clipmoe_products_free);
  }
  return self;
}

void
clipmoe_products_free (ClipmoeProducts *self) {
  if (!self)
    return;
  for (guint i = 0; i < self->operands->len; i++)
    g_free (g_array_index (self->operands, Operand, i).act);
  g_array_unref (self->operands);
  g_array_unref (self->chain);
  g_free (self->offsets);
  g_free (self->strides);
  g_free (self->scales);
  g_free (self);
}

void
clipmoe_products_run (ClipmoeProducts *self) {
  const ClipmoePackedTower *t = self->tower;
  for (guint i = 0; i < self->chain->len; i++)
    cm_product_run (t->kernels, t->threads, &g_array_index (self->chain, ClipmoeProduct, i));
}

static double
operations (const ClipmoeProduct *p) {
  gsize columns = p->matrix->format->columns;
  return 2.0 * (double)p->rows.n * (double)p->matrix->in *
         (double)(MIN (p->last_panel * columns, p->matrix->out) - p->first_panel * columns);
}

double
clipmoe_products_get_gflop (const ClipmoeProducts *self) {
  double sum = 0;
  for (guint i = 0; i < self->chain->len; i++)
    sum += operations (&g_array_index (self->chain, ClipmoeProduct, i));
  return sum / 1e9;
}

double
clipmoe_products_measure_best (const ClipmoeProducts *self) {
  double sum = 0;
  for (guint o = 0; o < self->operands->len; o++) {
    const ClipmoeGemm *f = g_array_index (self->operands, Operand, o).format;
    double rate = f->peak < CM_N_PEAKS ? cm_peak (f->peak, 2000) : 0, all = 0;
    for (guint i = 0; i < self->chain->len; i++) {
      const ClipmoeProduct *p = &g_array_index (self->chain, ClipmoeProduct, i);
      if (p->matrix->format == f)
        all += operations (p);
    }
    if (!(rate > 0))
      return 0;
    sum += all / rate / 1e6;
  }
  return sum / self->tower->threads;
}
