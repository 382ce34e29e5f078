/* A row is m + s c + e: the mean of its block, a scale times its codes, and what rounding left out. The query
 * q is d g + f: a step times whole numbers, and what rounding left out. So
 *
 *     q row = q m + s d (c g) + s (c f) + q e
 *
 * where c g is computed in whole numbers, |s (c f)| is at most |s c| |f| and |q e| at most |q| |e|
 * (Cauchy-Schwarz). The lengths |e|, and the largest |s c| of the block, are stored. So each row has a lower
 * and an upper bound. k rows whose lower bound is at least x: the k best rows have cosines of at least x. All
 * rows whose upper bound is less are out; the rest is computed from the f16 rows. */
#include "scan.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include "../core/base/error.h"
#include "../core/kernels/cpus.h"
#include "../core/kernels/pool.h"
#include "../core/kernels/search-choose.h"
#include "best.h"
#include "rowcursor.h"
#include "spread.h"
#include "vectors-private.h"

#define BLOCK CLIPMOE_VECTOR_BLOCK
#define BUFFER ((gsize)128 << 10) /* bytes of f16 rows that are read at a time */
#define CANDIDATES 16384          /* of a thread, before they are computed exactly */
#define FEW 4096                  /* rows that are not worth a second thread */
/* A smaller piece of a block is computed from the f16 rows: the product of its mean costs as much as so many
 * rows, and so does, at the first use of a block, its checksum. */
#define PIECE 4
#define PIECE_UNCHECKED 512
/* Where so large a share of the rows is asked for, nearly all would be computed exactly. */
#define SHARE 16
#define GAP 3        /* rows between two candidates that are read along with them */
#define TURN 64      /* candidates that a thread takes at a time */
#define SLACK 1e-6f  /* of rounding in f32, relative to the lengths that are multiplied */
#define MOST_TRIES 3 /* while somebody writes to the 8-bit copy */

typedef struct {
  guint64 row;
  float upper;
} Candidate;

typedef struct Scan Scan;

/* What one thread has seen. */
typedef struct {
  ClipmoeBestHits exact;
  ClipmoeBestValues lower; /* bounds of rows that were not computed exactly when they were seen */
  Candidate *candidates;
  gsize n_candidates;
  ClipmoeSpreadBins *bins; /* NULL: not wanted */
  guint16 *rows;
  guint16 *block; /* NULL until a block's codes are to be made */
  double *products;
  const guint16 *mean; /* of the block that it looked at last, and its product */
  double base;
  gint32 dots[BLOCK];
  float values[BLOCK], bounds[BLOCK];
} Worker;

struct Scan {
  const ClipmoeVectors *vectors;
  const ClipmoeSearchKernels *kernels;
  gsize k, room; /* rows that fit into a worker's buffer */
  guint codes;   /* the state of the 8-bit copy; 0: there is no first pass */
  gint used;     /* atomic: some of it was used */
  ClipmoeRowCursor cursor;
  Worker *workers;
  guint n_workers;
  guint32 floor;         /* atomic: a float; the k best cosines are at least that */
  gint failed;           /* atomic */
  pthread_mutex_t mutex; /* guards error */
  GError *error;
  /* of the query */
  ClipmoeSearchQuery whole;
  double query[CLIPMOE_MAX_EMBED];
  double length;         /* |q|, a little more */
  double step, left_out; /* d, |f| */
  /* of the second pass */
  Candidate *candidates;
  gsize n_candidates;
};

