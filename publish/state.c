#include "state.h"

#include <base/jsontext.h>
#include <math.h>
#include <stream/jsonvalues.h>
#include <string.h>

struct _ClipmoeState {
  char *source, *model;
  guint64 time;
  gint64 at;
  GPtrArray *labels;   /* of ClipmoeStateLabel */
  GHashTable *by_name; /* name → ClipmoeStateLabel */
  gboolean by_events, listed;
  gboolean has_camera;
  ClipmoeCamera camera; /* with has_camera; its reason is ours */
};

static void
label_free (gpointer data) {
  ClipmoeStateLabel *label = data;
  g_hash_table_unref (label->events);
  g_free (label->name);
  g_free (label->group);
  g_free (label);
}

ClipmoeState *
clipmoe_state_new (const char *source) {
  ClipmoeState *self = g_new0 (ClipmoeState, 1);
  self->source = g_strdup (source);
  self->labels = g_ptr_array_new_with_free_func (label_free);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
clipmoe_state_free (ClipmoeState *self) {
  g_hash_table_unref (self->by_name);
  g_ptr_array_unref (self->labels);
  g_free (self->source);
  g_free (self->model);
  g_free ((char *)(guintptr)self->camera.reason);
  g_free (self);
}

const char *
clipmoe_state_get_source (const ClipmoeState *self) {
  return self->source;
}

/* NULL: there are too many. */
static ClipmoeStateLabel *
add_label (ClipmoeState *self, const char *name, const char *group) {
  if (self->labels->len >= CLIPMOE_STATE_MOST)
    return NULL;
  ClipmoeStateLabel *label = g_new (ClipmoeStateLabel, 1);
  *label = (ClipmoeStateLabel){g_strdup (name), g_strdup (group), FALSE, NAN,
                               g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL)};
  g_ptr_array_add (self->labels, label);
  g_hash_table_insert (self->by_name, label->name, label);
  return label;
}

static gboolean
is_list (const ClipmoeState *self, const char *const *names, const char *const *groups, guint n) {
  gboolean same = n == self->labels->len;
  for (guint i = 0; same && i < n; i++) {
    const ClipmoeStateLabel *label = self->labels->pdata[i];
    same = g_str_equal (label->name, names[i]) && g_strcmp0 (label->group, groups ? groups[i] : NULL) == 0;
  }
  return same;
}

gboolean
clipmoe_state_set_labels (ClipmoeState *self, const char *const *names, const char *const *groups, guint n) {
  gboolean first = !self->listed;
  self->listed = TRUE;
  if (is_list (self, names, groups, n))
    return first;
  GPtrArray *before = self->labels;
  GHashTable *were = self->by_name;
  self->labels = g_ptr_array_new_with_free_func (label_free);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++) {
    if (g_hash_table_contains (self->by_name, names[i]))
      continue;
    ClipmoeStateLabel *label = add_label (self, names[i], groups ? groups[i] : NULL),
                      *old = g_hash_table_lookup (were, names[i]);
    if (label && old) {
      label->open = old->open;
      label->score = old->score;
      GHashTable *events = label->events;
      label->events = old->events;
      old->events = events;
    }
  }
  g_hash_table_unref (were);
  g_ptr_array_unref (before);
  return TRUE;
}

guint
clipmoe_state_get_n (const ClipmoeState *self) {
  return self->labels->len;
}

const ClipmoeStateLabel *
clipmoe_state_get_label (const ClipmoeState *self, guint i) {
  return self->labels->pdata[i];
}

GPtrArray *
clipmoe_state_get_groups (const ClipmoeState *self) {
  GPtrArray *groups = g_ptr_array_new ();
  GHashTable *seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < self->labels->len; i++) {
    char *group = ((ClipmoeStateLabel *)self->labels->pdata[i])->group;
    if (group && g_hash_table_add (seen, group))
      g_ptr_array_add (groups, group);
  }
  g_hash_table_unref (seen);
  return groups;
}

static void
note (ClipmoeState *self, guint64 time, gint64 at, const char *model) {
  self->time = time;
  self->at = at;
  if (g_strcmp0 (self->model, model) != 0) {
    g_free (self->model);
    self->model = g_strdup (model);
  }
}

static const ClipmoeTag *
tag_of (const ClipmoeLook *look, const char *label) {
  for (guint i = 0; i < look->n_tags; i++)
    if (g_strcmp0 (look->tags[i].label, label) == 0)
      return &look->tags[i];
  return NULL;
}

ClipmoeStateChange
clipmoe_state_look (ClipmoeState *self, const ClipmoeLook *look) {
  ClipmoeStateChange change = CLIPMOE_STATE_SCORES;
  if (look->has_region)
    return CLIPMOE_STATE_SAME;
  note (self, look->time, look->at, look->model);
  for (guint i = 0; i < look->n_tags && !self->listed; i++)
    if (look->tags[i].label && !g_hash_table_contains (self->by_name, look->tags[i].label) &&
        add_label (self, look->tags[i].label, NULL))
      change = CLIPMOE_STATE_LABELS;
  for (guint i = 0; i < self->labels->len; i++) {
    ClipmoeStateLabel *label = self->labels->pdata[i];
    const ClipmoeTag *tag = tag_of (look, label->name);
    label->score = tag ? tag->score : NAN;
    if (!self->by_events && label->open != (tag != NULL)) {
      label->open = tag != NULL;
      change = MAX (change, CLIPMOE_STATE_OPEN);
    }
  }
  return change;
}

