#include "objects.h"

typedef struct {
  gint64 id;
  guint64 used, asked;
  ClipmoeStream *stream;
  ClipmoeStreamLook *look; /* NULL: none yet */
  ClipmoeEvents *events;   /* NULL: nobody hears of them */
  gboolean told;           /* since they were ended */
  gint64 seen;
} Object;

struct _ClipmoeObjects {
  guint most;
  ClipmoeStream *beside;
  GHashTable *objects; /* of Object, keyed by its id */
  guint64 calls;
  ClipmoeStream *nobody; /* of objects without an id */
  guint generation;      /* of `nobody`: another one for each look */
  gint64 update;
  ClipmoeEventHandler handler;
  gpointer data;
};

static void
end_events (Object *o) {
  if (o->told)
    clipmoe_events_finish (o->events);
  o->told = FALSE;
}

static void
object_free (gpointer data) {
  Object *o = data;
  end_events (o);
  clipmoe_events_free (o->events);
  clipmoe_stream_free (o->stream);
  clipmoe_stream_look_unref (o->look);
  g_free (o);
}

ClipmoeObjects *
clipmoe_objects_new (guint most, ClipmoeStream *beside, gint64 update, ClipmoeEventHandler handler,
                     gpointer data) {
  ClipmoeObjects *self = g_new0 (ClipmoeObjects, 1);
  self->most = MAX (most, 1);
  self->beside = beside;
  self->update = update;
  self->handler = handler;
  self->data = data;
  self->objects = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, object_free);
  self->nobody = clipmoe_stream_new_beside (beside);
  return self;
}

void
clipmoe_objects_free (ClipmoeObjects *self) {
  if (!self)
    return;
  g_hash_table_unref (self->objects);
  clipmoe_stream_free (self->nobody);
  g_free (self);
}

void
clipmoe_objects_clear (ClipmoeObjects *self) {
  g_hash_table_remove_all (self->objects);
}

guint
clipmoe_objects_get_n (const ClipmoeObjects *self) {
  return g_hash_table_size (self->objects);
}

static void
forget_oldest (ClipmoeObjects *self) {
  GHashTableIter iter;
  gpointer value;
  Object *oldest = NULL;
  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (!oldest || ((Object *)value)->used < oldest->used)
      oldest = value;
  if (oldest)
    g_hash_table_remove (self->objects, &oldest->id);
}

static Object *
find (ClipmoeObjects *self, gint64 id) {
  Object *o = g_hash_table_lookup (self->objects, &id);
  if (o)
    o->used = ++self->calls;
  return o;
}

static Object *
find_or_make (ClipmoeObjects *self, gint64 id) {
  Object *o = find (self, id);
  if (o)
    return o;
  if (g_hash_table_size (self->objects) >= self->most)
    forget_oldest (self);
  o = g_new0 (Object, 1);
  o->id = id;
  o->used = ++self->calls;
  o->stream = clipmoe_stream_new_beside (self->beside);
  if (self->handler)
    o->events = clipmoe_events_new (self->update, self->handler, self->data);
  g_hash_table_insert (self->objects, &o->id, o);
  return o;
}

gboolean
clipmoe_objects_is_due (ClipmoeObjects *self, gint64 id, guint64 number, guint interval, guint64 *asked) {
  Object *o = find (self, id);
  *asked = o ? o->asked : 0;
  return !*asked || (interval && number >= *asked + interval);
}

void
clipmoe_objects_ask (ClipmoeObjects *self, gint64 id, guint64 number) {
  find_or_make (self, id)->asked = number;
}

void
clipmoe_objects_withdraw (ClipmoeObjects *self, gint64 id) {
  Object *o = find (self, id);
  if (o)
    o->asked = 0;
}

void
clipmoe_objects_withdraw_all (ClipmoeObjects *self) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((Object *)value)->asked = 0;
}

void
clipmoe_objects_end_events (ClipmoeObjects *self) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    end_events (value);
}

void
clipmoe_objects_see (ClipmoeObjects *self, gint64 id, gint64 now) {
  Object *o = find (self, id);
  if (o)
    o->seen = now;
}

void
clipmoe_objects_leave (ClipmoeObjects *self, gint64 now, gint64 absent) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Object *o = value;
    if (now - o->seen > absent)
      end_events (o);
  }
}

static void
tell (Object *o, const ClipmoeLook *found, const ClipmoeLook *names) {
  guint n;
  const ClipmoeLabelState *labels = clipmoe_stream_get_labels (o->stream, &n);
  ClipmoeLook look = *found;
  look.source = names->source;
  look.model = names->model;
  look.tagger = names->tagger;
  clipmoe_events_add (o->events, &look, labels, n);
  o->told = TRUE;
}

ClipmoeStreamLook *
clipmoe_objects_add (ClipmoeObjects *self, const float *embedding, guint embed,
                     const ClipmoeStreamFrame *frame, const ClipmoeLook *names, gboolean *changed) {
  if (!frame->has_object) {
    ClipmoeStreamFrame once = *frame;
    once.generation = ++self->generation;
    *changed = TRUE;
    return clipmoe_stream_add (self->nobody, embedding, embed, &once);
  }
  Object *o = find_or_make (self, frame->object_id);
  ClipmoeStreamLook *look = clipmoe_stream_add (o->stream, embedding, embed, frame);
  *changed = !o->look || !clipmoe_look_same_labels (&look->look, &o->look->look);
  clipmoe_stream_look_unref (o->look);
  o->look = clipmoe_stream_look_ref (look);
  if (o->events)
    tell (o, &look->look, names);
  return look;
}

ClipmoeStreamLook *
clipmoe_objects_get (ClipmoeObjects *self, gint64 id) {
  Object *o = find (self, id);
  return o ? o->look : NULL;
}
