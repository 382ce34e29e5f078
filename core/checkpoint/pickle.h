/* An interpreter of pickles that executes nothing. It knows the few names that a state dict or a TorchScript
 * module needs and turns them into plain descriptions of tensors. Names of classes that trainers put beside
 * weights, and whatever would be made of them, become values of no interest; names that run or load something
 * are refused, whether they would be called or not. It never recurses, and its memory is bounded. */
#ifndef CLIPMOE_PICKLE_H
#define CLIPMOE_PICKLE_H

#include "../clipmoe/error.h"
#include "tensors.h"

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

/* What a value that is not interpreted may have been. */
typedef enum {
  CLIPMOE_PICKLE_PLAIN,   /* a number, a set, a path, settings: no tensor */
  CLIPMOE_PICKLE_CLASSES, /* an object of somebody's class, whatever that holds */
  CLIPMOE_PICKLE_LOST,    /* an array, or a tensor of a kind that is not read */
} ClipmoePickleInert;

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
/* Interprets one pickle at the beginning of @data and tells in @used where it ended. @path and @part are for
 * messages. The value belongs to @self; @data is needed no longer. */
const ClipmoePickleValue *clipmoe_pickle_run (ClipmoePickle *self, const char *path, const char *part,
                                              const guint8 *data, gsize length, gsize *used, GError **error);
/* The storage met last, over all runs; NULL without any. */
const ClipmoePickleStorage *clipmoe_pickle_get_storages (const ClipmoePickle *self);
/* The value under @key of a dict, or NULL. */
const ClipmoePickleValue *clipmoe_pickle_lookup (const ClipmoePickleValue *dict, const char *key);

#endif
