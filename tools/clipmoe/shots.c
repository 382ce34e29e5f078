#include "shots.h"

#include "intervals.h"

/* The running interval of a label, or its last one. */
typedef struct {
  double peak;
  gint64 time;   /* ns: of the look at the peak */
  guint64 count; /* of the last look that named the label */
} Label;

typedef struct {
  GBytes *jpeg;
  guint uses; /* intervals whose peak it is */
} Shot;

struct _ClipmoeShots {
  GHashTable *labels, *shots; /* Label by name, Shot by time */
  guint64 looks;
  guint most, before; /* before: pictures of earlier files */
  guint pending;      /* intervals whose peak the look at hand is */
  gboolean full;
};

static void
shot_free (Shot *shot) {
  g_clear_pointer (&shot->jpeg, g_bytes_unref);
  g_free (shot);
}

ClipmoeShots *
clipmoe_shots_new (guint most) {
  ClipmoeShots *self = g_new0 (ClipmoeShots, 1);
  self->labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->shots = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)shot_free);
  self->most = most;
  return self;
}

void
clipmoe_shots_free (ClipmoeShots *self) {
  if (!self)
    return;
  g_hash_table_unref (self->labels);
  g_hash_table_unref (self->shots);
  g_free (self);
}

void
clipmoe_shots_begin (ClipmoeShots *self) {
  self->before += g_hash_table_size (self->shots);
  g_hash_table_remove_all (self->labels);
  g_hash_table_remove_all (self->shots);
  self->looks = self->pending = 0;
}

static void
release (ClipmoeShots *self, gint64 time) {
  Shot *shot = g_hash_table_lookup (self->shots, &time);
  if (shot && --shot->uses == 0)
    g_hash_table_remove (self->shots, &time);
}

gboolean
clipmoe_shots_wants (ClipmoeShots *self, const ClipmoeLook *look) {
  self->looks++;
  self->pending = 0;
  for (guint i = 0; i < look->n_tags; i++) {
    double score = clipmoe_score_as_printed (look->tags[i].score);
    Label *label = g_hash_table_lookup (self->labels, look->tags[i].label);
    if (!label) {
      label = g_new0 (Label, 1);
      g_hash_table_insert (self->labels, g_strdup (look->tags[i].label), label);
    }
    gboolean goes_on = label->count && label->count + 1 == self->looks;
    label->count = self->looks;
    if (goes_on && !(score > label->peak))
      continue;
    if (goes_on)
      release (self, label->time);
    label->peak = score;
    label->time = (gint64)look->time;
    self->pending++;
  }
  if (!self->pending)
    return FALSE;
  gboolean room = self->before + g_hash_table_size (self->shots) < self->most;
  self->full |= !room;
  return room;
}

void
clipmoe_shots_add (ClipmoeShots *self, const ClipmoeLook *look, const ClipmoeSmall *picture) {
  gint64 time = (gint64)look->time;
  Shot *shot = g_hash_table_lookup (self->shots, &time);
  if (!shot) {
    shot = g_new0 (Shot, 1);
    shot->jpeg = clipmoe_small_to_jpeg (picture);
    g_hash_table_insert (self->shots, g_memdup2 (&time, sizeof time), shot);
  }
  shot->uses += self->pending;
}

GBytes *
clipmoe_shots_get (const ClipmoeShots *self, double time) {
  gint64 ns = (gint64)(time * 1e9 + 0.5);
  const Shot *shot = g_hash_table_lookup (self->shots, &ns);
  return shot && shot->jpeg ? g_bytes_ref (shot->jpeg) : NULL;
}

gboolean
clipmoe_shots_is_full (const ClipmoeShots *self) {
  return self->full;
}
