#include "pickle-names.h"

#include <string.h>

typedef enum {
  REBUILD_TENSOR,    /* (storage, offset, size, stride) */
  REBUILD_TENSOR_V2, /* … and requires_grad, hooks, perhaps metadata */
  REBUILD_TENSOR_V3, /* … and requires_grad, hooks, dtype, perhaps metadata; the storage is untyped */
  REBUILD_PARAMETER, /* (tensor, requires_grad, hooks), perhaps a state */
  ORDERED_DICT,
  DEFAULT_DICT,  /* from nothing, or from what makes its values */
  GETATTR,       /* (object, name): how enums, inner classes and methods are named */
  RECONSTRUCTOR, /* (class, …): how objects are made in the protocols 0 and 1, or with named arguments */
  SIZE,
  DEVICE,
  LIST_OF,  /* TorchScript's typed lists: (list) */
  TYPE_TAG, /* (value, its type as text) */
  STORAGE,  /* a class: names a dtype, never called */
  DTYPE,    /* the same, as an argument of V3 */
} What;

static const struct {
  const char *module, *name;
  What what;
  const char *dtype;
} known[] = {
    {"torch._utils", "_rebuild_tensor", REBUILD_TENSOR, NULL},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR_V2, NULL},
    {"torch._utils", "_rebuild_tensor_v3", REBUILD_TENSOR_V3, NULL},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, NULL},
    {"torch._utils", "_rebuild_parameter_with_state", REBUILD_PARAMETER, NULL},
    {"collections", "OrderedDict", ORDERED_DICT, NULL},
    {"collections", "defaultdict", DEFAULT_DICT, NULL},
    {"builtins", "getattr", GETATTR, NULL},
    {"__builtin__", "getattr", GETATTR, NULL},
    {"copyreg", "_reconstructor", RECONSTRUCTOR, NULL},
    {"copy_reg", "_reconstructor", RECONSTRUCTOR, NULL},
    {"copyreg", "__newobj_ex__", RECONSTRUCTOR, NULL},
    {"copy_reg", "__newobj_ex__", RECONSTRUCTOR, NULL},
    {"copyreg", "__newobj__", RECONSTRUCTOR, NULL},
    {"copy_reg", "__newobj__", RECONSTRUCTOR, NULL},
    {"torch", "Size", SIZE, NULL},
    {"torch", "device", DEVICE, NULL},
    {"torch.jit._pickle", "build_intlist", LIST_OF, NULL},
    {"torch.jit._pickle", "build_floatlist", LIST_OF, NULL},
    {"torch.jit._pickle", "build_doublelist", LIST_OF, NULL},
    {"torch.jit._pickle", "build_boollist", LIST_OF, NULL},
    {"torch.jit._pickle", "build_tensorlist", LIST_OF, NULL},
    {"torch.jit._pickle", "restore_type_tag", TYPE_TAG, NULL},
    {"torch", "FloatStorage", STORAGE, "F32"},
    {"torch", "HalfStorage", STORAGE, "F16"},
    {"torch", "BFloat16Storage", STORAGE, "BF16"},
    {"torch", "DoubleStorage", STORAGE, "F64"},
    {"torch", "LongStorage", STORAGE, "I64"},
    {"torch", "IntStorage", STORAGE, "I32"},
    {"torch", "ShortStorage", STORAGE, "I16"},
    {"torch", "CharStorage", STORAGE, "I8"},
    {"torch", "ByteStorage", STORAGE, "U8"},
    {"torch", "BoolStorage", STORAGE, "BOOL"},
    {"torch", "ComplexFloatStorage", STORAGE, "C64"},
    {"torch", "UntypedStorage", STORAGE, "U8"},
    {"torch.storage", "UntypedStorage", STORAGE, "U8"},
    {"torch.storage", "_UntypedStorage", STORAGE, "U8"},
    {"torch", "float32", DTYPE, "F32"},
    {"torch", "float16", DTYPE, "F16"},
    {"torch", "bfloat16", DTYPE, "BF16"},
    {"torch", "float64", DTYPE, "F64"},
    {"torch", "int64", DTYPE, "I64"},
    {"torch", "int32", DTYPE, "I32"},
    {"torch", "int16", DTYPE, "I16"},
    {"torch", "int8", DTYPE, "I8"},
    {"torch", "uint8", DTYPE, "U8"},
    {"torch", "uint16", DTYPE, "U16"},
    {"torch", "uint32", DTYPE, "U32"},
    {"torch", "uint64", DTYPE, "U64"},
    {"torch", "bool", DTYPE, "BOOL"},
    {"torch", "float8_e4m3fn", DTYPE, "F8_E4M3"},
    {"torch", "float8_e5m2", DTYPE, "F8_E5M2"},
};

