/* A small upright picture: what a thumbnail and the grey picture of a look are made of. Pixels alone; no
 * GStreamer. */
#ifndef CLIPMOE_SMALL_H
#define CLIPMOE_SMALL_H

#include <glib.h>

#define CLIPMOE_SMALL_SIDE 320 /* pixels of the longer side, at most */
#define CLIPMOE_LUMA_SIDE 32

/* Reference counted; not changed once others have it. */
typedef struct {
  guint width, height; /* 1 to CLIPMOE_SMALL_SIDE */
  guint8 rgb[];        /* [height][width][3] */
} ClipmoeSmall;

/* The size of the small picture of @width x @height pixels that are par_n : par_d wide (0: square): the same
 * shape, the longer side CLIPMOE_SMALL_SIDE; no side grows. */
void clipmoe_small_fit (guint width, guint height, guint par_n, guint par_d, guint *small_width,
                        guint *small_height);
/* Pixels are not set. (transfer full) */
ClipmoeSmall *clipmoe_small_new (guint width, guint height);
/* Turned as ClipmoeOrientation @orientation (core/clipmoe/image.h) says. Takes @self; (transfer full) */
ClipmoeSmall *clipmoe_small_turn (ClipmoeSmall *self, guint orientation);
ClipmoeSmall *clipmoe_small_ref (ClipmoeSmall *self);
void clipmoe_small_unref (ClipmoeSmall *self); /* NULL: nothing */
/* The grey picture: Y of BT.601 in full range, each the mean of its part. */
void clipmoe_small_luma (const ClipmoeSmall *self, guint8 luma[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE]);
/* (transfer full): NULL where libjpeg fails, which it does for want of memory alone. */
GBytes *clipmoe_small_to_jpeg (const ClipmoeSmall *self);

#endif
