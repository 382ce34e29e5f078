#include "pickle-values.h"

#include <string.h>

#define CHUNK (64u << 10)

struct _ClipmoePickle {
  GPtrArray *chunks;
  guint8 *free; /* the rest of the last chunk */
  gsize left, total;
  const ClipmoePickleStorage *storages;
};

typedef ClipmoePickleValue Value;

ClipmoePickle *
clipmoe_pickle_new (void) {
  ClipmoePickle *self = g_new0 (ClipmoePickle, 1);
  self->chunks = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
clipmoe_pickle_free (ClipmoePickle *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->chunks);
  g_free (self);
}

gpointer
clipmoe_pickle_fail (const ClipmoePickleContext *c, ClipmoeError code, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (c->error, CLIPMOE_ERROR, code, "%s: %s, byte %" G_GSIZE_FORMAT ": %s", c->path, c->part,
               c->offset, text);
  g_free (text);
  return NULL;
}

gpointer
clipmoe_pickle_alloc (const ClipmoePickleContext *c, gsize n) {
  ClipmoePickle *m = c->memory;
  n = (n + 7) & ~(gsize)7;
  if (n > m->left) {
    gsize size = MAX (n, CHUNK);
    if (n > CLIPMOE_MAX_PICKLE_MEMORY || size > CLIPMOE_MAX_PICKLE_MEMORY - m->total)
      return clipmoe_pickle_fail (c, CLIPMOE_ERROR_LIMIT, "needs more than %u MiB of memory",
                                  CLIPMOE_MAX_PICKLE_MEMORY >> 20);
    guint8 *chunk = g_try_malloc0 (size);
    if (!chunk)
      return clipmoe_pickle_fail (c, CLIPMOE_ERROR_MEMORY, "no memory");
    g_ptr_array_add (m->chunks, chunk);
    m->free = chunk;
    m->left = size;
    m->total += size;
  }
  gpointer p = m->free;
  m->free += n;
  m->left -= n;
  return p;
}

Value *
clipmoe_pickle_value (const ClipmoePickleContext *c, ClipmoePickleKind kind) {
  Value *v = clipmoe_pickle_alloc (c, sizeof *v);
  if (v)
    v->kind = (guint8)kind;
  return v;
}

gboolean
clipmoe_pickle_append (const ClipmoePickleContext *c, Value *to, Value *value) {
  if (to->n == to->room) {
    guint room = to->room ? 2 * to->room : 2;
    Value **items = clipmoe_pickle_alloc (c, room * sizeof *items);
    if (!items)
      return FALSE;
    if (to->n)
      memcpy (items, to->items, to->n * sizeof *items);
    to->items = items;
    to->room = room;
  }
  to->depth = MAX (to->depth, value->depth + 1);
  if (to->depth > CLIPMOE_MAX_PICKLE_DEPTH) {
    clipmoe_pickle_fail (c, CLIPMOE_ERROR_LIMIT, "nested deeper than %d", CLIPMOE_MAX_PICKLE_DEPTH);
    return FALSE;
  }
  to->items[to->n++] = value;
  return TRUE;
}

void
clipmoe_pickle_met (const ClipmoePickleContext *c, ClipmoePickleStorage *storage) {
  storage->next = c->memory->storages;
  c->memory->storages = storage;
}

const ClipmoePickleStorage *
clipmoe_pickle_get_storages (const ClipmoePickle *self) {
  return self->storages;
}

const Value *
clipmoe_pickle_lookup (const Value *dict, const char *key) {
  for (guint i = 0; i + 1 < dict->n; i += 2)
    if (dict->items[i]->kind == CLIPMOE_PICKLE_STRING && strcmp (dict->items[i]->text, key) == 0)
      return dict->items[i + 1];
  return NULL;
}