/* As safetensors names them. */
static guint
element_size (const char *dtype) {
  static const struct {
    const char *dtype;
    guint size;
  } sizes[] = {{"F64", 8}, {"I64", 8}, {"U64", 8},  {"C64", 8}, {"F32", 4}, {"I32", 4},
               {"U32", 4}, {"F16", 2}, {"BF16", 2}, {"I16", 2}, {"U16", 2}};
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    if (strcmp (dtype, sizes[i].dtype) == 0)
      return sizes[i].size;
  return 1;
}

static gboolean
equal (const char *text, gsize n, const char *expected) {
  return strlen (expected) == n && memcmp (text, expected, n) == 0;
}

static char *
printable (const char *text, gsize n) {
  char *copy = g_strndup (text, MIN (n, 80)), *escaped = g_strescape (copy, NULL);
  g_free (copy);
  return escaped;
}

ClipmoePickleValue *
clipmoe_pickle_inert_value (const ClipmoePickleContext *c, const char *name, ClipmoePickleInert inert) {
  ClipmoePickleValue *v = clipmoe_pickle_value (c, CLIPMOE_PICKLE_INERT);
  if (v) {
    v->text = name;
    v->n = inert;
  }
  return v;
}

/* Whether the name is one that is not interpreted; *v: its value, NULL with an error without memory. */
static gboolean
inert_name (const ClipmoePickleContext *c, const char *module, gsize n_module, const char *name, gsize n_name,
            ClipmoePickleValue **v) {
  ClipmoePickleInert inert;
  char *m = g_strndup (module, n_module), *n = g_strndup (name, n_name);
  gboolean found = strlen (m) == n_module && strlen (n) == n_name && clipmoe_pickle_inert (m, n, &inert);
  if (found) {
    char *both = g_strdup_printf ("%.100s.%.100s", m, n), *valid = g_utf8_make_valid (both, -1),
         *kept = clipmoe_pickle_alloc (c, strlen (valid) + 1);
    if (kept)
      memcpy (kept, valid, strlen (valid) + 1);
    *v = kept ? clipmoe_pickle_inert_value (c, kept, inert) : NULL;
    g_free (both);
    g_free (valid);
  }
  g_free (m);
  g_free (n);
  return found;
}

ClipmoePickleValue *
clipmoe_pickle_name (const ClipmoePickleContext *c, const char *module, gsize n_module, const char *name,
                     gsize n_name) {
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (equal (module, n_module, known[i].module) && equal (name, n_name, known[i].name)) {
      ClipmoePickleValue *v = clipmoe_pickle_value (c, CLIPMOE_PICKLE_KNOWN);
      if (v)
        v->integer = i;
      return v;
    }
  /* A TorchScript archive brings its classes along, as source code, which is not read. */
  if (equal (module, n_module, "__torch__") || (n_module > 10 && memcmp (module, "__torch__.", 10) == 0))
    return clipmoe_pickle_value (c, CLIPMOE_PICKLE_CLASS);
  ClipmoePickleValue *inert = NULL;
  if (inert_name (c, module, n_module, name, n_name, &inert))
    return inert;
  char *m = printable (module, n_module), *n = printable (name, n_name);
  clipmoe_pickle_fail (c, CLIPMOE_ERROR_UNSUPPORTED,
                       "names \"%s.%s\", which no checkpoint needs; nothing in a file is executed", m, n);
  g_free (m);
  g_free (n);
  return NULL;
}

