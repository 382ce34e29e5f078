/* The stack machine: opcodes, stack, memo. pickle-names.c says what names mean. */
#include "pickle.h"

#include <string.h>
#include "pickle-names.h"

#define MAX_LINE 256
#define MAX_TEXT 4096

typedef ClipmoePickleValue Value;

typedef struct {
  ClipmoePickleContext c;
  const guint8 *at, *begin, *end;
  GPtrArray *stack; /* NULL is a mark */
  GPtrArray *memo;  /* by index; NULL is never set */
} Machine;

static gboolean
broken (Machine *m, const char *what) {
  clipmoe_pickle_fail (&m->c, CLIPMOE_ERROR_FORMAT, "%s", what);
  return FALSE;
}

/* FALSE for NULL, which every maker returns with an error set. */
static gboolean
push (Machine *m, Value *v) {
  if (!v)
    return FALSE;
  if (m->stack->len >= CLIPMOE_MAX_PICKLE_STACK) {
    clipmoe_pickle_fail (&m->c, CLIPMOE_ERROR_LIMIT, "a stack of more than %d", CLIPMOE_MAX_PICKLE_STACK);
    return FALSE;
  }
  g_ptr_array_add (m->stack, v);
  return TRUE;
}

static gboolean
push_mark (Machine *m) {
  if (m->stack->len >= CLIPMOE_MAX_PICKLE_STACK) {
    clipmoe_pickle_fail (&m->c, CLIPMOE_ERROR_LIMIT, "a stack of more than %d", CLIPMOE_MAX_PICKLE_STACK);
    return FALSE;
  }
  g_ptr_array_add (m->stack, NULL);
  return TRUE;
}

/* The value on top, which must be no mark. */
static Value *
peek (Machine *m) {
  Value *v = m->stack->len ? g_ptr_array_index (m->stack, m->stack->len - 1) : NULL;
  if (!v)
    broken (m, "the stack is empty");
  return v;
}

static Value *
pop (Machine *m) {
  Value *v = peek (m);
  if (v)
    g_ptr_array_set_size (m->stack, (gint)m->stack->len - 1);
  return v;
}

static gboolean
push_int (Machine *m, ClipmoePickleKind kind, gint64 n) {
  Value *v = clipmoe_pickle_value (&m->c, kind);
  if (v)
    v->integer = n;
  return push (m, v);
}

static gboolean
push_kind (Machine *m, ClipmoePickleKind kind) {
  return push (m, clipmoe_pickle_value (&m->c, kind));
}

/* The next @n bytes, or NULL. */
static const guint8 *
take (Machine *m, guint64 n) {
  if (n > (guint64)(m->end - m->at)) {
    broken (m, "it ends in the middle");
    return NULL;
  }
  const guint8 *p = m->at;
  m->at += n;
  return p;
}

/* A little-endian number of @n bytes. */
static gboolean
take_number (Machine *m, guint n, guint64 *out) {
  const guint8 *p = take (m, n);
  *out = 0;
  for (guint i = 0; p && i < n; i++)
    *out |= (guint64)p[i] << 8 * i;
  return p != NULL;
}

/* Up to a line feed, which is skipped. */
static const char *
take_line (Machine *m, gsize *n) {
  gsize left = (gsize)(m->end - m->at);
  const guint8 *p = m->at, *feed = memchr (p, '\n', MIN (left, MAX_LINE));
  if (!feed) {
    broken (m, "a line that does not end");
    return NULL;
  }
  *n = (gsize)(feed - p);
  m->at = feed + 1;
  return (const char *)p;
}

static gboolean
push_text (Machine *m, guint width) {
  guint64 n;
  const guint8 *p;
  if (!take_number (m, width, &n) || !(p = take (m, n)))
    return FALSE;
  /* Only text that can be a name is kept. Protocol 0 to 2 write bytes as text too, and file names need not be
   * UTF-8. */
  if (n > MAX_TEXT || !g_utf8_validate_len ((const char *)p, (gsize)n, NULL)) /* rejects NUL too */
    return push_kind (m, CLIPMOE_PICKLE_BYTES);
  Value *v = clipmoe_pickle_value (&m->c, CLIPMOE_PICKLE_STRING);
  char *text = v ? clipmoe_pickle_alloc (&m->c, (gsize)n + 1) : NULL;
  if (!text)
    return FALSE;
  memcpy (text, p, (gsize)n);
  v->n = (guint32)n;
  v->text = text;
  return push (m, v);
}

static gboolean
push_bytes (Machine *m, guint width) {
  guint64 n;
  return take_number (m, width, &n) && take (m, n) && push_kind (m, CLIPMOE_PICKLE_BYTES);
}

