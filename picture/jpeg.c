/* JPEG as Pillow decodes it: libjpeg-turbo, exact integer DCT, fancy upsampling. */
#include "decoders.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>
#include <base/limits.h>

static void
jpeg_fail (j_common_ptr info) {
  ClipmoePictureLoad *self = info->client_data;
  char text[JMSG_LENGTH_MAX];
  info->err->format_message (info, text);
  char *what = g_strdup_printf ("JPEG: %s", text);
  clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, what);
  g_free (what);
  longjmp (self->back, 1);
}

/* Warnings about bytes that can be decoded all the same: as Pillow, no reason to refuse or to speak. */
static void
jpeg_quiet (j_common_ptr info, int level) {
}

static void
jpeg_silent (j_common_ptr info) {
}

static void
jpeg_nothing (j_decompress_ptr info) {
}

/* The library would invent the missing end of a cut file. */
static boolean
jpeg_at_end (j_decompress_ptr info) {
  ERREXIT (info, JERR_INPUT_EOF);
  return FALSE;
}

static void
jpeg_skip (j_decompress_ptr info, long n) {
  if (n <= 0)
    return;
  if ((gulong)n > info->src->bytes_in_buffer)
    jpeg_at_end (info);
  info->src->next_input_byte += n;
  info->src->bytes_in_buffer -= (gsize)n;
}

static void
jpeg_progress (j_common_ptr info) {
  if (((j_decompress_ptr)info)->input_scan_number > CLIPMOE_MAX_SCANS) {
    clipmoe_picture_fail (info->client_data, CLIPMOE_ERROR_LIMIT,
                          "JPEG: more than " G_STRINGIFY (CLIPMOE_MAX_SCANS) " scans");
    longjmp (((ClipmoePictureLoad *)info->client_data)->back, 1);
  }
}

/* Adobe's CMYK is stored inverted, and CMYK files come from there; the arithmetic is Pillow's. */
static void
from_cmyk (guint8 *rgb, const guint8 *cmyk, guint n) {
  for (guint i = 0; i < n; i++, cmyk += 4)
    for (guint c = 0; c < 3; c++) {
      guint white = cmyk[3], t = (255u - cmyk[c]) * white + 128, ink = ((t >> 8) + t) >> 8;
      *rgb++ = (guint8)(white > ink ? white - ink : 0);
    }
}

gboolean
clipmoe_picture_jpeg (ClipmoePictureLoad *self) {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress = {.progress_monitor = jpeg_progress};
  struct jpeg_source_mgr source = {.next_input_byte = self->data,
                                   .bytes_in_buffer = self->length,
                                   .init_source = jpeg_nothing,
                                   .fill_input_buffer = jpeg_at_end,
                                   .skip_input_data = jpeg_skip,
                                   .resync_to_restart = jpeg_resync_to_restart,
                                   .term_source = jpeg_nothing};
  memset (&info, 0, sizeof info);
  info.err = jpeg_std_error (&errors);
  errors.error_exit = jpeg_fail;
  errors.emit_message = jpeg_quiet;
  errors.output_message = jpeg_silent;
  info.client_data = self;
  if (setjmp (self->back)) {
    jpeg_destroy_decompress (&info);
    return FALSE;
  }
  jpeg_create_decompress (&info);
  info.src = &source;
  info.progress = &progress;
  jpeg_save_markers (&info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header (&info, TRUE);
  for (jpeg_saved_marker_ptr m = info.marker_list; m; m = m->next)
    if (m->data_length > 6 && memcmp (m->data, "Exif\0", 5) == 0) {
      clipmoe_picture_exif (m->data + 6, m->data_length - 6, &self->exif);
      break;
    }
  guint samples = 0;
  switch (info.jpeg_color_space) {
  case JCS_GRAYSCALE:
    info.out_color_space = JCS_GRAYSCALE;
    samples = 1;
    break;
  case JCS_RGB:
  case JCS_YCbCr:
    info.out_color_space = JCS_RGB;
    samples = 3;
    break;
  case JCS_CMYK:
  case JCS_YCCK:
    info.out_color_space = JCS_CMYK;
    samples = 4;
    break;
  default:
    clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "JPEG: expected grey, RGB, YCbCr, CMYK or YCCK");
  }
  info.dct_method = JDCT_ISLOW;
  info.do_fancy_upsampling = TRUE;
  gboolean ok = samples && clipmoe_picture_take_size (self, info.image_width, info.image_height);
  if (ok) {
    jpeg_start_decompress (&info);
    JSAMPARRAY line =
        info.mem->alloc_sarray ((j_common_ptr)&info, JPOOL_IMAGE, info.output_width * samples, 1);
    while (info.output_scanline < info.output_height) {
      guint8 *to = self->rgb + (gsize)info.output_scanline * self->width * 3;
      jpeg_read_scanlines (&info, line, 1);
      if (samples == 3)
        memcpy (to, line[0], (gsize)self->width * 3);
      else if (samples == 4)
        from_cmyk (to, line[0], self->width);
      else
        for (guint x = 0; x < self->width; x++, to += 3)
          memset (to, line[0][x], 3);
    }
    jpeg_finish_decompress (&info);
  }
  jpeg_destroy_decompress (&info);
  return ok;
}
