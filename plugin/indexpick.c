#include "indexpick.h"

#include "sentlooks.h"

struct _IndexPick {
  ClipmoeSentLooks *sent;
  char *model;  /* of the first look with an embedding */
  char *tagger; /* that is followed */
  gboolean any; /* looks */
  guint said;   /* bits of IndexPickNews */
};

IndexPick *
index_pick_new (void) {
  IndexPick *self = g_new0 (IndexPick, 1);
  self->sent = clipmoe_sent_looks_new ();
  return self;
}

void
index_pick_free (IndexPick *self) {
  if (!self)
    return;
  clipmoe_sent_looks_free (self->sent);
  g_free (self->model);
  g_free (self->tagger);
  g_free (self);
}

void
index_pick_set_stream (IndexPick *self, GstEvent *stream_start) {
  clipmoe_sent_looks_set_stream (self->sent, stream_start);
}

void
index_pick_jump (IndexPick *self) {
  clipmoe_sent_looks_jump (self->sent);
}

static void
say (IndexPick *self, IndexPickNews what, IndexPickNews *news) {
  if (self->said & 1u << what)
    return;
  self->said |= 1u << what;
  *news = what;
}

static const char *
tagger_of (const ClipmoeLook *look) {
  return look->tagger ? look->tagger : look->source ? look->source : "";
}

static gboolean
is_followed (const IndexPick *self, const ClipmoeLook *look) {
  return self->tagger && g_str_equal (tagger_of (look), self->tagger);
}

/* Whether an archive can have it: of a whole frame, with an embedding of the one model. */
static gboolean
is_of_use (IndexPick *self, const ClipmoeLook *look, IndexPickNews *news) {
  if (look->has_region || !look->embedding || !look->model)
    return FALSE;
  if (!self->model)
    self->model = g_strdup (look->model);
  if (g_str_equal (self->model, look->model))
    return TRUE;
  say (self, INDEX_PICK_OTHER_MODEL, news);
  return FALSE;
}

gboolean
index_pick_look (IndexPick *self, const GstStructure *s, gboolean alone, ClipmoeLook *look,
                 IndexPickNews *news) {
  guint n = clipmoe_looks_count (s), chosen = n, whole = 0, bare = 0;
  gboolean followed = FALSE;
  *news = INDEX_PICK_FINE;
  for (guint i = 0; i < n; i++) {
    ClipmoeLook one;
    if (!clipmoe_looks_read (s, i, &one))
      continue;
    self->any = TRUE;
    whole += !one.has_region;
    bare += !one.has_region && !one.embedding;
    if (is_of_use (self, &one, news) && (chosen == n || (!followed && is_followed (self, &one)))) {
      chosen = i;
      followed = is_followed (self, &one);
    }
    clipmoe_looks_clear (&one);
  }
  if (bare && bare == whole)
    say (self, INDEX_PICK_BARE, news);
  if (chosen == n || (alone && self->tagger && !followed) || !clipmoe_looks_read (s, chosen, look))
    return FALSE;
  if (!followed) {
    g_free (self->tagger);
    self->tagger = g_strdup (tagger_of (look));
  }
  if (!clipmoe_sent_looks_see (self->sent, look, chosen).seen)
    return TRUE;
  clipmoe_looks_clear (look);
  return FALSE;
}

const char *
index_pick_get_model (const IndexPick *self) {
  return self->model;
}

gboolean
index_pick_saw_looks (const IndexPick *self) {
  return self->any;
}