/* A signed number of any length; up to 8 bytes are a number, more are kept as they are. */
static gboolean
push_long (Machine *m, guint width) {
  guint64 n;
  const guint8 *p;
  if (!take_number (m, width, &n) || !(p = take (m, n)))
    return FALSE;
  if (n > 8) {
    Value *v = clipmoe_pickle_value (&m->c, CLIPMOE_PICKLE_BIG_INT);
    char *copy = v ? clipmoe_pickle_alloc (&m->c, (gsize)n) : NULL;
    if (!copy)
      return FALSE;
    memcpy (copy, p, (gsize)n);
    v->n = (guint32)n;
    v->text = copy;
    return push (m, v);
  }
  guint64 value = n && p[n - 1] & 0x80 ? G_MAXUINT64 : 0;
  for (guint i = 0; i < n; i++)
    value = (value & ~((guint64)255 << 8 * i)) | (guint64)p[i] << 8 * i;
  return push_int (m, CLIPMOE_PICKLE_INT, (gint64)value);
}

/* INT and LONG of protocol 0. */
static gboolean
push_decimal (Machine *m, gboolean is_long) {
  gsize n;
  const char *line = take_line (m, &n);
  gint64 value;
  if (!line)
    return FALSE;
  if (!is_long && n == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1'))
    return push_int (m, CLIPMOE_PICKLE_BOOL, line[1] == '1');
  if (is_long && n && line[n - 1] == 'L')
    n--;
  char *text = g_strndup (line, n);
  gboolean ok = g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &value, NULL);
  g_free (text);
  return ok ? push_int (m, CLIPMOE_PICKLE_INT, value) : broken (m, "a number that is none");
}

/* Where the values above the last mark begin; the mark is one below. */
static gboolean
find_mark (Machine *m, guint *first) {
  for (guint i = m->stack->len; i > 0; i--)
    if (!g_ptr_array_index (m->stack, i - 1)) {
      *first = i;
      return TRUE;
    }
  return broken (m, "no mark on the stack");
}

/* Moves the @n values on top to the end of @to. */
static gboolean
move (Machine *m, Value *to, guint n) {
  for (guint i = m->stack->len - n; i < m->stack->len; i++)
    if (!clipmoe_pickle_append (&m->c, to, g_ptr_array_index (m->stack, i)))
      return FALSE;
  g_ptr_array_set_size (m->stack, (gint)(m->stack->len - n));
  return TRUE;
}

static gboolean
collect (Machine *m, ClipmoePickleKind kind) {
  guint first;
  Value *v;
  if (!find_mark (m, &first) || !(v = clipmoe_pickle_value (&m->c, kind)))
    return FALSE;
  guint n = m->stack->len - first;
  if (kind == CLIPMOE_PICKLE_DICT && n % 2)
    return broken (m, "a key without a value");
  if (!move (m, v, n))
    return FALSE;
  g_ptr_array_set_size (m->stack, (gint)first - 1);
  return push (m, v);
}

static gboolean
small_tuple (Machine *m, guint n) {
  if (m->stack->len < n)
    return broken (m, "the stack is empty");
  for (guint i = m->stack->len - n; i < m->stack->len; i++)
    if (!g_ptr_array_index (m->stack, i))
      return broken (m, "the stack is empty");
  Value *v = clipmoe_pickle_value (&m->c, CLIPMOE_PICKLE_TUPLE);
  return v && move (m, v, n) && push (m, v);
}

/* FROZENSET: the values above the last mark are dropped. */
static gboolean
push_set (Machine *m, gboolean marked) {
  guint first;
  if (marked) {
    if (!find_mark (m, &first))
      return FALSE;
    g_ptr_array_set_size (m->stack, (gint)first - 1);
  }
  return push (m, clipmoe_pickle_inert_value (&m->c, "builtins.set", CLIPMOE_PICKLE_PLAIN));
}

static gboolean
pop_mark (Machine *m) {
  guint first;
  if (!find_mark (m, &first))
    return FALSE;
  g_ptr_array_set_size (m->stack, (gint)first - 1);
  return TRUE;
}

/* APPENDS, SETITEMS and ADDITEMS, or with @n their forms for one. Entries of an object that is not
 * interpreted are dropped. */
