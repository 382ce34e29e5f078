#include "unitbits.h"

#include <string.h>

void
clipmoe_bits_init (ClipmoeBits *self, const guint8 *data, gsize size, gboolean escaped) {
  memset (self, 0, sizeof *self);
  self->data = data;
  self->size = size;
  self->escaped = escaped;
}

static guint
get_bit (ClipmoeBits *self) {
  if (self->bit == 0 && self->escaped && self->zeros == 2 && self->byte < self->size &&
      self->data[self->byte] == 3) {
    self->byte++;
    self->zeros = 0;
  }
  if (self->byte >= self->size) {
    self->over = TRUE;
    return 0;
  }
  guint8 value = self->data[self->byte];
  guint bit = value >> (7 - self->bit) & 1;
  if (++self->bit == 8) {
    self->bit = 0;
    self->byte++;
    self->zeros = value ? 0 : MIN (self->zeros + 1, 2);
  }
  return bit;
}

guint32
clipmoe_bits_get (ClipmoeBits *self, guint n) {
  guint32 value = 0;
  while (n-- && !self->over)
    value = value << 1 | get_bit (self);
  return self->over ? 0 : value;
}

guint32
clipmoe_bits_get_ue (ClipmoeBits *self) {
  guint zeros = 0;
  while (!self->over && !get_bit (self))
    if (++zeros == 32)
      self->over = TRUE;
  return self->over ? 0 : ((guint32)1 << zeros) - 1 + clipmoe_bits_get (self, zeros);
}

gint32
clipmoe_bits_get_se (ClipmoeBits *self) {
  guint32 code = clipmoe_bits_get_ue (self);
  gint32 half = (gint32)(code / 2);
  return code & 1 ? half + 1 : -half;
}

gsize
clipmoe_bits_after_start_code (const guint8 *data, gsize size, gsize at) {
  while (size >= 3 && at <= size - 3) {
    const guint8 *one = memchr (data + at + 2, 1, size - at - 2);
    if (!one)
      break;
    at = (gsize)(one - data) - 2;
    if (!data[at] && !data[at + 1])
      return at + 3;
    at++;
  }
  return size;
}