/* Argument @i of this kind, or NULL. */
static ClipmoePickleValue *
argument (const ClipmoePickleValue *arguments, guint i, ClipmoePickleKind kind) {
  return i < arguments->n && arguments->items[i]->kind == kind ? arguments->items[i] : NULL;
}

/* A tuple (torch.Size is one) or list of whole numbers from 0. */
static gboolean
read_sizes (const ClipmoePickleValue *v, guint64 out[CLIPMOE_MAX_DIMS]) {
  for (guint i = 0; i < v->n; i++) {
    if (v->items[i]->kind != CLIPMOE_PICKLE_INT || v->items[i]->integer < 0)
      return FALSE;
    out[i] = (guint64)v->items[i]->integer;
  }
  return TRUE;
}

/* torch may store a tensor whose negation or conjugation is pending ("neg", "conj"): its bytes are not its
 * values then. */
static const char *
still_to_do (const ClipmoePickleValue *metadata) {
  for (guint i = 0; metadata && i + 1 < metadata->n; i += 2) {
    const ClipmoePickleValue *key = metadata->items[i], *value = metadata->items[i + 1];
    if (value->kind != CLIPMOE_PICKLE_NONE && !(value->kind == CLIPMOE_PICKLE_BOOL && !value->integer))
      return key->kind == CLIPMOE_PICKLE_STRING ? key->text : "";
  }
  return NULL;
}

static ClipmoePickleValue *
rebuild_tensor (const ClipmoePickleContext *c, const ClipmoePickleValue *a, What what) {
  const ClipmoePickleValue *storage = argument (a, 0, CLIPMOE_PICKLE_STORAGE),
                           *offset = argument (a, 1, CLIPMOE_PICKLE_INT),
                           *shape = argument (a, 2, CLIPMOE_PICKLE_TUPLE),
                           *strides = argument (a, 3, CLIPMOE_PICKLE_TUPLE), *dtype = NULL;
  static const guint least[] = {4, 6, 7}, most[] = {4, 7, 8};
  gboolean ok = storage && offset && offset->integer >= 0 && shape && strides && a->n >= least[what] &&
                a->n <= most[what];
  if (ok && what == REBUILD_TENSOR_V3) {
    dtype = argument (a, 6, CLIPMOE_PICKLE_KNOWN);
    ok = dtype && known[dtype->integer].what == DTYPE;
  }
  if (ok && shape->n > CLIPMOE_MAX_DIMS)
    return clipmoe_pickle_fail (c, CLIPMOE_ERROR_LIMIT, "a tensor of %u dimensions, expected at most %d",
                                shape->n, CLIPMOE_MAX_DIMS);
  const char *undone = ok ? still_to_do (argument (a, least[what], CLIPMOE_PICKLE_DICT)) : NULL;
  if (undone) {
    char *shown = printable (undone, strlen (undone));
    clipmoe_pickle_fail (c, CLIPMOE_ERROR_UNSUPPORTED,
                         "a tensor whose bytes are not its numbers yet (\"%s\"), expected plain ones: save "
                         "them after resolve_neg () or clone ()",
                         shown);
    g_free (shown);
    return NULL;
  }
  ClipmoePickleTensor t = {0};
  if (!ok || shape->n != strides->n || !read_sizes (shape, t.shape) || !read_sizes (strides, t.strides))
    return clipmoe_pickle_fail (
        c, CLIPMOE_ERROR_FORMAT,
        "a tensor that is not described by storage, offset, sizes and strides from 0");
  t.storage = storage->storage;
  t.dtype = dtype ? known[dtype->integer].dtype : t.storage->dtype;
  t.size = element_size (t.dtype);
  t.n_dims = shape->n;
  t.offset = (guint64)offset->integer;
  ClipmoePickleValue *v = clipmoe_pickle_value (c, CLIPMOE_PICKLE_TENSOR);
  ClipmoePickleTensor *kept = v ? clipmoe_pickle_alloc (c, sizeof t) : NULL;
  if (!kept)
    return NULL;
  *kept = t;
  v->tensor = kept;
  return v;
}