static gboolean
extend (Machine *m, ClipmoePickleKind kind, guint n) {
  guint first;
  if (n) {
    if (m->stack->len < n + 1)
      return broken (m, "the stack is empty");
    first = m->stack->len - n;
    for (guint i = first; i < m->stack->len; i++)
      if (!g_ptr_array_index (m->stack, i))
        return broken (m, "the stack is empty");
  } else if (!find_mark (m, &first)) {
    return FALSE;
  }
  guint below = n ? 1 : 2;
  Value *to = first >= below ? g_ptr_array_index (m->stack, first - below) : NULL;
  if (to && to->kind == CLIPMOE_PICKLE_INERT) {
    g_ptr_array_set_size (m->stack, (gint)(first - (n ? 0 : 1)));
    return TRUE;
  }
  if (!to || to->kind != kind || (kind == CLIPMOE_PICKLE_DICT && (m->stack->len - first) % 2))
    return broken (m, kind == CLIPMOE_PICKLE_INERT  ? "an entry for something that is no set"
                      : kind == CLIPMOE_PICKLE_DICT ? "an entry for something that is no dict, or a key alone"
                                                    : "an entry for something that is no list");
  if (!move (m, to, m->stack->len - first))
    return FALSE;
  g_ptr_array_set_size (m->stack, (gint)(first - (n ? 0 : 1)));
  return TRUE;
}

/* Every entry of the memo took at least two bytes of pickle, so no honest index is beyond them. */
static gboolean
put (Machine *m, guint64 index) {
  Value *v = peek (m);
  if (!v)
    return FALSE;
  if (index > m->c.offset || index > CLIPMOE_MAX_PICKLE_STACK)
    return broken (m, "a memo index out of range");
  if (index >= m->memo->len)
    g_ptr_array_set_size (m->memo, (gint)index + 1);
  g_ptr_array_index (m->memo, index) = v;
  return TRUE;
}

static gboolean
get (Machine *m, guint64 index) {
  Value *v = index < m->memo->len ? g_ptr_array_index (m->memo, index) : NULL;
  return v ? push (m, v) : broken (m, "an entry of the memo that was never set");
}

static gboolean
memo_number (Machine *m, guint width, gboolean (*use) (Machine *, guint64)) {
  guint64 index;
  return take_number (m, width, &index) && use (m, index);
}

/* GLOBAL, and INST, which would call it: two lines. */
static gboolean
global (Machine *m) {
  gsize n_module, n_name;
  const char *module = take_line (m, &n_module), *name = module ? take_line (m, &n_name) : NULL;
  return name && push (m, clipmoe_pickle_name (&m->c, module, n_module, name, n_name));
}

static gboolean
stack_global (Machine *m) {
  Value *name = pop (m), *module = name ? pop (m) : NULL;
  if (!module)
    return FALSE;
  if (name->kind != CLIPMOE_PICKLE_STRING || module->kind != CLIPMOE_PICKLE_STRING)
    return broken (m, "a name that is no text");
  return push (m, clipmoe_pickle_name (&m->c, module->text, module->n, name->text, name->n));
}

typedef Value *(*Combine) (Machine *, Value *below, Value *top);

static Value *
combine_call (Machine *m, Value *below, Value *top) {
  return clipmoe_pickle_call (&m->c, below, top);
}

static Value *
combine_make (Machine *m, Value *below, Value *top) {
  return clipmoe_pickle_make (&m->c, below, top);
}

static Value *
combine_build (Machine *m, Value *below, Value *top) {
  return clipmoe_pickle_build (&m->c, below, top) ? below : NULL;
}

static gboolean
combine (Machine *m, Combine how) {
  Value *top = pop (m), *below = top ? pop (m) : NULL;
  return below && push (m, how (m, below, top));
}

