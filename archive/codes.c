#include "codes.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "../core/base/half.h"
#include "../core/base/temporary.h"
#include "../core/kernels/search.h"
#include "mapping.h"
#include "vectors.h"

#define ROWS CLIPMOE_VECTOR_BLOCK
#define ENDING ".int8"
#define MAGIC "clipmoe int8\n"
#define VERSION 1
#define HEADER 4096 /* bytes */

typedef struct {
  char magic[16];
  guint32 version, embed, rows, zero;
} Header;

/* Of a block; then mean, scales, errors, codes, each a multiple of 64 bytes long. */
typedef struct {
  guint64 sum; /* of what follows, seeded with the rows' */
  float largest;
  guint32 zero[13];
} Head;

G_STATIC_ASSERT (sizeof (Head) == 64);

enum { UNKNOWN, GOOD, MISSING };

struct _ClipmoeCodes {
  int fd; /* -1: none */
  gboolean write;
  guint embed;
  gsize stride;
  GMutex mutex;    /* guards what follows up to states */
  GPtrArray *maps; /* (element-type ClipmoeMapping): the last one is used, threads may still read others */
  gsize mapped;    /* bytes of the last one; 0: it is not used any more */
  guint cuts;      /* of mappings */
  guint8 *states;  /* atomic, of each block */
  guint64 n;
};

static gsize
block_bytes (const ClipmoeCodes *self) {
  return sizeof (Head) + self->stride * sizeof (guint16) + 2 * ROWS * sizeof (float) + ROWS * self->stride;
}

static guint64
offset_of (const ClipmoeCodes *self, guint64 block) {
  return HEADER + block * block_bytes (self);
}

/* The parts of a block in memory. */
static ClipmoeCodesBlock
parts (const ClipmoeCodes *self, const guint8 *memory) {
  ClipmoeCodesBlock b = {.largest = ((const Head *)(const void *)memory)->largest};
  b.mean = (const guint16 *)(const void *)(memory + sizeof (Head));
  b.scales = (const float *)(const void *)(b.mean + self->stride);
  b.errors = b.scales + ROWS;
  b.codes = (const guint8 *)(b.errors + ROWS);
  return b;
}

static guint64
sum_of (const ClipmoeCodes *self, const guint8 *block, guint64 sum) {
  const gsize from = sizeof (guint64);
  return XXH3_64bits_withSeed (block + from, block_bytes (self) - from, sum);
}

static char *
path_of (const char *path) {
  return g_strconcat (path, ENDING, NULL);
}

/* A file of ours, of this version and dimension, perhaps as of now. */
static gboolean
check_header (ClipmoeCodes *self) {
  struct stat st;
  union {
    Header header;
    char page[HEADER];
  } wanted = {.page = {0}}, found;
  memcpy (wanted.header.magic, MAGIC, sizeof MAGIC);
  wanted.header.version = VERSION;
  wanted.header.embed = self->embed;
  wanted.header.rows = ROWS;
  if (fstat (self->fd, &st) != 0 || !S_ISREG (st.st_mode))
    return FALSE;
  memset (&found, 0, sizeof found);
  ssize_t n = pread (self->fd, &found, sizeof found, 0);
  if (n == sizeof found && memcmp (&found, &wanted, sizeof found) == 0)
    return TRUE;
  /* empty, half written, or of another version; a stranger's is left alone */
  char nothing[sizeof found.header.magic] = {0};
  if (!self->write || n < 0 ||
      (memcmp (found.header.magic, nothing, sizeof nothing) != 0 &&
       memcmp (found.header.magic, wanted.header.magic, sizeof nothing) != 0))
    return FALSE;
  return ftruncate (self->fd, 0) == 0 && clipmoe_write_at (self->fd, &wanted, sizeof wanted, 0);
}

