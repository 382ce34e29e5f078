/* The first frame of a GIF. GStreamer's demuxer plays GIFs as endless loops. */
#include "decoders.h"

#include <string.h>

#define CODES 4096

typedef struct {
  const guint8 *data; /* of one picture: its blocks */
  gsize length, at;
  guint block, bits, n; /* bytes left of the block; bits not yet used, and how many */
} Bits;

/* The next @width bits, or -1 at the end. */
static int
next_code (Bits *b, guint width) {
  while (b->n < width) {
    while (!b->block) {
      if (b->at >= b->length || !b->data[b->at])
        return -1;
      b->block = b->data[b->at++];
    }
    if (b->at >= b->length)
      return -1;
    b->bits |= (guint)b->data[b->at++] << b->n;
    b->n += 8;
    b->block--;
  }
  int code = (int)(b->bits & ((1u << width) - 1));
  b->bits >>= width;
  b->n -= width;
  return code;
}

/* LZW: @n indices of colours. FALSE: there are fewer, or a code that stands for nothing. */
static gboolean
unpack (Bits *b, guint least, guint8 *to, gsize n) {
  guint16 before[CODES];
  guint8 last[CODES], stack[CODES];
  const guint clear = 1u << least, end = clear + 1;
  guint next = clear + 2, width = least + 1;
  int old = -1;
  guint8 first = 0;
  for (guint i = 0; i < clear; i++)
    last[i] = (guint8)i;
  for (gsize done = 0; done < n;) {
    int code = next_code (b, width);
    if (code < 0 || code == (int)end)
      return FALSE;
    if (code == (int)clear) {
      next = clear + 2;
      width = least + 1;
      old = -1;
      continue;
    }
    guint depth = 0, c = (guint)code;
    if (old < 0 ? c >= clear : c > next || (c == next && next == CODES))
      return FALSE;
    if (c == next && old >= 0) { /* the one that is just being made */
      stack[depth++] = first;
      c = (guint)old;
    }
    while (c >= clear) { /* each code stands behind a smaller one */
      stack[depth++] = last[c];
      c = before[c];
    }
    stack[depth++] = first = (guint8)c;
    while (depth && done < n)
      to[done++] = stack[--depth];
    if (old >= 0 && next < CODES) {
      before[next] = (guint16)old;
      last[next++] = first;
      if (next == 1u << width && width < 12)
        width++;
    }
    old = code;
  }
  return TRUE;
}

static guint
u16 (const guint8 *p) {
  return (guint)p[0] | (guint)p[1] << 8;
}

typedef struct {
  guint left, top, width, height, transparent;
  gboolean woven;        /* the rows come in four rounds */
  const guint8 *palette; /* RGB, or NULL: grey */
  guint colours;
} Frame;

/* The row at which the @i-th one in the file belongs. */
static guint
row_of (const Frame *f, guint i) {
  static const guint8 from[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
  if (!f->woven)
    return i;
  for (guint r = 0;; r++) {
    guint rows = f->height > from[r] ? (f->height - from[r] + step[r] - 1) / step[r] : 0;
    if (i < rows || r == 3)
      return from[r] + i * step[r];
    i -= rows;
  }
}

static void
colour (const Frame *f, guint index, guint8 *to) {
  if (!f->palette)
    memset (to, (int)index, 3);
  else if (index < f->colours)
    memcpy (to, f->palette + (gsize)3 * index, 3);
  else
    memset (to, 0, 3);
}

static gboolean
draw (ClipmoePictureLoad *self, const Frame *f, const guint8 *indices) {
  guint8 ground[3];
  colour (f, f->transparent, ground);
  if (f->width < self->width || f->height < self->height)
    for (gsize i = 0; i < (gsize)self->width * self->height; i++)
      memcpy (self->rgb + 3 * i, ground, 3);
  for (guint i = 0; i < f->height; i++) {
    guint8 *to = self->rgb + 3 * ((gsize)(f->top + row_of (f, i)) * self->width + f->left);
    for (guint x = 0; x < f->width; x++, to += 3)
      colour (f, *indices++, to);
  }
  return TRUE;
}

/* Up to the first picture: @f and where its packed indices begin. FALSE: there is none. */
static gboolean
find_frame (ClipmoePictureLoad *self, Frame *f, gsize *at) {
  const guint8 *d = self->data;
  gsize n = self->length, p = 13;
  if (n < p)
    return FALSE;
  if (d[10] & 0x80) {
    f->palette = d + p;
    f->colours = 2u << (d[10] & 7);
    p += (gsize)3 * f->colours;
  }
  while (p < n && d[p] == '!') {
    if (n - p > 7 && d[p + 1] == 0xf9 && d[p + 2] == 4 && d[p + 3] & 1)
      f->transparent = d[p + 6];
    for (p += 2; p < n && d[p]; p += 1u + d[p])
      ;
    p++;
  }
  if (p >= n || n - p < 11 || d[p] != ',')
    return FALSE;
  f->left = u16 (d + p + 1);
  f->top = u16 (d + p + 3);
  f->width = u16 (d + p + 5);
  f->height = u16 (d + p + 7);
  guint flags = d[p + 9];
  f->woven = (flags & 0x40) != 0;
  p += 10;
  if (flags & 0x80) {
    f->palette = d + p;
    f->colours = 2u << (flags & 7);
    p += (gsize)3 * f->colours;
  }
  *at = p;
  return p < n;
}

gboolean
clipmoe_picture_gif (ClipmoePictureLoad *self) {
  Frame f = {0};
  gsize at;
  if (!find_frame (self, &f, &at))
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "GIF: the file ends before its first picture");
  guint least = self->data[at];
  if (least < 1 || least > 8)
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "GIF: codes of a width that there is not");
  /* some programs write a canvas that is too small, or none */
  if (!clipmoe_picture_check_size (self, f.width, f.height) ||
      !clipmoe_picture_take_size (self, MAX (u16 (self->data + 6), f.left + f.width),
                                  MAX (u16 (self->data + 8), f.top + f.height)))
    return FALSE;
  gsize n = (gsize)f.width * f.height;
  guint8 *indices = g_try_malloc (n);
  if (!indices)
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_MEMORY, "no memory for the picture");
  Bits bits = {.data = self->data, .length = self->length, .at = at + 1};
  gboolean ok =
      unpack (&bits, least, indices, n)
          ? draw (self, &f, indices)
          : clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "GIF: its first picture is not whole");
  g_free (indices);
  return ok;
}