ClipmoeStateChange
clipmoe_state_event (ClipmoeState *self, const ClipmoeEvent *event) {
  ClipmoeStateChange change = CLIPMOE_STATE_SCORES;
  if (!event->label)
    return CLIPMOE_STATE_SAME;
  note (self, event->type == CLIPMOE_EVENT_END ? event->end : MAX (self->time, event->start), event->at,
        event->model);
  ClipmoeStateLabel *label = g_hash_table_lookup (self->by_name, event->label);
  if (!label && !self->listed) {
    label = add_label (self, event->label, event->group);
    change = CLIPMOE_STATE_LABELS;
  }
  if (!label)
    return CLIPMOE_STATE_SAME;
  if (!self->by_events) /* what looks had opened */
    for (guint i = 0; i < self->labels->len; i++)
      ((ClipmoeStateLabel *)self->labels->pdata[i])->open = FALSE;
  self->by_events = TRUE;
  if (event->type == CLIPMOE_EVENT_END)
    g_hash_table_remove (label->events, event->id);
  else if (g_hash_table_size (label->events) < CLIPMOE_STATE_MOST)
    g_hash_table_add (label->events, g_strdup (event->id));
  gboolean open = g_hash_table_size (label->events) > 0;
  label->score = event->score;
  if (open != label->open)
    change = MAX (change, CLIPMOE_STATE_OPEN);
  label->open = open;
  return change;
}

gboolean
clipmoe_state_camera (ClipmoeState *self, const ClipmoeCamera *camera) {
  static const ClipmoeCamera none;
  const ClipmoeCamera *now = camera ? camera : &none;
  if (self->has_camera == !!camera && self->camera.online == now->online &&
      self->camera.since == now->since && g_strcmp0 (self->camera.reason, now->reason) == 0)
    return FALSE;
  g_free ((char *)(guintptr)self->camera.reason);
  self->has_camera = !!camera;
  self->camera = *now;
  self->camera.reason = g_strdup (now->reason);
  return TRUE;
}

gboolean
clipmoe_state_close (ClipmoeState *self) {
  gboolean was = FALSE;
  for (guint i = 0; i < self->labels->len; i++) {
    ClipmoeStateLabel *label = self->labels->pdata[i];
    was |= label->open;
    g_hash_table_remove_all (label->events);
    label->open = FALSE;
    label->score = NAN;
  }
  self->by_events = FALSE;
  return was;
}

/* The open label of a group with the highest score, or NULL. */
static const char *
holds (const ClipmoeState *self, const char *group) {
  const ClipmoeStateLabel *best = NULL;
  for (guint i = 0; i < self->labels->len; i++) {
    const ClipmoeStateLabel *label = self->labels->pdata[i];
    if (label->open && g_strcmp0 (label->group, group) == 0 && (!best || label->score > best->score))
      best = label;
  }
  return best ? best->name : NULL;
}

static void
put_camera (const ClipmoeState *self, GString *s) {
  g_string_append_printf (s, "{\"online\":%s,\"reason\":", self->camera.online ? "true" : "false");
  clipmoe_json_string (s, self->camera.reason);
  g_string_append (s, ",\"since\":");
  if (!self->camera.since || !clipmoe_json_utc (s, self->camera.since))
    g_string_append (s, "null");
  g_string_append_c (s, '}');
}

char *
clipmoe_state_to_json (const ClipmoeState *self) {
  GString *s = g_string_new ("{\"schema\":\"clipmoe.state/1\",\"source\":");
  clipmoe_json_string (s, self->source);
  clipmoe_json_time (g_string_append (s, ",\"time\":"), self->time);
  g_string_append (s, ",\"at\":");
  if (!self->at || !clipmoe_json_utc (s, self->at))
    g_string_append (s, "null");
  clipmoe_json_string (g_string_append (s, ",\"model\":"), self->model);
  g_string_append (s, ",\"camera\":");
  if (self->has_camera)
    put_camera (self, s);
  else
    g_string_append (s, "null");
  g_string_append (s, ",\"labels\":{");
  for (guint i = 0; i < self->labels->len; i++) {
    const ClipmoeStateLabel *label = self->labels->pdata[i];
    clipmoe_json_string (g_string_append (s, i ? "," : ""), label->name);
    g_string_append_printf (s, ":{\"on\":%s,\"score\":", label->open ? "true" : "false");
    if (isfinite (label->score))
      clipmoe_json_number (s, label->score);
    else
      g_string_append (s, "null");
    g_string_append_c (s, '}');
  }
  g_string_append (s, "},\"groups\":{");
  GPtrArray *groups = clipmoe_state_get_groups (self);
  for (guint i = 0; i < groups->len; i++) {
    const char *label = holds (self, groups->pdata[i]);
    clipmoe_json_string (g_string_append (s, i ? "," : ""), groups->pdata[i]);
    clipmoe_json_string (g_string_append_c (s, ':'), label ? label : "unknown");
  }
  g_ptr_array_unref (groups);
  return g_string_free (g_string_append (s, "}}"), FALSE);
}
