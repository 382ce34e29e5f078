/* A picture whose sizes, strides and planes have been checked: later steps rely on it. */
#ifndef CLIPMOE_VIEW_H
#define CLIPMOE_VIEW_H

#include "../clipmoe/image.h"

/* One colour component: sample (x, y) is at base + y * stride + x * step and has 1 or 2 bytes. */
typedef struct {
  const guint8 *base;
  gssize stride;
  guint plane, step;
  guint width, height; /* samples of the part to use */
  guint bytes, shift;  /* 2-byte samples are shifted right by this and masked to 10 bits */
  double offset_x,
      offset_y;            /* offset of the first sample's centre, in samples, against that of the picture */
  double scale_x, scale_y; /* picture pixels per sample */
} ClipmoeComponent;

typedef struct {
  gboolean yuv;
  guint components; /* 1 or 3: R G B, or Y U V */
  ClipmoeComponent component[3];
  guint width, height; /* of the part to use */
  guint bits;
  ClipmoeMatrix matrix;
  gboolean full_range;
} ClipmoeView;

gboolean clipmoe_view_init (ClipmoeView *self, const ClipmoeImage *image, GError **error);

#endif
