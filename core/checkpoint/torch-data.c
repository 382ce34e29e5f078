#include "torch-data.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes more than the file all tensors may take: gathering a strided view needs source and result,
 * and expanded views are larger than their storage. */
#define SLACK (24u << 20)

typedef struct {
  ClipmoeTensors *table;
  ClipmoeFile *file;
  ClipmoeZip *zip;
  const char *path;
  GHashTable *blocks; /* (begin, bytes) -> Shared: tied weights are one block */
  guint64 used, budget;
  GError **error;
} Reader;

typedef struct {
  guint64 begin, bytes;
  ClipmoeBytes *block;
} Shared;

static guint
shared_hash (gconstpointer p) {
  const Shared *s = p;
  return (guint)(s->begin * 31 + s->bytes);
}

static gboolean
shared_equal (gconstpointer a, gconstpointer b) {
  const Shared *x = a, *y = b;
  return x->begin == y->begin && x->bytes == y->bytes;
}

static void
shared_free (gpointer p) {
  Shared *s = p;
  clipmoe_bytes_unref (s->block);
  g_free (s);
}

/* A view, checked against its storage. */
typedef struct {
  const ClipmoeTorchEntry *entry;
  guint tensor; /* its place in the table */
  ClipmoeTorchStorage *storage;
  guint64 begin;  /* in the file: its first byte … */
  guint64 extent; /* … and how many from there it touches */
  guint64 bytes;  /* what it holds as rows */
  gboolean contiguous;
} View;

static gboolean
bad (const Reader *r, const char *name, ClipmoeError code, const char *what) {
  char *escaped = g_strescape (name, NULL);
  g_set_error (r->error, CLIPMOE_ERROR, code, "%s: tensor \"%.80s\": %s", r->path, escaped, what);
  g_free (escaped);
  return FALSE;
}

/* Checks the view against its storage and sets begin, extent, bytes and contiguous. Every product and sum may
 * overflow. */
static gboolean
measure (const Reader *r, View *v) {
  const ClipmoePickleTensor *t = v->entry->tensor;
  const ClipmoePickleStorage *s = t->storage;
  guint64 room, last = 0, elements, span, rows = 1;
  if (__builtin_mul_overflow (s->numel, (guint64)s->size, &room) || room != v->storage->size)
    return bad (r, v->entry->name, CLIPMOE_ERROR_FORMAT, "its storage has another size than the pickle says");
  if (!clipmoe_checked_product (t->shape, t->n_dims, &elements) ||
      __builtin_mul_overflow (elements, (guint64)t->size, &v->bytes))
    return bad (r, v->entry->name, CLIPMOE_ERROR_FORMAT,
                "its shape has more elements than there are numbers");
  v->contiguous = TRUE;
  for (guint d = t->n_dims; d-- > 0;) {
    guint64 reach;
    if (!elements)
      break;
    if (__builtin_mul_overflow (t->shape[d] - 1, t->strides[d], &reach) ||
        __builtin_add_overflow (last, reach, &last))
      return bad (r, v->entry->name, CLIPMOE_ERROR_FORMAT, "its strides leave its storage");
    if (t->shape[d] != 1 && t->strides[d] != rows)
      v->contiguous = FALSE;
    rows *= t->shape[d];
  }
  /* Offset and strides count elements of the tensor; only untyped storages are of another size. */
  guint64 first, in_storage = room / t->size;
  if (__builtin_add_overflow (t->offset, last, &span) || span >= G_MAXUINT64 / 16 ||
      (elements ? span >= in_storage : t->offset > in_storage))
    return bad (r, v->entry->name, CLIPMOE_ERROR_FORMAT, "its offset, shape and strides leave its storage");
  first = t->offset * t->size;
  v->begin = v->storage->offset + first;
  v->extent = elements ? (last + 1) * t->size : 0;
  return TRUE;
}

/* Copies the elements of @from in the order of the shape. */
static void
gather (const ClipmoePickleTensor *t, const guint8 *from, guint8 *to) {
  guint64 at[CLIPMOE_MAX_DIMS] = {0}, position = 0;
  guint last = t->n_dims - 1; /* a scalar is contiguous and never gathered */
  for (;;) {
    for (guint64 i = 0; i < t->shape[last]; i++) {
      const guint8 *p = from + (position + i * t->strides[last]) * t->size;
      switch (t->size) {
      case 1:
        *to = *p;
        break;
      case 2:
        memcpy (to, p, 2);
        break;
      case 4:
        memcpy (to, p, 4);
        break;
      default:
        memcpy (to, p, 8);
        break;
      }
      to += t->size;
    }
    guint d = last;
    for (;;) {
      if (d == 0)
        return;
      d--;
      position += t->strides[d];
      if (++at[d] < t->shape[d])
        break;
      position -= t->strides[d] * t->shape[d];
      at[d] = 0;
    }
  }
}