static float
get_floor (const Scan *s) {
  guint32 bits = __atomic_load_n (&s->floor, __ATOMIC_RELAXED);
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static void
raise_floor (Scan *s, float value) {
  guint32 before = __atomic_load_n (&s->floor, __ATOMIC_RELAXED), bits;
  float was;
  memcpy (&bits, &value, sizeof bits);
  do {
    memcpy (&was, &before, sizeof was);
    if (!(value > was))
      return;
  } while (!__atomic_compare_exchange_n (&s->floor, &before, bits, TRUE, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static void
fail (Scan *s, GError *error) {
  pthread_mutex_lock (&s->mutex);
  if (!s->error)
    s->error = error;
  else
    g_error_free (error);
  pthread_mutex_unlock (&s->mutex);
  g_atomic_int_set (&s->failed, TRUE);
}

/* At most `room` rows of one block, to w->rows and w->products. */
static gboolean
compute (Scan *s, Worker *w, guint64 first, gsize n) {
  GError *error = NULL;
  if (!clipmoe_row_file_read_rows (&s->vectors->file, first, n, w->rows, &error)) {
    fail (s, error);
    return FALSE;
  }
  s->kernels->dot16 (n, s->vectors->file.embed, w->rows, s->query, w->products);
  return TRUE;
}

/* Rows of one block, from the f16 rows alone. */
static gboolean
take_exactly (Scan *s, Worker *w, guint64 first, gsize n) {
  for (gsize some; n; n -= some, first += some) {
    some = MIN (n, s->room);
    if (!compute (s, w, first, some))
      return FALSE;
    for (gsize i = 0; i < some; i++) {
      w->values[i] = (float)w->products[i];
      if (s->k)
        clipmoe_best_hits_add (&w->exact, first + i, w->values[i]);
    }
    if (w->bins)
      clipmoe_spread_add (w->bins, w->values, some);
  }
  raise_floor (s, clipmoe_best_hits_get_last (&w->exact));
  return TRUE;
}

/* Candidates in order of rows, exactly. Neighbours are read at once. */
static gboolean
resolve (Scan *s, Worker *w, const Candidate *c, gsize n) {
  for (gsize i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && c[end].row - c[end - 1].row <= GAP && c[end].row - c[i].row < s->room &&
                      c[end].row / BLOCK == c[i].row / BLOCK;)
      end++;
    if (!compute (s, w, c[i].row, c[end - 1].row - c[i].row + 1))
      return FALSE;
    for (gsize j = i; j < end; j++)
      clipmoe_best_hits_add (&w->exact, c[j].row, (float)w->products[c[j].row - c[i].row]);
  }
  raise_floor (s, clipmoe_best_hits_get_last (&w->exact));
  return TRUE;
}

static void
prune (Worker *w, float floor) {
  gsize kept = 0;
  for (gsize i = 0; i < w->n_candidates; i++)
    if (!(w->candidates[i].upper < floor))
      w->candidates[kept++] = w->candidates[i];
  w->n_candidates = kept;
}

/* Candidates of a worker are in order of rows. */
static gboolean
make_room (Scan *s, Worker *w) {
  prune (w, get_floor (s));
  if (w->n_candidates <= CANDIDATES / 2)
    return TRUE;
  gboolean ok = resolve (s, w, w->candidates, w->n_candidates);
  w->n_candidates = 0;
  return ok;
}

/* Rows from @from on of a block whose codes are there. */
static gboolean
take_codes (Scan *s, Worker *w, const ClipmoeCodesBlock *b, guint64 first, gsize n) {
  const gsize stride = clipmoe_codes_get_stride (s->vectors->codes), from = first % BLOCK;
  if (w->mean != b->mean)
    s->kernels->dot16 (1, stride, b->mean, s->query, &w->base);
  w->mean = b->mean;
  s->kernels->dot8 (n, stride, b->codes + from * stride, &s->whole, w->dots);
  const float lengths = (float)(s->length + s->left_out) * b->largest + fabsf ((float)w->base),
              slack = SLACK * lengths + (float)(s->left_out * (1 + 1e-6)) * b->largest, mean = (float)w->base,
              step = (float)s->step, length = (float)s->length;
  for (gsize i = 0; i < n; i++) {
    w->values[i] = mean + step * (b->scales[from + i] * (float)w->dots[i]);
    w->bounds[i] = slack + length * b->errors[from + i];
  }
  if (w->bins)
    clipmoe_spread_add (w->bins, w->values, n);
  float floor = get_floor (s);
  for (gsize i = 0; i < n; i++) {
    float upper = w->values[i] + w->bounds[i];
    if (upper < floor) /* not where it is no number */
      continue;
    if (w->n_candidates == CANDIDATES && !make_room (s, w))
      return FALSE;
    w->candidates[w->n_candidates++] = (Candidate){first + i, upper};
    float lower = w->values[i] - w->bounds[i];
    if (lower > -INFINITY)
      clipmoe_best_values_add (&w->lower, lower);
    raise_floor (s, clipmoe_best_values_get_last (&w->lower));
    floor = get_floor (s);
  }
  return TRUE;
}

static gboolean
take_piece (Scan *s, Worker *w, guint64 first, gsize n) {
  const ClipmoeVectors *v = s->vectors;
  guint64 block = first / BLOCK;
  ClipmoeCodesBlock b;
  gboolean full = s->codes && (block + 1) * BLOCK <= v->rows;
  if (!full || n < (clipmoe_codes_is_checked (v->codes, s->codes, block) ? PIECE : PIECE_UNCHECKED))
    return take_exactly (s, w, first, n);
  if (clipmoe_vectors_get_codes (v, s->codes, block, &b)) {
    g_atomic_int_set (&s->used, TRUE);
    return take_codes (s, w, &b, first, n);
  }
  if (n == BLOCK && clipmoe_codes_can_put (v->codes)) {
    if (!w->block)
      w->block = g_try_malloc ((gsize)BLOCK * v->file.embed * sizeof *w->block);
    if (w->block)
      clipmoe_vectors_mend_codes (v, block, w->block);
  }
  return take_exactly (s, w, first, n);
}

static void
first_pass (void *data, unsigned thread, unsigned i, unsigned next) {
  Scan *s = data;
  ClipmoeRowRange pieces[CLIPMOE_TURN_PIECES];
  for (guint n; !g_atomic_int_get (&s->failed) && (n = clipmoe_row_cursor_next (&s->cursor, pieces));)
    for (guint p = 0; p < n; p++)
      if (!take_piece (s, &s->workers[thread], pieces[p].first, (gsize)pieces[p].n))
        return;
}

static void
second_pass (void *data, unsigned thread, unsigned i, unsigned next) {
  Scan *s = data;
  gsize from = (gsize)i * TURN;
  if (!g_atomic_int_get (&s->failed))
    resolve (s, &s->workers[thread], s->candidates + from, MIN (TURN, s->n_candidates - from));
}

static int
compare_candidates (const void *one, const void *other) {
  guint64 a = ((const Candidate *)one)->row, b = ((const Candidate *)other)->row;
  return a < b ? -1 : a > b;
}

/* All threads' bounds together say more than each alone. */
static gboolean
gather_candidates (Scan *s) {
  ClipmoeBestValues all;
  if (!clipmoe_best_values_init (&all, s->k))
    return FALSE;
  for (guint i = 0; i < s->n_workers; i++)
    for (gsize j = 0; j < s->workers[i].lower.n; j++)
      clipmoe_best_values_add (&all, s->workers[i].lower.values[j]);
  raise_floor (s, clipmoe_best_values_get_last (&all));
  clipmoe_best_values_clear (&all);
  gsize n = 0;
  for (guint i = 0; i < s->n_workers; i++) {
    prune (&s->workers[i], get_floor (s));
    n += s->workers[i].n_candidates;
  }
  s->candidates = g_try_new (Candidate, MAX (n, 1));
  if (!s->candidates)
    return FALSE;
  for (guint i = 0; i < s->n_workers; i++) {
    Worker *w = &s->workers[i];
    memcpy (s->candidates + s->n_candidates, w->candidates, w->n_candidates * sizeof *w->candidates);
    s->n_candidates += w->n_candidates;
  }
  qsort (s->candidates, n, sizeof *s->candidates, compare_candidates);
  return TRUE;
}

static void
scan_free (Scan *s) {
  for (guint i = 0; s->workers && i < s->n_workers; i++) {
    Worker *w = &s->workers[i];
    clipmoe_best_hits_clear (&w->exact);
    clipmoe_best_values_clear (&w->lower);
    g_free (w->candidates);
    g_free (w->bins);
    g_free (w->rows);
    g_free (w->block);
    g_free (w->products);
  }
  g_free (s->workers);
  g_free (s->candidates);
  clipmoe_row_cursor_clear (&s->cursor);
  pthread_mutex_destroy (&s->mutex);
  g_clear_error (&s->error);
  g_free (s);
}

static gboolean
set_query (Scan *s, const float *query, GError **error) {
  const guint embed = s->vectors->file.embed;
  const gsize stride = clipmoe_codes_get_stride (s->vectors->codes);
  double most = 0, squares = 0, left_out = 0;
  for (guint i = 0; i < embed; i++) {
    s->query[i] = (double)query[i];
    most = MAX (most, fabs (s->query[i]));
    squares += s->query[i] * s->query[i];
  }
  if (!isfinite (squares)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "the query's vector has values that are no numbers");
    return FALSE;
  }
  s->step = (double)(float)(most / CM_SEARCH_RANGE);
  for (gsize i = 0; i < stride; i++) {
    double whole = s->step > 0 ? CLAMP (rint (s->query[i] / s->step), -CM_SEARCH_RANGE, CM_SEARCH_RANGE) : 0;
    cm_search_set (&s->whole, i, (int)whole);
    left_out += (s->query[i] - whole * s->step) * (s->query[i] - whole * s->step);
  }
  s->length = sqrt (squares) * (1 + 1e-6);
  s->left_out = sqrt (left_out) * (1 + 1e-6);
  return TRUE;
}

/* *rows: how many they are. */
static gboolean
check_ranges (const ClipmoeVectors *v, const ClipmoeRowRange *ranges, gsize n, guint64 *rows,
              GError **error) {
  guint64 end = 0;
  *rows = 0;
  for (gsize i = 0; i < n; i++) {
    if (ranges[i].first < end || ranges[i].first > v->rows || ranges[i].n > v->rows - ranges[i].first)
      return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, v->file.path,
                                "range %" G_GSIZE_FORMAT " of rows, %" G_GUINT64_FORMAT
                                " from %" G_GUINT64_FORMAT
                                " on, overlaps the one before it or the end at %" G_GUINT64_FORMAT,
                                i, ranges[i].n, ranges[i].first, v->rows);
    end = ranges[i].first + ranges[i].n;
    *rows += ranges[i].n;
  }
  return TRUE;
}

static gboolean
no_memory (const Scan *s, GError **error) {
  return clipmoe_error_set (error, CLIPMOE_ERROR_MEMORY, s->vectors->file.path,
                            "no memory for the best %" G_GSIZE_FORMAT " rows", s->k);
}

static gboolean
start_workers (Scan *s, guint threads, gboolean spread, GError **error) {
  const gsize row = s->vectors->file.embed * sizeof (guint16);
  s->room = CLAMP (BUFFER / MAX (row, 1), 1, BLOCK);
  s->n_workers = cm_pool_start (threads);
  s->workers = g_new0 (Worker, s->n_workers);
  for (guint i = 0; i < s->n_workers; i++) {
    Worker *w = &s->workers[i];
    gboolean there = clipmoe_best_hits_init (&w->exact, s->k);
    there = clipmoe_best_values_init (&w->lower, s->k) && there;
    if (!there)
      return no_memory (s, error);
    w->candidates = g_new (Candidate, s->codes ? CANDIDATES : 1);
    w->bins = spread ? g_new0 (ClipmoeSpreadBins, 1) : NULL;
    w->rows = g_malloc (s->room * row);
    w->products = g_new (double, s->room);
  }
  return TRUE;
}

/* One attempt. *again: somebody wrote to the 8-bit copy that was used. */
static gssize
run (Scan *s, ClipmoeScanHit *hits, ClipmoeScanSpread *spread, gboolean *again, GError **error) {
  cm_pool_run (s->n_workers, s->n_workers, first_pass, s);
  if (!s->failed && !gather_candidates (s)) {
    no_memory (s, error);
    return -1;
  }
  if (!s->failed)
    cm_pool_run (s->n_workers, (guint)((s->n_candidates + TURN - 1) / TURN), second_pass, s);
  *again = s->used && !clipmoe_codes_end (s->vectors->codes, s->codes);
  if (s->error) {
    g_propagate_error (error, g_steal_pointer (&s->error));
    return -1;
  }
  ClipmoeBestHits *all = &s->workers[0].exact;
  for (guint i = 1; i < s->n_workers; i++) {
    const Worker *w = &s->workers[i];
    for (gsize j = 0; j < w->exact.n; j++)
      clipmoe_best_hits_add (all, w->exact.hits[j].row, w->exact.hits[j].cosine);
    if (spread)
      clipmoe_spread_merge (s->workers[0].bins, w->bins);
  }
  clipmoe_best_hits_sort (all);
  if (all->n)
    memcpy (hits, all->hits, all->n * sizeof *hits);
  if (spread)
    clipmoe_spread_tell (s->workers[0].bins, spread);
  return (gssize)all->n;
}

gssize
clipmoe_scan (const ClipmoeVectors *vectors, const float *query, const ClipmoeRowRange *ranges,
              gsize n_ranges, gsize k, guint threads, ClipmoeScanHit *hits, ClipmoeScanSpread *spread,
              GError **error) {
  const char *forced = g_getenv ("CLIPMOE_CPU");
  guint64 rows;
  gssize found = -1;
  gboolean again = TRUE;
  if (!check_ranges (vectors, ranges, n_ranges, &rows, error))
    return -1;
  for (guint tries = 0; again; tries++) {
    Scan *s = g_new0 (Scan, 1);
    const float lowest = k ? -INFINITY : INFINITY; /* no rows at all are wanted */
    again = FALSE;
    s->vectors = vectors;
    s->kernels = cm_search_kernels_get (forced);
    s->k = (gsize)MIN (k, rows);
    if (tries < MOST_TRIES && s->k < rows / SHARE)
      s->codes = clipmoe_codes_begin (vectors->codes);
    memcpy (&s->floor, &lowest, sizeof s->floor);
    pthread_mutex_init (&s->mutex, NULL);
    clipmoe_row_cursor_init (&s->cursor, ranges, n_ranges);
    if (!s->kernels)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                   "CLIPMOE_CPU=%s: this processor has no such kernels for searching", forced);
    else if (set_query (s, query, error) && start_workers (s,
                                                           rows < FEW ? 1
                                                           : threads  ? threads
                                                                      : cm_cpus_allowed (),
                                                           spread != NULL, error))
      found = run (s, hits, spread, &again, error);
    again = again && found >= 0;
    scan_free (s);
  }
  return found;
}
