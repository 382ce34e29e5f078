/* WebP by libwebp; of a moving one the first frame, on its canvas. */
#include "decoders.h"

#include <string.h>
#include <webp/decode.h>

static guint
u24 (const guint8 *p) {
  return (guint)p[0] | (guint)p[1] << 8 | (guint)p[2] << 16;
}

typedef struct {
  const guint8 *data;
  gsize length, at;
} Chunks;

/* The next chunk of a RIFF list; *n is what of it is there. FALSE: there is none. */
static gboolean
next_chunk (Chunks *c, const guint8 **name, const guint8 **data, gsize *n) {
  if (c->at > c->length || c->length - c->at < 8)
    return FALSE;
  const guint8 *p = c->data + c->at;
  gsize size = u24 (p + 4) | (gsize)p[7] << 24;
  *name = p;
  *data = p + 8;
  *n = MIN (size, c->length - c->at - 8);
  c->at += 8 + size + (size & 1);
  return TRUE;
}

static gboolean
is (const guint8 *name, const char *what) {
  return memcmp (name, what, 4) == 0;
}

/* Decodes the bit stream in @data at @left, @top of a canvas of @width by @height, or as large as it is. */
static gboolean
decode (ClipmoePictureLoad *self, const guint8 *data, gsize n, guint left, guint top, guint width,
        guint height) {
  WebPBitstreamFeatures f;
  if (WebPGetFeatures (data, n, &f) != VP8_STATUS_OK || f.width < 1 || f.height < 1)
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "WebP: no picture in it that can be decoded");
  guint w = (guint)f.width, h = (guint)f.height;
  if (!width || !height) {
    width = w;
    height = h;
  }
  if (!clipmoe_picture_check_size (self, width, height))
    return FALSE;
  if (left > width || top > height || w > width - left || h > height - top)
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "WebP: its first picture leaves the canvas");
  if (!clipmoe_picture_take_size (self, width, height))
    return FALSE;
  gsize stride = (gsize)width * 3, begin = top * stride + (gsize)left * 3;
  if (w < width || h < height)
    memset (self->rgb, 0, stride * height);
  if (!WebPDecodeRGBInto (data, n, self->rgb + begin, stride * height - begin, (int)stride))
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "WebP: the file ends too early or is damaged");
  return TRUE;
}

/* One frame of a moving picture: where it stands, then chunks of its own. */
static gboolean
decode_frame (ClipmoePictureLoad *self, const guint8 *data, gsize n, guint width, guint height) {
  Chunks inner = {data, n, 16};
  const guint8 *name, *part;
  gsize m;
  while (n >= 16 && next_chunk (&inner, &name, &part, &m))
    if (is (name, "VP8 ") || is (name, "VP8L"))
      return decode (self, part, m, 2 * u24 (data), 2 * u24 (data + 3), width, height);
  return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "WebP: its first frame is empty");
}

gboolean
clipmoe_picture_webp (ClipmoePictureLoad *self) {
  Chunks all = {self->data, self->length, 12};
  const guint8 *name, *data;
  gsize n;
  guint width = 0, height = 0; /* of the canvas, where one is named */
  gboolean moves = FALSE;
  while (next_chunk (&all, &name, &data, &n)) {
    if (is (name, "VP8X") && n >= 10) {
      width = u24 (data + 4) + 1;
      height = u24 (data + 7) + 1;
      moves = (data[0] & 2) != 0;
    } else if (is (name, "EXIF")) {
      gsize head = n >= 6 && memcmp (data, "Exif\0", 6) == 0 ? 6 : 0; /* as JPEG has it: some write it here */
      clipmoe_picture_exif (data + head, n - head, &self->exif);
    } else if (self->rgb) { /* the first picture alone; EXIF comes behind it */
      continue;
    } else if (is (name, "ANMF") && moves) {
      if (!decode_frame (self, data, n, width, height))
        return FALSE;
    } else if ((is (name, "VP8 ") || is (name, "VP8L")) && !moves) {
      if (!decode (self, data, n, 0, 0, 0, 0))
        return FALSE;
    }
  }
  return self->rgb || clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "WebP: no picture in it");
}
