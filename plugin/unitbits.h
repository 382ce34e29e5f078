/* Bits and start codes of coded pictures. What is read beyond the end is 0, and `over` is set. */
#ifndef CLIPMOE_UNIT_BITS_H
#define CLIPMOE_UNIT_BITS_H

#include <glib.h>

typedef struct {
  const guint8 *data;
  gsize size, byte; /* of the next bit */
  guint bit, zeros; /* zeros: bytes of 0 just before, at most 2 */
  gboolean escaped; /* 0 0 3 stands for 0 0 */
  gboolean over;
} ClipmoeBits;

void clipmoe_bits_init (ClipmoeBits *self, const guint8 *data, gsize size, gboolean escaped);
/* @n: at most 32. */
guint32 clipmoe_bits_get (ClipmoeBits *self, guint n);
/* Exp-Golomb codes, as in H.264 9.1. */
guint32 clipmoe_bits_get_ue (ClipmoeBits *self);
gint32 clipmoe_bits_get_se (ClipmoeBits *self);

/* Behind the next 0 0 1 from @at on; @size where there is none. */
gsize clipmoe_bits_after_start_code (const guint8 *data, gsize size, gsize at);

#endif
