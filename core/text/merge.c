#include "merge.h"

#include <string.h>

#define NONE G_MAXUINT32

/* Pairs that can merge are in a heap, ordered by rank, then place: rank << 32 | place of the left token. An
 * entry that is out of date, since a token of the pair has changed, is recognised when it is taken. */
typedef struct {
  const ClipmoeVocab *vocab;
  guint32 *ids, *next, *previous; /* of the remaining tokens, by place */
  guint64 *heap;
  gsize n_heap;
} Merger;

static void
push (Merger *m, guint64 key) {
  gsize i = m->n_heap++;
  for (; i > 0 && m->heap[(i - 1) / 2] > key; i = (i - 1) / 2)
    m->heap[i] = m->heap[(i - 1) / 2];
  m->heap[i] = key;
}

static void
pop (Merger *m) {
  guint64 key = m->heap[--m->n_heap];
  gsize i = 0, child;
  while ((child = 2 * i + 1) < m->n_heap) {
    if (child + 1 < m->n_heap && m->heap[child + 1] < m->heap[child])
      child++;
    if (m->heap[child] >= key)
      break;
    m->heap[i] = m->heap[child];
    i = child;
  }
  m->heap[i] = key;
}

/* rank << 32 | id of the merge of the token at @place with the next one; G_MAXINT64: none. */
static gint64
pair_at (const Merger *m, guint32 place) {
  if (place == NONE || m->next[place] == NONE)
    return G_MAXINT64;
  gint64 key = (gint64)m->ids[place] << 32 | m->ids[m->next[place]];
  const gint64 *found = g_hash_table_lookup (m->vocab->merges, &key);
  return found ? *found : G_MAXINT64;
}

static void
look (Merger *m, guint32 place) {
  gint64 found = pair_at (m, place);
  if (found != G_MAXINT64)
    push (m, ((guint64)found >> 32) << 32 | place);
}

/* One round: merges every pair of the smallest rank. New pairs wait for the next round, since in a
 * vocabulary made by hand a merge may have a smaller rank than the merge that makes its parts. */
static void
merge_round (Merger *m, GArray *changed) {
  guint64 rank = m->heap[0] >> 32;
  g_array_set_size (changed, 0);
  while (m->n_heap && m->heap[0] >> 32 == rank) {
    guint32 place = (guint32)m->heap[0];
    pop (m);
    gint64 found = m->ids[place] == NONE ? G_MAXINT64 : pair_at (m, place);
    if (found == G_MAXINT64 || (guint64)found >> 32 != rank)
      continue;
    guint32 right = m->next[place];
    m->ids[place] = (guint32)found;
    m->ids[right] = NONE;
    m->next[place] = m->next[right];
    if (m->next[place] != NONE)
      m->previous[m->next[place]] = place;
    g_array_append_val (changed, place);
  }
  for (guint i = 0; i < changed->len; i++) {
    guint32 place = g_array_index (changed, guint32, i);
    look (m, place);
    look (m, m->previous[place]);
  }
}

gsize
clipmoe_merge (const ClipmoeVocab *vocab, guint32 *ids, gsize n) {
  if (n < 2)
    return n;
  /* each merge adds at most two pairs, and there are fewer than n merges */
  guint32 small[2 * 64], *links = n <= 64 ? small : g_new (guint32, 2 * n);
  guint64 few[3 * 64];
  Merger m = {vocab, ids, links, links + n, n <= 64 ? few : g_new (guint64, 3 * n), 0};
  for (gsize i = 0; i < n; i++) {
    m.next[i] = i + 1 < n ? (guint32)i + 1 : NONE;
    m.previous[i] = i ? (guint32)i - 1 : NONE;
  }
  for (gsize i = 0; i + 1 < n; i++)
    look (&m, (guint32)i);
  if (m.n_heap) {
    GArray *changed = g_array_new (FALSE, FALSE, sizeof (guint32));
    while (m.n_heap)
      merge_round (&m, changed);
    g_array_unref (changed);
  }
  gsize left = 0;
  for (guint32 i = 0; i != NONE; i = m.next[i]) /* the first place is never merged away */
    ids[left++] = ids[i];
  if (n > 64) {
    g_free (links);
    g_free (m.heap);
  }
  return left;
}
