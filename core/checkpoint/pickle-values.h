/* The values that a pickle describes. They live in one pool of bounded size (CLIPMOE_MAX_PICKLE_MEMORY) and
 * are freed together. */
#ifndef CLIPMOE_PICKLE_VALUES_H
#define CLIPMOE_PICKLE_VALUES_H

#include "../base/limits.h"
#include "../clipmoe/error.h"

typedef enum {
  CLIPMOE_PICKLE_NONE,
  CLIPMOE_PICKLE_BOOL,    /* integer */
  CLIPMOE_PICKLE_INT,     /* integer */
  CLIPMOE_PICKLE_BIG_INT, /* text: n bytes, little-endian */
  CLIPMOE_PICKLE_FLOAT,
  CLIPMOE_PICKLE_STRING, /* text: valid UTF-8, ends with NUL and holds no other */
  CLIPMOE_PICKLE_BYTES,  /* what was a string of bytes; its content is dropped */
  CLIPMOE_PICKLE_TUPLE,  /* items */
  CLIPMOE_PICKLE_LIST,   /* items */
  CLIPMOE_PICKLE_DICT,   /* items: key, value, key, value, … */
  CLIPMOE_PICKLE_KNOWN,  /* integer: one of the names in pickle-names.c */
  CLIPMOE_PICKLE_CLASS,  /* a class of a TorchScript archive */
  CLIPMOE_PICKLE_STORAGE,
  CLIPMOE_PICKLE_TENSOR,
  CLIPMOE_PICKLE_OBJECT, /* of such a class; items: its one state, a dict, once it has one */
  CLIPMOE_PICKLE_INERT,  /* text: a name that is not interpreted, or what would be made of it; n: a
                          * ClipmoePickleInert */
} ClipmoePickleKind;

/* A storage: @numel elements of @dtype under @key. */
typedef struct _ClipmoePickleStorage ClipmoePickleStorage;
struct _ClipmoePickleStorage {
  const ClipmoePickleStorage *next; /* the one met before, whether anything uses it or not */
  const char *key;
  const char *dtype; /* as safetensors calls it; "U8" for untyped bytes */
  guint size;        /* bytes an element */
  guint64 numel;
};

/* A view of a storage. Offset and strides count elements; nothing is checked against the storage yet. */
typedef struct {
  const ClipmoePickleStorage *storage;
  const char *dtype;
  guint size, n_dims;
  guint64 offset; /* in elements of the storage */
  guint64 shape[CLIPMOE_MAX_DIMS], strides[CLIPMOE_MAX_DIMS];
} ClipmoePickleTensor;

typedef struct _ClipmoePickleValue ClipmoePickleValue;

struct _ClipmoePickleValue {
  guint8 kind;
  guint16 depth; /* levels of containers below */
  guint32 n, room;
  union {
    gint64 integer;
    const char *text;
    ClipmoePickleValue **items;
    const ClipmoePickleStorage *storage;
    const ClipmoePickleTensor *tensor;
  };
};

typedef struct _ClipmoePickle ClipmoePickle;

ClipmoePickle *clipmoe_pickle_new (void);
/* Frees every value that any run made. */
void clipmoe_pickle_free (ClipmoePickle *self);
/* The storage met last, over all runs; NULL without any. */
const ClipmoePickleStorage *clipmoe_pickle_get_storages (const ClipmoePickle *self);
/* The value under @key of a dict, or NULL. */
const ClipmoePickleValue *clipmoe_pickle_lookup (const ClipmoePickleValue *dict, const char *key);

/* Where an opcode was met, for messages. */
typedef struct {
  ClipmoePickle *memory;
  const char *path, *part;
  gsize offset;
  GError **error;
} ClipmoePickleContext;

/* Sets the error "PATH: PART, byte N: …"; returns NULL. */
gpointer clipmoe_pickle_fail (const ClipmoePickleContext *c, ClipmoeError code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* @n zeroed bytes that live as long as the pickle, or NULL with an error. */
gpointer clipmoe_pickle_alloc (const ClipmoePickleContext *c, gsize n);
ClipmoePickleValue *clipmoe_pickle_value (const ClipmoePickleContext *c, ClipmoePickleKind kind);
/* Appends to a tuple, list, dict or object. */
gboolean clipmoe_pickle_append (const ClipmoePickleContext *c, ClipmoePickleValue *to,
                                ClipmoePickleValue *value);

/* Puts @storage before those that were met. */
void clipmoe_pickle_met (const ClipmoePickleContext *c, ClipmoePickleStorage *storage);

#endif