/* OrderedDict () or OrderedDict (list of pairs). */
static ClipmoePickleValue *
ordered_dict (const ClipmoePickleContext *c, const ClipmoePickleValue *a) {
  ClipmoePickleValue *dict = clipmoe_pickle_value (c, CLIPMOE_PICKLE_DICT);
  if (!dict || a->n == 0)
    return dict;
  const ClipmoePickleValue *list = argument (a, 0, CLIPMOE_PICKLE_LIST);
  if (!list || a->n != 1)
    return clipmoe_pickle_fail (c, CLIPMOE_ERROR_FORMAT, "an OrderedDict of something else than pairs");
  for (guint i = 0; i < list->n; i++) {
    const ClipmoePickleValue *pair = list->items[i];
    if ((pair->kind != CLIPMOE_PICKLE_TUPLE && pair->kind != CLIPMOE_PICKLE_LIST) || pair->n != 2)
      return clipmoe_pickle_fail (c, CLIPMOE_ERROR_FORMAT, "an OrderedDict of something else than pairs");
    if (!clipmoe_pickle_append (c, dict, pair->items[0]) || !clipmoe_pickle_append (c, dict, pair->items[1]))
      return NULL;
  }
  return dict;
}

ClipmoePickleValue *
clipmoe_pickle_call (const ClipmoePickleContext *c, const ClipmoePickleValue *callee,
                     ClipmoePickleValue *arguments) {
  if (callee->kind == CLIPMOE_PICKLE_INERT && arguments->kind == CLIPMOE_PICKLE_TUPLE)
    return (ClipmoePickleValue *)callee; /* an object of it is the same value */
  if (callee->kind != CLIPMOE_PICKLE_KNOWN || arguments->kind != CLIPMOE_PICKLE_TUPLE)
    return clipmoe_pickle_fail (c, CLIPMOE_ERROR_FORMAT, "a call of something that cannot be called");
  const char *name = known[callee->integer].name;
  What what = known[callee->integer].what;
  ClipmoePickleValue *v = NULL;
  switch (what) {
  case REBUILD_TENSOR:
  case REBUILD_TENSOR_V2:
  case REBUILD_TENSOR_V3:
    return rebuild_tensor (c, arguments, what);
  case ORDERED_DICT:
    return ordered_dict (c, arguments);
  case DEFAULT_DICT:
    if (arguments->n == 0 || (arguments->n == 1 && (argument (arguments, 0, CLIPMOE_PICKLE_INERT) ||
                                                    argument (arguments, 0, CLIPMOE_PICKLE_KNOWN) ||
                                                    argument (arguments, 0, CLIPMOE_PICKLE_NONE))))
      return clipmoe_pickle_value (c, CLIPMOE_PICKLE_DICT);
    break;
  case GETATTR:
    v = arguments->n == 2 && argument (arguments, 1, CLIPMOE_PICKLE_STRING)
            ? argument (arguments, 0, CLIPMOE_PICKLE_INERT)
            : NULL;
    break;
  case RECONSTRUCTOR:
    v = argument (arguments, 0, CLIPMOE_PICKLE_INERT);
    break;
  case REBUILD_PARAMETER:
    v = arguments->n == 3 || arguments->n == 4 ? argument (arguments, 0, CLIPMOE_PICKLE_TENSOR) : NULL;
    if (!v && (arguments->n == 3 || arguments->n == 4))
      v = argument (arguments, 0, CLIPMOE_PICKLE_INERT);
    break;
  case SIZE:
    v = arguments->n == 1 ? argument (arguments, 0, CLIPMOE_PICKLE_TUPLE) : NULL;
    break;
  case LIST_OF:
    v = arguments->n == 1 ? argument (arguments, 0, CLIPMOE_PICKLE_LIST) : NULL;
    break;
  case TYPE_TAG:
    v = arguments->n == 2 && argument (arguments, 1, CLIPMOE_PICKLE_STRING) ? arguments->items[0] : NULL;
    break;
  case DEVICE: /* ignored; its value is its first argument */
    v = argument (arguments, 0, CLIPMOE_PICKLE_STRING);
    break;
  case STORAGE:
  case DTYPE:
    break;
  }
  return v ? v
           : clipmoe_pickle_fail (c, CLIPMOE_ERROR_FORMAT, "a call of %s with other arguments than it takes",
                                  name);
}

