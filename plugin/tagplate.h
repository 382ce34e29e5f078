/* The plate that is drawn over a frame: one line a tag, with a bar as long as its score. */
#ifndef CLIPMOE_TAG_PLATE_H
#define CLIPMOE_TAG_PLATE_H

#include <gst/video/video-overlay-composition.h>
#include "clipmoemeta.h"

typedef enum {
  CLIPMOE_PLATE_TOP_LEFT,
  CLIPMOE_PLATE_TOP_RIGHT,
  CLIPMOE_PLATE_BOTTOM_LEFT,
  CLIPMOE_PLATE_BOTTOM_RIGHT
} ClipmoePlatePosition;

/* Where it is drawn, and how. */
typedef struct {
  guint width, height; /* of the frame, in pixels */
  double pixel_aspect; /* a pixel's width by its height, as it is shown; letters have their shape there */
  ClipmoePlatePosition position;
  double
      scale; /* of the text, 1 = a 25th of the frame's shorter side as it is shown, at least 12 rows high */
  gboolean show_scores;
} ClipmoePlate;

/* Returns (transfer full): a premultiplied rectangle in its place on the frame; NULL without tags, or for a
 * frame that is too small for a line. */
GstVideoOverlayRectangle *clipmoe_plate_draw (const ClipmoePlate *plate, const ClipmoeTag *tags, guint n);

#endif
