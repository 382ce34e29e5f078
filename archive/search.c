#include "search.h"

#include <math.h>
#include <string.h>

/* Moments that are asked of the scan at first, for each hit that is wanted: neighbours become one. */
#define MOMENTS_A_HIT 8
#define FEWEST_MOMENTS 256
#define MOST_MOMENTS 16384
/* A neighbour is of the same hit while its height above the median is at least this share of the best one's:
 * as an interval of tags closes at 0.8 of what opens it. */
#define SAME_HIT 0.8
/* Moments with a longer pause between them are no neighbours. */
#define PAUSE_NS (2 * G_GINT64_CONSTANT (1000000000))

void
clipmoe_hit_free (ClipmoeHit *hit) {
  if (!hit)
    return;
  clipmoe_found_free (hit->found);
  g_free (hit);
}

void
clipmoe_answer_free (ClipmoeAnswer *answer) {
  if (!answer)
    return;
  g_ptr_array_unref (answer->hits);
  g_free (answer);
}

void
clipmoe_answer_append_approximation (const ClipmoeAnswer *answer, GString *out) {
  const ClipmoeApproximation *how = &answer->how;
  if (!answer->approximate)
    return;
  g_string_append_printf (out, ",\"approximate\":{\"candidates\":%u,\"ef_search\":", how->candidates);
  if (how->ef_search)
    g_string_append_printf (out, "%u", how->ef_search);
  else
    g_string_append (out, "null");
  g_string_append_printf (out, ",\"sample\":%u,\"estimated\":%s,\"fewer\":%s}", how->sample,
                          how->estimated ? "true" : "false", how->fewer ? "true" : "false");
}

/* One moment of the scan. */
typedef struct {
  guint64 row;
  double cosine;
  ClipmoeFound *found; /* NULL: forgotten meanwhile, or given to a hit */
  gboolean taken;
} Item;

/* UTC microseconds of stream time @time; 0 where it is not known or the moment is of a file. Each run of a
 * live source begins at stream time 0, so that this time does not order its moments. */
static gint64
live_at (const ClipmoeFound *found, gint64 time) {
  gint64 ns, utc;
  return found->path || !found->at || __builtin_sub_overflow (time, found->time, &ns) ||
                 __builtin_add_overflow (found->at, ns / 1000, &utc)
             ? 0
             : utc;
}

static int
in_order (gint64 x, gint64 y) {
  return x < y ? -1 : x > y;
}

static int
by_file_and_time (gconstpointer a, gconstpointer b) {
  const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
  int order = in_order (x->found->file, y->found->file);
  if (!order)
    order = in_order (live_at (x->found, x->found->start), live_at (y->found, y->found->start));
  if (!order)
    order = in_order (x->found->start, y->found->start);
  return order ? order : x->row < y->row ? -1 : x->row > y->row;
}

/* Whether @after begins within a pause of the end of @before. */
static gboolean
follows (gint64 end, gint64 start, gint64 pause) {
  return __builtin_add_overflow (end, pause, &end) || start <= end;
}

static gboolean
are_neighbours (const ClipmoeFound *before, const ClipmoeFound *after) {
  /* of a live source, both clocks must agree: a hit has one begin and one end by each */
  return before->file == after->file && !before->picture && !after->picture &&
         before->start <= after->start && follows (before->end, after->start, PAUSE_NS) &&
         follows (live_at (before, before->end), live_at (after, after->start), PAUSE_NS / 1000);
}

/* Extends @hit from place @at of @order in the direction @step, while there are neighbours. */
static void
extend (ClipmoeHit *hit, GPtrArray *order, guint at, int step, double floor) {
  const ClipmoeFound *last = ((Item *)order->pdata[at])->found;
  for (gint64 i = (gint64)at + step; i >= 0 && i < order->len; i += step) {
    Item *next = order->pdata[i];
    if (next->taken || next->cosine < floor ||
        !(step > 0 ? are_neighbours (last, next->found) : are_neighbours (next->found, last)))
      return;
    next->taken = TRUE;
    hit->start = MIN (hit->start, next->found->start);
    hit->end = MAX (hit->end, next->found->end);
    hit->moments++;
    last = next->found;
  }
}

