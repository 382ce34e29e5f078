/* JPEG as Pillow decodes it (libjpeg-turbo, exact integer DCT, fancy upsampling) and PNG, turned as EXIF
 * says. */
#include "picture.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>
#include <png.h>
#include <base/file.h>
#include <base/limits.h>

/* What both decoders share. It lives in memory of its own, so that a long jump back leaves it as it was. */
typedef struct {
  const char *path;
  const guint8 *data;
  gsize length, at;
  guint8 *rgb;
  guint width, height, orientation; /* as EXIF numbers it */
  GError **error;
  jmp_buf back;
} Load;

static void
fail (Load *self, ClipmoeError code, const char *what) {
  if (!self->error || !*self->error)
    g_set_error (self->error, CLIPMOE_ERROR, code, "%s: %s", self->path, what);
}

/* Sizes are checked before anything is allocated by them. */
static gboolean
take_size (Load *self, guint width, guint height) {
  if (!width || !height || width > CLIPMOE_MAX_SIDE || height > CLIPMOE_MAX_SIDE ||
      (guint64)width * height > CLIPMOE_MAX_PIXELS) {
    char *what =
        g_strdup_printf ("a picture of %u x %u pixels, expected 1 to %d a side and at most %d in all", width,
                         height, CLIPMOE_MAX_SIDE, CLIPMOE_MAX_PIXELS);
    fail (self, CLIPMOE_ERROR_LIMIT, what);
    g_free (what);
    return FALSE;
  }
  self->width = width;
  self->height = height;
  self->rgb = g_try_malloc ((gsize)width * height * 3);
  if (!self->rgb)
    fail (self, CLIPMOE_ERROR_MEMORY, "no memory for the picture");
  return self->rgb != NULL;
}

/* The orientation in a TIFF block, 1 when there is none that makes sense. */
static guint
exif_orientation (const guint8 *tiff, gsize length) {
  if (length < 8 || (memcmp (tiff, "II*\0", 4) != 0 && memcmp (tiff, "MM\0*", 4) != 0))
    return 1;
  gboolean little = tiff[0] == 'I';
#define U16(p) (little ? (guint)(p)[0] | (guint)(p)[1] << 8 : (guint)(p)[0] << 8 | (guint)(p)[1])
#define U32(p) (little ? U16 (p) | U16 ((p) + 2) << 16 : U16 (p) << 16 | U16 ((p) + 2))
  gsize at = U32 (tiff + 4);
  if (at > length - 2)
    return 1;
  guint n = U16 (tiff + at);
  at += 2;
  for (guint i = 0; i < n && length - at >= 12; i++, at += 12)
    if (U16 (tiff + at) == 0x0112) {
      guint type = U16 (tiff + at + 2), count = U32 (tiff + at + 4);
      guint value = type == 3 ? U16 (tiff + at + 8) : type == 4 ? U32 (tiff + at + 8) : 1;
      return count == 1 && value >= 1 && value <= 8 ? value : 1;
    }
#undef U16
#undef U32
  return 1;
}

static gboolean
turn (Load *self) {
  static const struct {
    guint8 swap, flip_x, flip_y;
  } how[] = {{0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1}, {1, 0, 0}, {1, 0, 1}, {1, 1, 1}, {1, 1, 0}};
  guint o = self->orientation - 1, w = self->width, h = self->height;
  if (!o)
    return TRUE;
  guint tw = how[o].swap ? h : w, th = how[o].swap ? w : h;
  guint8 *turned = g_try_malloc ((gsize)w * h * 3), *to = turned;
  if (!turned) {
    fail (self, CLIPMOE_ERROR_MEMORY, "no memory to turn the picture");
    return FALSE;
  }
  for (guint y = 0; y < th; y++)
    for (guint x = 0; x < tw; x++, to += 3) {
      guint sx = how[o].swap ? y : x, sy = how[o].swap ? x : y;
      sx = how[o].flip_x ? w - 1 - sx : sx;
      sy = how[o].flip_y ? h - 1 - sy : sy;
      memcpy (to, self->rgb + ((gsize)sy * w + sx) * 3, 3);
    }
  g_free (self->rgb);
  self->rgb = turned;
  self->width = tw;
  self->height = th;
  return TRUE;
}

/* JPEG */

