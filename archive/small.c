#include "small.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

#define QUALITY 80
#define ROOM 65536 /* bytes; a thumbnail seldom needs more */

void
clipmoe_small_fit (guint width, guint height, guint par_n, guint par_d, guint *small_width,
                   guint *small_height) {
  double w = (double)width * MAX (par_n, 1) / MAX (par_d, 1), h = height;
  double scale = MIN (1, CLIPMOE_SMALL_SIDE / MAX (w, h));
  *small_width = (guint)CLAMP (w * scale + 0.5, 1, CLIPMOE_SMALL_SIDE);
  *small_height = (guint)CLAMP (h * scale + 0.5, 1, CLIPMOE_SMALL_SIDE);
}

ClipmoeSmall *
clipmoe_small_new (guint width, guint height) {
  ClipmoeSmall *self = g_atomic_rc_box_alloc (sizeof *self + (gsize)width * height * 3);
  self->width = width;
  self->height = height;
  return self;
}

ClipmoeSmall *
clipmoe_small_ref (ClipmoeSmall *self) {
  return g_atomic_rc_box_acquire (self);
}

void
clipmoe_small_unref (ClipmoeSmall *self) {
  if (self)
    g_atomic_rc_box_release (self);
}

ClipmoeSmall *
clipmoe_small_turn (ClipmoeSmall *self, guint orientation) {
  /* where pixel (x, y) of the turned picture comes from: its axes exchanged first, then mirrored */
  static const struct {
    guint8 swap, flip_x, flip_y;
  } how[] = {{0, 0, 0}, {1, 0, 1}, {0, 1, 1}, {1, 1, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 1, 1}};
  if (!orientation || orientation >= G_N_ELEMENTS (how))
    return self;
  guint w = self->width, h = self->height, swap = how[orientation].swap;
  ClipmoeSmall *turned = clipmoe_small_new (swap ? h : w, swap ? w : h);
  guint8 *to = turned->rgb;
  for (guint y = 0; y < turned->height; y++)
    for (guint x = 0; x < turned->width; x++, to += 3) {
      guint sx = swap ? y : x, sy = swap ? x : y;
      sx = how[orientation].flip_x ? w - 1 - sx : sx;
      sy = how[orientation].flip_y ? h - 1 - sy : sy;
      memcpy (to, self->rgb + ((gsize)sy * w + sx) * 3, 3);
    }
  clipmoe_small_unref (self);
  return turned;
}

void
clipmoe_small_luma (const ClipmoeSmall *self, guint8 luma[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE]) {
  const guint side = CLIPMOE_LUMA_SIDE;
  for (guint y = 0; y < side; y++) {
    guint top = y * self->height / side, bottom = MAX ((y + 1) * self->height / side, top + 1);
    for (guint x = 0; x < side; x++) {
      guint left = x * self->width / side, right = MAX ((x + 1) * self->width / side, left + 1);
      guint sum = 0, n = (bottom - top) * (right - left);
      for (guint v = top; v < bottom; v++) {
        const guint8 *p = self->rgb + ((gsize)v * self->width + left) * 3;
        for (guint u = left; u < right; u++, p += 3)
          sum += 77u * p[0] + 150u * p[1] + 29u * p[2];
      }
      luma[y * side + x] = (guint8)((sum + n * 128) / (n * 256));
    }
  }
}

typedef struct {
  struct jpeg_error_mgr manager;
  jmp_buf back;
} Errors;

static void
fail (j_common_ptr info) {
  longjmp (((Errors *)info->err)->back, 1);
}

GBytes *
clipmoe_small_to_jpeg (const ClipmoeSmall *self) {
  struct jpeg_compress_struct info;
  Errors errors;
  /* libjpeg frees a buffer of its own when that is full, so that after an error nobody knows whose it is */
  guchar *const room = g_malloc (ROOM);
  guchar *out = room;
  gulong size = ROOM;
  info.err = jpeg_std_error (&errors.manager);
  errors.manager.error_exit = fail;
  if (setjmp (errors.back)) {
    jpeg_destroy_compress (&info);
    g_free (room);
    return NULL;
  }
  jpeg_create_compress (&info);
  jpeg_mem_dest (&info, &out, &size);
  info.image_width = self->width;
  info.image_height = self->height;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults (&info);
  jpeg_set_quality (&info, QUALITY, TRUE);
  jpeg_start_compress (&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = (JSAMPROW)(self->rgb + (gsize)info.next_scanline * self->width * 3);
    jpeg_write_scanlines (&info, &row, 1);
  }
  jpeg_finish_compress (&info);
  jpeg_destroy_compress (&info);
  GBytes *jpeg = g_bytes_new (out, size);
  if (out != room)
    free (out);
  g_free (room);
  return jpeg;
}