ClipmoeCodes *
clipmoe_codes_open (const char *path, guint embed, gboolean write) {
  const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  ClipmoeCodes *self = g_new0 (ClipmoeCodes, 1);
  char *name = path_of (path);
  struct stat st;
  self->embed = embed;
  self->stride = (embed + CM_SEARCH_UNIT - 1) / CM_SEARCH_UNIT * CM_SEARCH_UNIT;
  self->maps = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_mapping_free);
  g_mutex_init (&self->mutex);
  /* what one user searches, another one must be able to mend: only its owner makes the file */
  gboolean own = write || (stat (path, &st) == 0 && st.st_uid == geteuid ());
  self->fd = own ? open (name, O_RDWR | O_CREAT | flags, 0666) : -1;
  self->write = self->fd >= 0;
  if (self->fd < 0)
    self->fd = open (name, O_RDONLY | flags);
  if (self->fd >= 0 && !check_header (self)) {
    close (self->fd);
    self->fd = -1;
  }
  g_free (name);
  return self;
}

void
clipmoe_codes_close (ClipmoeCodes *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->maps);
  if (self->fd >= 0)
    close (self->fd);
  g_mutex_clear (&self->mutex);
  g_free (self->states);
  g_free (self);
}

void
clipmoe_codes_remove (const char *path) {
  char *name = path_of (path);
  g_unlink (name);
  g_free (name);
}

gsize
clipmoe_codes_get_stride (const ClipmoeCodes *self) {
  return self->stride;
}

static void
set_state (ClipmoeCodes *self, guint64 block, guint8 state) {
  if (block < self->n)
    __atomic_store_n (&self->states[block], state, __ATOMIC_RELEASE);
}

static guint8
get_state (const ClipmoeCodes *self, guint64 block) {
  return block < self->n ? __atomic_load_n (&self->states[block], __ATOMIC_ACQUIRE) : MISSING;
}

void
clipmoe_codes_resize (ClipmoeCodes *self, guint64 n) {
  if (n <= self->n)
    return;
  self->states = g_realloc (self->states, n);
  memset (self->states + self->n, UNKNOWN, n - self->n);
  self->n = n;
}

gboolean
clipmoe_codes_is_checked (const ClipmoeCodes *self, guint64 block) {
  return get_state (self, block) == GOOD;
}

/* Memory of at least @length bytes of the file; NULL: it has not so many. @known: it had, before. */
static const ClipmoeMapping *
map (ClipmoeCodes *self, guint64 length, gboolean known) {
  struct stat st;
  ClipmoeMapping *m = NULL;
  g_mutex_lock (&self->mutex);
  if (known || (fstat (self->fd, &st) == 0 && (guint64)st.st_size >= length)) {
    if (self->mapped < length) {
      self->mapped = (gsize)MAX (length + length / 2, offset_of (self, self->n)); /* it may grow */
      m = clipmoe_mapping_new (self->fd, &self->mapped);
      if (m)
        g_ptr_array_add (self->maps, m);
      else
        self->mapped = 0;
    } else {
      m = g_ptr_array_index (self->maps, self->maps->len - 1);
    }
  }
  g_mutex_unlock (&self->mutex);
  return m;
}

gboolean
clipmoe_codes_get (ClipmoeCodes *self, guint64 block, guint64 sum, ClipmoeCodesBlock *out) {
  guint8 state = get_state (self, block);
  if (self->fd < 0 || state == MISSING)
    return FALSE;
  const guint64 offset = offset_of (self, block);
  const ClipmoeMapping *m = map (self, offset + block_bytes (self), state == GOOD);
  if (m && state == UNKNOWN) {
    const guint8 *memory = clipmoe_mapping_get_data (m) + offset;
    clipmoe_mapping_prepare (m, offset, block_bytes (self));
    if (sum_of (self, memory, sum) != ((const Head *)(const void *)memory)->sum)
      m = NULL;
  }
  set_state (self, block, m ? GOOD : MISSING);
  if (m)
    *out = parts (self, clipmoe_mapping_get_data (m) + offset);
  return m != NULL;
}