static void
jpeg_fail (j_common_ptr info) {
  Load *self = info->client_data;
  char text[JMSG_LENGTH_MAX];
  info->err->format_message (info, text);
  char *what = g_strdup_printf ("JPEG: %s", text);
  fail (self, CLIPMOE_ERROR_FORMAT, what);
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
    fail (info->client_data, CLIPMOE_ERROR_LIMIT,
          "JPEG: more than " G_STRINGIFY (CLIPMOE_MAX_SCANS) " scans");
    longjmp (((Load *)info->client_data)->back, 1);
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

static gboolean
load_jpeg (Load *self) {
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
      self->orientation = exif_orientation (m->data + 6, m->data_length - 6);
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
    fail (self, CLIPMOE_ERROR_UNSUPPORTED, "JPEG: expected grey, RGB, YCbCr, CMYK or YCCK");
  }
  info.dct_method = JDCT_ISLOW;
  info.do_fancy_upsampling = TRUE;
  gboolean ok = samples && take_size (self, info.image_width, info.image_height);
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

/* PNG */

static void
png_fail (png_structp png, png_const_charp text) {
  Load *self = png_get_error_ptr (png);
  char *what = g_strdup_printf ("PNG: %s", text);
  fail (self, CLIPMOE_ERROR_FORMAT, what);
  g_free (what);
  longjmp (self->back, 1);
}

static void
png_quiet (png_structp png, png_const_charp text) {
}

static void
png_take (png_structp png, png_bytep to, gsize n) {
  Load *self = png_get_io_ptr (png);
  if (n > self->length - self->at)
    png_error (png, "the file ends too early");
  memcpy (to, self->data + self->at, n);
  self->at += n;
}

static gboolean
load_png (Load *self) {
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, self, png_fail, png_quiet);
  png_infop info = png ? png_create_info_struct (png) : NULL;
  if (!info) {
    png_destroy_read_struct (&png, NULL, NULL);
    fail (self, CLIPMOE_ERROR_MEMORY, "no memory to read PNG");
    return FALSE;
  }
  if (setjmp (self->back)) {
    png_destroy_read_struct (&png, &info, NULL);
    return FALSE;
  }
  png_set_read_fn (png, self, png_take);
  /* Larger sizes are read as far as the sentence that names them; a compressed text or profile may not
   * unfold into more than 8 MiB. */
  png_set_user_limits (png, 0x7fffffff, 0x7fffffff);
  png_set_chunk_malloc_max (png, 8 << 20);
  png_read_info (png, info);
  gboolean ok = take_size (self, png_get_image_width (png, info), png_get_image_height (png, info));
  if (ok) {
    png_set_strip_16 (png);
    png_set_palette_to_rgb (png);
    png_set_expand_gray_1_2_4_to_8 (png);
    png_set_gray_to_rgb (png);
    png_set_strip_alpha (png);
    int passes = png_set_interlace_handling (png);
    png_read_update_info (png, info);
    if (png_get_rowbytes (png, info) != (gsize)self->width * 3)
      png_error (png, "rows are not RGB after conversion");
    for (int pass = 0; pass < passes; pass++)
      for (guint y = 0; y < self->height; y++)
        png_read_row (png, self->rgb + (gsize)y * self->width * 3, NULL);
    png_read_end (png, info);
    png_uint_32 length;
    png_bytep exif;
    if (png_get_eXIf_1 (png, info, &length, &exif))
      self->orientation = exif_orientation (exif, length);
  }
  png_destroy_read_struct (&png, &info, NULL);
  return ok;
}

gboolean
clipmoe_picture_decode (const char *name, const guint8 *data, gsize length, guint8 **rgb, guint *width,
                        guint *height, GError **error) {
  GError *own = NULL;
  Load *load = g_new0 (Load, 1);
  load->path = name;
  load->data = data;
  load->length = length;
  load->orientation = 1;
  load->error = &own;
  gboolean ok = FALSE;
  if (length >= 3 && memcmp (data, "\xff\xd8\xff", 3) == 0)
    ok = load_jpeg (load);
  else if (length >= 8 && memcmp (data, "\x89PNG\r\n\x1a\n", 8) == 0)
    ok = load_png (load);
  else
    fail (load, CLIPMOE_ERROR_UNSUPPORTED, "neither a JPEG nor a PNG file");
  ok = ok && turn (load);
  if (ok) {
    *rgb = g_steal_pointer (&load->rgb);
    *width = load->width;
    *height = load->height;
  } else {
    g_propagate_error (error, own);
  }
  g_free (load->rgb);
  g_free (load);
  return ok;
}

gboolean
clipmoe_picture_load (const char *path, guint8 **rgb, guint *width, guint *height, GError **error) {
  gsize length;
  char *data = clipmoe_file_read (path, CLIPMOE_MAX_PICTURE_FILE, &length, error);
  gboolean ok =
      data && clipmoe_picture_decode (path, (const guint8 *)data, length, rgb, width, height, error);
  g_free (data);
  return ok;
}