/* Hits of @items, which come best first. Some of the founds go into hits. */
static GPtrArray *
make_hits (Item *items, gsize n, double median, guint most) {
  GPtrArray *hits = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_hit_free),
            *order = g_ptr_array_new ();
  GHashTable *places = g_hash_table_new (NULL, NULL); /* Item → where it stands in `order` */
  GArray *bests = g_array_new (FALSE, FALSE, sizeof (gsize));
  for (gsize i = 0; i < n; i++)
    if (items[i].found)
      g_ptr_array_add (order, &items[i]);
  g_ptr_array_sort (order, by_file_and_time);
  for (guint i = 0; i < order->len; i++)
    g_hash_table_insert (places, order->pdata[i], GUINT_TO_POINTER (i));
  for (gsize i = 0; i < n && hits->len < most; i++) {
    Item *best = &items[i];
    if (!best->found || best->taken)
      continue;
    ClipmoeHit *hit = g_new0 (ClipmoeHit, 1);
    double floor = best->cosine > median ? median + SAME_HIT * (best->cosine - median) : best->cosine;
    guint at = GPOINTER_TO_UINT (g_hash_table_lookup (places, best));
    *hit = (ClipmoeHit){
        .start = best->found->start, .end = best->found->end, .moments = 1, .cosine = best->cosine};
    best->taken = TRUE;
    extend (hit, order, at, -1, floor);
    extend (hit, order, at, 1, floor);
    g_ptr_array_add (hits, hit);
    g_array_append_val (bests, i);
  }
  for (guint i = 0; i < hits->len; i++)
    ((ClipmoeHit *)hits->pdata[i])->found = g_steal_pointer (&items[g_array_index (bests, gsize, i)].found);
  g_array_unref (bests);
  g_hash_table_destroy (places);
  g_ptr_array_unref (order);
  return hits;
}

/* A query on its way. */
typedef struct {
  ClipmoeStore *store;
  const ClipmoeVectors *vectors;
  const float *query;
  const ClipmoeFilter *filter;
  GArray *ranges;
  guint64 rows; /* in all ranges */
  guint threads;
  gboolean ann; /* without vectors and ranges: what is near is fetched */
  ClipmoeNear near;
  /* set by the scan: the highest cosine, and the mean of the CLIPMOE_REACH_FIRST highest */
  double first, five;
} Query;

static void
clear (Query *q) {
  if (q->ranges)
    g_array_unref (q->ranges);
  clipmoe_near_clear (&q->near);
}

/* The best @k moments. Returns how many there are; -1 on error. */
static gssize
find_best (Query *q, gsize k, ClipmoeScanHit *found, ClipmoeScanSpread *spread, GError **error) {
  if (!q->ann)
    return clipmoe_scan (q->vectors, q->query, (const ClipmoeRowRange *)(void *)q->ranges->data,
                         q->ranges->len, k, q->threads, found, spread, error);
  return clipmoe_store_find_near (q->store, q->query, q->filter, (guint)k, &q->near, error)
             ? clipmoe_near_rank (&q->near, q->query, k, found, spread, error)
             : -1;
}

/* The best @k moments become at most @most hits. NULL with @error. */
static GPtrArray *
scan_once (Query *q, gsize k, guint most, ClipmoeScanSpread *spread, GError **error) {
  ClipmoeScanHit *found = g_new (ClipmoeScanHit, k);
  GPtrArray *hits = NULL, *founds = NULL;
  gssize n = find_best (q, k, found, spread, error);
  if (n >= 0) {
    gssize first = MIN (n, CLIPMOE_REACH_FIRST);
    q->first = n ? found[0].cosine : 0;
    q->five = 0;
    for (gssize i = 0; i < first; i++)
      q->five += found[i].cosine / (double)first;
    guint64 *rows = g_new (guint64, (gsize)n + 1);
    for (gssize i = 0; i < n; i++)
      rows[i] = found[i].row;
    founds = clipmoe_store_find_rows (q->store, rows, (guint)n, error);
    g_free (rows);
  }
  if (founds) {
    Item *items = g_new0 (Item, (gsize)n + 1);
    for (gssize i = 0; i < n; i++)
      items[i] = (Item){found[i].row, found[i].cosine, g_steal_pointer (&founds->pdata[i]), FALSE};
    hits = make_hits (items, (gsize)n, spread->median, most);
    for (gssize i = 0; i < n; i++)
      if (items[i].found)
        clipmoe_found_free (items[i].found);
    g_free (items);
    g_ptr_array_unref (founds);
  }
  g_free (found);
  return hits;
}