guint
clipmoe_codes_count_cuts (ClipmoeCodes *self) {
  guint cuts = 0;
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->maps->len; i++)
    cuts += !clipmoe_mapping_is_whole (g_ptr_array_index (self->maps, i));
  if (cuts != self->cuts) { /* it is mapped and checked anew */
    self->cuts = cuts;
    self->mapped = 0;
    for (guint64 block = 0; block < self->n; block++)
      set_state (self, block, UNKNOWN);
  }
  g_mutex_unlock (&self->mutex);
  return cuts;
}

gboolean
clipmoe_codes_can_put (const ClipmoeCodes *self) {
  return self->write && self->fd >= 0;
}

static void
set_mean (const ClipmoeCodes *self, const guint16 *rows, guint16 *mean) {
  double *sums = g_new0 (double, self->embed);
  for (gsize r = 0; r < ROWS; r++)
    for (guint k = 0; k < self->embed; k++)
      sums[k] += (double)clipmoe_f16_to_f32 (rows[r * self->embed + k]);
  for (guint k = 0; k < self->embed; k++) {
    float m = (float)(sums[k] / ROWS);
    mean[k] = isfinite (m) ? clipmoe_f32_to_f16 (m) : 0;
  }
  g_free (sums);
}

/* Not less than @value, whatever rounding did to it. */
static float
upwards (double value) {
  return nextafterf ((float)(value * (1 + 1e-9)), INFINITY);
}

/* One row as codes; returns the length of what they stand for. */
static float
encode (guint embed, const guint16 *row, const guint16 *mean, float *scale, float *left_out, guint8 *codes) {
  float difference[CM_SEARCH_MOST], most = 0;
  double squares = 0, errors = 0;
  for (guint k = 0; k < embed; k++) {
    difference[k] = clipmoe_f16_to_f32 (row[k]) - clipmoe_f16_to_f32 (mean[k]);
    most = MAX (most, fabsf (difference[k]));
    squares += (double)difference[k]; /* finds what is not finite */
  }
  if (!isfinite (squares)) { /* it is always looked at exactly */
    *scale = 0;
    *left_out = INFINITY;
    return 0;
  }
  const float by = most > 0 ? 127 / most : 0, round = 0x1.8p23f;
  *scale = most / 127;
  squares = 0;
  for (guint k = 0; k < embed; k++) {
    float whole = (difference[k] * by + round) - round;
    whole = isfinite (by) ? CLAMP (whole, -127, 127) : 0;
    double stands_for = (double)*scale * (double)whole;
    double error = (double)clipmoe_f16_to_f32 (row[k]) - (double)clipmoe_f16_to_f32 (mean[k]) - stands_for;
    codes[k] = (guint8)((int)whole + 128);
    squares += stands_for * stands_for;
    errors += error * error;
  }
  *left_out = upwards (sqrt (errors));
  return upwards (sqrt (squares));
}

void
clipmoe_codes_put (ClipmoeCodes *self, guint64 block, const guint16 *rows, guint64 sum) {
  if (!clipmoe_codes_can_put (self))
    return;
  const gsize bytes = block_bytes (self);
  guint8 *memory = g_malloc0 (bytes);
  Head *head = (Head *)(void *)memory;
  guint16 *mean = (guint16 *)(void *)(memory + sizeof *head);
  float *scales = (float *)(void *)(mean + self->stride), *errors = scales + ROWS;
  guint8 *codes = (guint8 *)(errors + ROWS);
  memset (codes, 128, ROWS * self->stride);
  set_mean (self, rows, mean);
  for (gsize r = 0; r < ROWS; r++) {
    float length =
        encode (self->embed, rows + r * self->embed, mean, &scales[r], &errors[r], codes + r * self->stride);
    head->largest = MAX (head->largest, length);
  }
  head->sum = sum_of (self, memory, sum);
  /* a block that is not written, or half, is not there: nothing but speed is lost */
  if (clipmoe_write_at (self->fd, memory, bytes, offset_of (self, block)))
    set_state (self, block, UNKNOWN);
  else
    self->write = FALSE; /* not again at each search */
  g_free (memory);
}