/* Bytes as they stand in the file, their storage's checksum verified, once. */
static ClipmoeBytes *
read_range (const Reader *r, ClipmoeTorchStorage *s, guint64 begin, guint64 bytes) {
  ClipmoeBytes *block = clipmoe_bytes_new (r->path, bytes, r->error);
  gboolean ok = block && clipmoe_file_pread (r->file, begin, block->data, (gsize)bytes, r->error);
  if (ok && s->entry && !s->checked) {
    ok = begin == s->offset && bytes == s->size ? clipmoe_zip_check (r->zip, s->entry, block->data, r->error)
                                                : clipmoe_zip_check_file (r->zip, s->entry, r->error);
    s->checked = TRUE;
  }
  if (!ok)
    g_clear_pointer (&block, clipmoe_bytes_unref);
  return block;
}

/* Says so before it would be allocated. */
static gboolean
afford (const Reader *r, const View *v, guint64 bytes) {
  return (r->used <= r->budget && bytes <= r->budget - r->used) ||
         bad (r, v->entry->name, CLIPMOE_ERROR_LIMIT,
              "its rows would need much more memory than the file has bytes: expanded, or transposed and "
              "most of "
              "the file");
}

static gboolean
read_view (Reader *r, const View *v) {
  Shared key = {v->begin, v->bytes, NULL}, *known;
  ClipmoeBytes *block = NULL, *source;
  if (v->contiguous) {
    if ((known = g_hash_table_lookup (r->blocks, &key))) {
      clipmoe_tensors_set_data (r->table, v->tensor, known->block);
      return TRUE;
    }
    if (!afford (r, v, v->bytes) || !(block = read_range (r, v->storage, v->begin, v->bytes)))
      return FALSE;
    key.block = block;
    block->refs++;
    g_hash_table_add (r->blocks, g_memdup2 (&key, sizeof key));
  } else {
    guint64 both;
    if (__builtin_add_overflow (v->bytes, v->extent, &both))
      both = G_MAXUINT64;
    if (!afford (r, v, both) || !(source = read_range (r, v->storage, v->begin, v->extent)))
      return FALSE;
    block = clipmoe_bytes_new (r->path, v->bytes, r->error);
    if (block)
      gather (v->entry->tensor, source->data, block->data);
    clipmoe_bytes_unref (source);
    if (!block)
      return FALSE;
  }
  clipmoe_tensors_set_data (r->table, v->tensor, block);
  clipmoe_bytes_unref (block);
  r->used += v->bytes;
  return TRUE;
}

/* Views that must be gathered come first, the largest first, since they need room for source and result;
 * contiguous ones follow in the order of the file. */
static int
by_need (gconstpointer a, gconstpointer b) {
  const View *x = a, *y = b;
  if (x->contiguous != y->contiguous)
    return x->contiguous ? 1 : -1;
  if (!x->contiguous && x->extent != y->extent)
    return x->extent > y->extent ? -1 : 1;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

gboolean
clipmoe_torch_read_entries (ClipmoeTensors *self, ClipmoeFile *file, ClipmoeZip *zip, GHashTable *storages,
                            const GArray *entries, GError **error) {
  Reader r = {self, file, zip, clipmoe_file_get_path (file), NULL, 0, clipmoe_file_get_size (file) + SLACK,
              error};
  guint base = clipmoe_tensors_get_n (self);
  View *views = g_new0 (View, entries->len);
  r.blocks = g_hash_table_new_full (shared_hash, shared_equal, shared_free, NULL);
  gboolean ok = TRUE;
  for (guint i = 0; i < entries->len && ok; i++) {
    const ClipmoeTorchEntry *e = &g_array_index (entries, ClipmoeTorchEntry, i);
    const ClipmoePickleTensor *t = e->tensor;
    views[i].entry = e;
    views[i].tensor = base + i;
    views[i].storage = g_hash_table_lookup (storages, t->storage->key);
    ok = views[i].storage || bad (&r, e->name, CLIPMOE_ERROR_FORMAT, "its storage is missing");
    ok = ok && measure (&r, &views[i]) &&
         clipmoe_tensors_add (self, r.path, e->name, t->dtype, t->n_dims, t->shape, views[i].bytes, error);
  }
  if (ok)
    qsort (views, entries->len, sizeof *views, by_need);
  for (guint i = 0; i < entries->len && ok && !clipmoe_tensors_shapes_only (self); i++)
    ok = read_view (&r, &views[i]);
  g_hash_table_unref (r.blocks);
  g_free (views);
  return ok;
}