/* As scan_once(), with as many moments as are needed for @most hits. */
static GPtrArray *
scan (Query *q, guint most, ClipmoeScanSpread *spread, GError **error) {
  gsize k = MAX (FEWEST_MOMENTS, (gsize)most * MOMENTS_A_HIT);
  for (;; k *= 4) {
    k = (gsize)MIN (MIN (k, MOST_MOMENTS), q->rows);
    GPtrArray *hits = scan_once (q, k, most, spread, error);
    if (!hits || hits->len >= most || k == q->rows || k == MOST_MOMENTS ||
        (q->ann && q->near.found.numbers->len < k)) /* the index has no more */
      return hits;
    g_ptr_array_unref (hits);
  }
}

/* The @at-th of all moments, or of the sample. */
static gboolean
get_sampled (const Query *q, guint64 at, guint64 *range, guint64 *before, float *out, GError **error) {
  if (q->ann) {
    clipmoe_near_rows_get (&q->near.sample, (guint)at, q->near.embed, out);
    return TRUE;
  }
  const ClipmoeRowRange *here = &g_array_index (q->ranges, ClipmoeRowRange, *range);
  for (; at - *before >= here->n; here = &g_array_index (q->ranges, ClipmoeRowRange, ++*range))
    *before += here->n;
  return clipmoe_vectors_get (q->vectors, here->first + (at - *before), out, error);
}

/* How high the words of @bank reach among the query's moments. */
static gboolean
reach (const Query *q, const ClipmoeBank *bank, ClipmoeReach *out, GError **error) {
  ClipmoeReachTops *tops = clipmoe_reach_tops_new (bank);
  float *row = g_new (float, clipmoe_bank_get_embed (bank));
  guint64 rows = q->ann ? q->near.sample.numbers->len : q->rows, n = MIN (rows, CLIPMOE_REACH_SAMPLE),
          range = 0, before = 0; /* rows of the ranges before */
  gboolean ok = TRUE;
  for (guint64 i = 0; i < n && ok; i++) {
    /* the i-th of n among all rows, without a product that overflows */
    guint64 at = i * (rows / n) + i * (rows % n) / n;
    ok = get_sampled (q, at, &range, &before, row, error);
    if (ok)
      clipmoe_reach_tops_add (tops, row);
  }
  if (ok)
    clipmoe_reach_tops_tell (tops, MAX (q->rows, n), out);
  g_free (row);
  clipmoe_reach_tops_free (tops);
  return ok;
}

/* What the bank says of the hits. */
static gboolean
compare (ClipmoeAnswer *answer, const Query *q, const ClipmoeBank *bank, double scale, GError **error) {
  float *row = g_new (float, clipmoe_bank_get_embed (bank)),
        *cosines = g_new (float, clipmoe_bank_get_n (bank));
  gboolean *kept = g_new (gboolean, clipmoe_bank_get_n (bank));
  double common;
  ClipmoeReach words;
  clipmoe_bank_keep (bank, q->query, kept, &common);
  gboolean ok = reach (q, bank, &words, error);
  for (guint i = 0; i < answer->hits->len && ok; i++) {
    ClipmoeHit *hit = answer->hits->pdata[i];
    ok = q->ann ? clipmoe_near_get (&q->near, hit->found->id, row)
                : clipmoe_vectors_get (q->vectors, hit->found->row, row, error);
    if (!ok)
      break;
    clipmoe_bank_cosines (bank, row, cosines);
    hit->score = 1 / (1 + exp (scale * (clipmoe_bank_background (bank, kept, cosines, scale) - hit->cosine)));
  }
  if (ok)
    clipmoe_standing_init (&answer->standing, &words, q->first, q->five, common);
  answer->compared = ok;
  g_free (kept);
  g_free (cosines);
  g_free (row);
  return ok;
}

static void
judge (ClipmoeAnswer *answer, gboolean words) {
  for (guint i = 0; i < answer->hits->len; i++) {
    ClipmoeHit *hit = answer->hits->pdata[i];
    if (answer->compared) {
      hit->lead = clipmoe_standing_lead (&answer->standing, hit->cosine);
      hit->margin = clipmoe_standing_margin (&answer->standing, hit->cosine);
    } else
      hit->margin = clipmoe_standing_distance_margin (words, hit->distance, hit->cosine);
    hit->stands_out = hit->margin >= 0;
    answer->stands_out |= hit->stands_out;
  }
}