ClipmoePickleValue *
clipmoe_pickle_make (const ClipmoePickleContext *c, const ClipmoePickleValue *type,
                     const ClipmoePickleValue *arguments) {
  if (type->kind == CLIPMOE_PICKLE_INERT && arguments->kind == CLIPMOE_PICKLE_TUPLE)
    return (ClipmoePickleValue *)type;
  if (arguments->kind == CLIPMOE_PICKLE_TUPLE && arguments->n == 0) {
    if (type->kind == CLIPMOE_PICKLE_CLASS)
      return clipmoe_pickle_value (c, CLIPMOE_PICKLE_OBJECT);
    if (type->kind == CLIPMOE_PICKLE_KNOWN &&
        (known[type->integer].what == ORDERED_DICT || known[type->integer].what == DEFAULT_DICT))
      return clipmoe_pickle_value (c, CLIPMOE_PICKLE_DICT);
  }
  return clipmoe_pickle_fail (c, CLIPMOE_ERROR_FORMAT, "an object of something that is no class of a module");
}

gboolean
clipmoe_pickle_build (const ClipmoePickleContext *c, ClipmoePickleValue *object, ClipmoePickleValue *state) {
  if (object->kind == CLIPMOE_PICKLE_INERT)
    return TRUE;
  if (object->kind == CLIPMOE_PICKLE_DICT) /* a module's _metadata: versions, of no interest */
    return TRUE;
  if (object->kind != CLIPMOE_PICKLE_OBJECT || object->n) {
    clipmoe_pickle_fail (c, CLIPMOE_ERROR_FORMAT, "a state for something that has none");
    return FALSE;
  }
  return state->kind != CLIPMOE_PICKLE_DICT || clipmoe_pickle_append (c, object, state);
}

ClipmoePickleValue *
clipmoe_pickle_persistent (const ClipmoePickleContext *c, const ClipmoePickleValue *id) {
  gboolean tuple = id->kind == CLIPMOE_PICKLE_TUPLE && (id->n == 5 || id->n == 6);
  /* The old form keeps the source of a class beside its name: ("module", class, path, source). */
  if (id->kind == CLIPMOE_PICKLE_TUPLE && id->n == 4 && argument (id, 0, CLIPMOE_PICKLE_STRING) &&
      strcmp (id->items[0]->text, "module") == 0 && argument (id, 1, CLIPMOE_PICKLE_INERT))
    return id->items[1];
  const ClipmoePickleValue *word = tuple ? argument (id, 0, CLIPMOE_PICKLE_STRING) : NULL,
                           *type = tuple ? argument (id, 1, CLIPMOE_PICKLE_KNOWN) : NULL,
                           *key = tuple ? argument (id, 2, CLIPMOE_PICKLE_STRING) : NULL,
                           *numel = tuple ? argument (id, 4, CLIPMOE_PICKLE_INT) : NULL;
  if (!word || strcmp (word->text, "storage") != 0 || !type || known[type->integer].what != STORAGE || !key ||
      !numel || numel->integer < 0 || !argument (id, 3, CLIPMOE_PICKLE_STRING))
    return clipmoe_pickle_fail (c, CLIPMOE_ERROR_FORMAT,
                                "a storage that is not described by class, key, place and count from 0");
  if (id->n == 6 && id->items[5]->kind != CLIPMOE_PICKLE_NONE)
    return clipmoe_pickle_fail (c, CLIPMOE_ERROR_UNSUPPORTED, "a storage that is a view of another one");
  ClipmoePickleValue *v = clipmoe_pickle_value (c, CLIPMOE_PICKLE_STORAGE);
  ClipmoePickleStorage *s = v ? clipmoe_pickle_alloc (c, sizeof *s) : NULL;
  if (!s)
    return NULL;
  s->key = key->text;
  s->dtype = known[type->integer].dtype;
  s->size = element_size (s->dtype);
  s->numel = (guint64)numel->integer;
  clipmoe_pickle_met (c, s);
  v->storage = s;
  return v;
}
