#include "codes.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

#define NAPS 20 /* ms, to wait for the clock that file times are taken from */

/* What a look at a block found, in a state of the file. */
enum { MISSING, GOOD, N_FOUND };

struct _ClipmoeCodes {
  int fd; /* -1: none */
  gboolean write;
  guint embed;
  gsize stride;
  pthread_mutex_t mutex; /* guards what follows up to found */
  struct timespec changed;
  gint64 size;
  guint cuts; /* how many of maps were cut short */
  guint state;
  GPtrArray *maps; /* (element-type ClipmoeMapping): the last one is used, threads may still read others */
  gsize mapped;    /* bytes of the last one; 0: it is not used any more */
  guint *found;    /* atomic, of each block: state * N_FOUND + what */
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
  pthread_mutex_init (&self->mutex, NULL);
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
  pthread_mutex_destroy (&self->mutex);
  g_free (self->found);
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

void
clipmoe_codes_resize (ClipmoeCodes *self, guint64 n) {
  if (n <= self->n)
    return;
  self->found = g_renew (guint, self->found, n);
  memset (self->found + self->n, 0, (n - self->n) * sizeof *self->found);
  self->n = n;
}

/* Whether any change from now on shows in the time of the file's last one: that time must be over, by the
 * clock that it is taken from. Some file systems count whole seconds, or two. */
static gboolean
would_show (const struct timespec *changed) {
  struct timespec now;
  clock_gettime (CLOCK_REALTIME_COARSE, &now);
  if (!changed->tv_nsec)
    now.tv_sec -= 2;
  return now.tv_sec > changed->tv_sec || (now.tv_sec == changed->tv_sec && now.tv_nsec > changed->tv_nsec);
}

static guint
count_cuts (const ClipmoeCodes *self) {
  guint cuts = 0;
  for (guint i = 0; i < self->maps->len; i++)
    cuts += !clipmoe_mapping_is_whole (g_ptr_array_index (self->maps, i));
  return cuts;
}

static gboolean
is_as_it_was (const ClipmoeCodes *self, const struct stat *st) {
  return self->cuts == count_cuts (self) && st->st_ctim.tv_sec == self->changed.tv_sec &&
         st->st_ctim.tv_nsec == self->changed.tv_nsec && st->st_size == self->size;
}

guint
clipmoe_codes_begin (ClipmoeCodes *self) {
  struct stat st;
  guint state = 0;
  if (self->fd < 0)
    return 0;
  for (guint i = 0; i < NAPS; i++) {
    if (fstat (self->fd, &st) != 0)
      return 0;
    if (would_show (&st.st_ctim))
      break;
    g_usleep (1000);
  }
  if (!would_show (&st.st_ctim))
    return 0;
  pthread_mutex_lock (&self->mutex);
  if (!self->state || !is_as_it_was (self, &st)) {
    self->changed = st.st_ctim;
    self->size = st.st_size;
    if (++self->state >= G_MAXUINT / N_FOUND) { /* four thousand million changes later */
      self->state = 1;
      memset (self->found, 0, self->n * sizeof *self->found);
    }
    guint cuts = count_cuts (self);
    if (cuts != self->cuts)
      self->mapped = 0;
    self->cuts = cuts;
  }
  state = self->state;
  pthread_mutex_unlock (&self->mutex);
  return state;
}

gboolean
clipmoe_codes_end (ClipmoeCodes *self, guint state) {
  struct stat st;
  pthread_mutex_lock (&self->mutex);
  gboolean same = fstat (self->fd, &st) == 0 && is_as_it_was (self, &st) && state == self->state;
  pthread_mutex_unlock (&self->mutex);
  return same;
}

static void
set_found (ClipmoeCodes *self, guint state, guint64 block, gboolean good) {
  __atomic_store_n (&self->found[block], state * N_FOUND + (good ? GOOD : MISSING), __ATOMIC_RELEASE);
}

/* GOOD, MISSING, or -1: nobody has looked. */
static int
get_found (const ClipmoeCodes *self, guint state, guint64 block) {
  if (!state || block >= self->n)
    return MISSING;
  guint found = __atomic_load_n (&self->found[block], __ATOMIC_ACQUIRE);
  return found / N_FOUND == state ? (int)(found % N_FOUND) : -1;
}

gboolean
clipmoe_codes_is_checked (const ClipmoeCodes *self, guint state, guint64 block) {
  return get_found (self, state, block) == GOOD;
}

/* Memory of at least @length bytes of the file; NULL: it has not so many. @known: it had, before. */
static const ClipmoeMapping *
map (ClipmoeCodes *self, guint64 length, gboolean known) {
  struct stat st;
  ClipmoeMapping *m = NULL;
  pthread_mutex_lock (&self->mutex);
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
  pthread_mutex_unlock (&self->mutex);
  return m;
}

gboolean
clipmoe_codes_get (ClipmoeCodes *self, guint state, guint64 block, guint64 sum, ClipmoeCodesBlock *out) {
  int found = get_found (self, state, block);
  if (found == MISSING)
    return FALSE;
  const guint64 offset = offset_of (self, block);
  const ClipmoeMapping *m = map (self, offset + block_bytes (self), found == GOOD);
  if (m && found != GOOD) {
    const guint8 *memory = clipmoe_mapping_get_data (m) + offset;
    clipmoe_mapping_prepare (m, offset, block_bytes (self));
    if (sum_of (self, memory, sum) != ((const Head *)(const void *)memory)->sum)
      m = NULL;
  }
  set_found (self, state, block, m != NULL);
  if (m)
    *out = parts (self, clipmoe_mapping_get_data (m) + offset);
  return m != NULL;
}

gboolean
clipmoe_codes_can_put (const ClipmoeCodes *self) {
  return __atomic_load_n (&self->write, __ATOMIC_RELAXED) && self->fd >= 0;
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
  if (!clipmoe_write_at (self->fd, memory, bytes, offset_of (self, block)))
    __atomic_store_n (&self->write, FALSE, __ATOMIC_RELAXED); /* not again at each search */
  g_free (memory);
}