static gboolean
search (ClipmoeAnswer *answer, Query *q, gboolean words, const ClipmoeBank *bank, double scale, guint limit,
        GError **error) {
  ClipmoeScanSpread spread = {0};
  g_ptr_array_unref (answer->hits);
  answer->hits = scan (q, limit, &spread, error);
  if (!answer->hits) {
    answer->hits = g_ptr_array_new ();
    return FALSE;
  }
  answer->median = spread.median;
  answer->spread = spread.spread;
  for (guint i = 0; i < answer->hits->len; i++) {
    ClipmoeHit *hit = answer->hits->pdata[i];
    /* in a handful of moments there may be no spread, and nothing lies far from the others */
    hit->distance = spread.spread > 0 ? (hit->cosine - spread.median) / spread.spread : 0;
    hit->score = hit->lead = NAN;
  }
  if (words && bank && answer->hits->len && !compare (answer, q, bank, scale, error))
    return FALSE;
  judge (answer, words);
  return TRUE;
}

/* Which moments pass. *embed: of their vectors. */
static gboolean
begin (Query *q, guint *embed, GError **error) {
  if (q->ann) {
    if (!clipmoe_store_find_near (q->store, q->query, q->filter, 0, &q->near, error))
      return FALSE;
    q->rows = q->near.moments;
    *embed = q->near.embed;
    return TRUE;
  }
  q->ranges = clipmoe_store_select (q->store, q->filter, error);
  if (!q->ranges)
    return FALSE;
  q->vectors = clipmoe_store_get_vectors (q->store);
  for (guint i = 0; q->vectors && i < q->ranges->len; i++)
    q->rows += g_array_index (q->ranges, ClipmoeRowRange, i).n;
  *embed = q->vectors ? clipmoe_vectors_get_embed (q->vectors) : 0;
  return TRUE;
}

static void
say_how (ClipmoeAnswer *answer, const Query *q, guint limit) {
  guint found = q->near.found.numbers ? q->near.found.numbers->len : 0;
  answer->approximate = TRUE;
  answer->how = (ClipmoeApproximation){.candidates = q->near.listed ? q->near.listed->len : found,
                                       .ef_search = q->near.ef_search,
                                       .sample = q->near.sample.numbers ? q->near.sample.numbers->len : 0,
                                       .estimated = q->near.estimated,
                                       .fewer = q->near.ef_search && answer->hits->len < limit &&
                                                found < MIN (q->rows, MOST_MOMENTS)};
}

ClipmoeAnswer *
clipmoe_search (ClipmoeStore *store, const float *query, gboolean words, const ClipmoeFilter *filter,
                const ClipmoeBank *bank, double scale, guint limit, guint threads, GError **error) {
  gint64 begun = g_get_monotonic_time ();
  Query q = {.store = store,
             .query = query,
             .filter = filter,
             .threads = threads,
             .ann = clipmoe_store_is_ann (store)};
  guint embed;
  if (limit < 1 || limit > CLIPMOE_MAX_HITS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "Search: %u hits, expected 1 to %d", limit,
                 CLIPMOE_MAX_HITS);
    return NULL;
  }
  if (!begin (&q, &embed, error)) {
    clear (&q);
    return NULL;
  }
  ClipmoeAnswer *answer = g_new0 (ClipmoeAnswer, 1);
  answer->hits = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_hit_free);
  answer->moments = q.rows;
  gboolean ok = TRUE;
  if (answer->moments && bank && clipmoe_bank_get_embed (bank) != embed) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "Search: a bank of vectors of %u, expected %u as in the archive",
                 clipmoe_bank_get_embed (bank), embed);
    ok = FALSE;
  }
  ok = ok && (!answer->moments || search (answer, &q, words, bank, scale, limit, error));
  if (q.ann)
    say_how (answer, &q, limit);
  answer->seconds = (double)(g_get_monotonic_time () - begun) / G_USEC_PER_SEC;
  clear (&q);
  if (!ok)
    g_clear_pointer (&answer, clipmoe_answer_free);
  return answer;
}