/* One opcode. */
static gboolean
step (Machine *m, guint8 op) {
  guint64 n;
  switch (op) {
  case 0x80: /* PROTO */
    return take_number (m, 1, &n) && (n <= 5 || broken (m, "a protocol above 5"));
  case 0x95: /* FRAME */
    return take_number (m, 8, &n) &&
           (n <= (guint64)(m->end - m->at) || broken (m, "a frame longer than what is left"));
  case '(':
    return push_mark (m);
  case '0':
    return pop (m) != NULL;
  case 'N':
    return push_kind (m, CLIPMOE_PICKLE_NONE);
  case 0x88: /* NEWTRUE */
  case 0x89: /* NEWFALSE */
    return push_int (m, CLIPMOE_PICKLE_BOOL, op == 0x88);
  case 'J':
    return take_number (m, 4, &n) && push_int (m, CLIPMOE_PICKLE_INT, (gint32)(guint32)n);
  case 'K':
    return take_number (m, 1, &n) && push_int (m, CLIPMOE_PICKLE_INT, (gint64)n);
  case 'M':
    return take_number (m, 2, &n) && push_int (m, CLIPMOE_PICKLE_INT, (gint64)n);
  case 'I':
  case 'L':
    return push_decimal (m, op == 'L');
  case 0x8a: /* LONG1 */
    return push_long (m, 1);
  case 0x8b: /* LONG4 */
    return push_long (m, 4);
  case 'G':
    return take (m, 8) && push_kind (m, CLIPMOE_PICKLE_FLOAT);
  case 'X':
    return push_text (m, 4);
  case 0x8c: /* SHORT_BINUNICODE */
    return push_text (m, 1);
  case 0x8d: /* BINUNICODE8 */
    return push_text (m, 8);
  case 'T':
    return push_text (m, 4);
  case 'U':
    return push_text (m, 1);
  case 'B':
    return push_bytes (m, 4);
  case 'C':
    return push_bytes (m, 1);
  case 0x8e: /* BINBYTES8 */
    return push_bytes (m, 8);
  case ')':
    return push_kind (m, CLIPMOE_PICKLE_TUPLE);
  case ']':
    return push_kind (m, CLIPMOE_PICKLE_LIST);
  case '}':
    return push_kind (m, CLIPMOE_PICKLE_DICT);
  case 't':
    return collect (m, CLIPMOE_PICKLE_TUPLE);
  case 'l':
    return collect (m, CLIPMOE_PICKLE_LIST);
  case 'd':
    return collect (m, CLIPMOE_PICKLE_DICT);
  case 0x85: /* TUPLE1 to TUPLE3 */
  case 0x86:
  case 0x87:
    return small_tuple (m, op - 0x84u);
  case 'a':
    return extend (m, CLIPMOE_PICKLE_LIST, 1);
  case 'e':
    return extend (m, CLIPMOE_PICKLE_LIST, 0);
  case 's':
    return extend (m, CLIPMOE_PICKLE_DICT, 2);
  case 'u':
    return extend (m, CLIPMOE_PICKLE_DICT, 0);
  case 0x8f: /* EMPTY_SET */
    return push_set (m, FALSE);
  case 0x90: /* ADDITEMS */
    return extend (m, CLIPMOE_PICKLE_INERT, 0);
  case 0x91: /* FROZENSET */
    return push_set (m, TRUE);
  case 0x96: /* BYTEARRAY8 */
    return push_bytes (m, 8);
  case '1': /* POP_MARK: of a tuple that holds itself */
    return pop_mark (m);
  case 'q':
    return memo_number (m, 1, put);
  case 'r':
    return memo_number (m, 4, put);
  case 0x94: /* MEMOIZE */
    return put (m, m->memo->len);
  case 'h':
    return memo_number (m, 1, get);
  case 'j':
    return memo_number (m, 4, get);
  case 'c':
    return global (m);
  case 0x93: /* STACK_GLOBAL */
    return stack_global (m);
  case 'R':
    return combine (m, combine_call);
  case 0x81: /* NEWOBJ */
    return combine (m, combine_make);
  case 0x92: { /* NEWOBJ_EX */
    Value *named = pop (m);
    return named && combine (m, combine_make);
  }
  case 'b':
    return combine (m, combine_build);
  case 'Q': {
    Value *id = pop (m);
    return id && push (m, clipmoe_pickle_persistent (&m->c, id));
  }
  case 'i': /* INST calls what it names: always refused, with the name in the error */
    return global (m) && broken (m, "an opcode that no state dict needs (INST)");
  default:
    clipmoe_pickle_fail (&m->c, CLIPMOE_ERROR_UNSUPPORTED, "an opcode that no state dict needs (0x%02x)", op);
    return FALSE;
  }
}

const Value *
clipmoe_pickle_run (ClipmoePickle *self, const char *path, const char *part, const guint8 *data, gsize length,
                    gsize *used, GError **error) {
  Machine m = {{self, path, part, 0, error}, data, data, data + length, NULL, NULL};
  m.stack = g_ptr_array_new ();
  m.memo = g_ptr_array_new ();
  const Value *result = NULL;
  gboolean ok = TRUE;
  while (ok) {
    m.c.offset = (gsize)(m.at - m.begin);
    const guint8 *op = take (&m, 1);
    if (op && *op == '.') {
      result = pop (&m);
      if (result && m.stack->len) {
        broken (&m, "more than one value at its end");
        result = NULL;
      }
      break;
    }
    ok = op && step (&m, *op);
  }
  *used = (gsize)(m.at - m.begin);
  g_ptr_array_unref (m.stack);
  g_ptr_array_unref (m.memo);
  return result;
}
