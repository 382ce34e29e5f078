/* PNG by libpng: whatever it holds becomes 8-bit RGB. */
#include "decoders.h"

#include <setjmp.h>
#include <string.h>
#include <png.h>

static void
png_fail (png_structp png, png_const_charp text) {
  ClipmoePictureLoad *self = png_get_error_ptr (png);
  char *what = g_strdup_printf ("PNG: %s", text);
  clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, what);
  g_free (what);
  longjmp (self->back, 1);
}

static void
png_quiet (png_structp png, png_const_charp text) {
}

static void
png_take (png_structp png, png_bytep to, gsize n) {
  ClipmoePictureLoad *self = png_get_io_ptr (png);
  if (n > self->length - self->at)
    png_error (png, "the file ends too early");
  memcpy (to, self->data + self->at, n);
  self->at += n;
}

/* Before PNG had a chunk for it, and ImageMagick to this day: a text "\nexif\n LENGTH\nHEX…". */
static void
read_text (const char *text, ClipmoePictureExif *exif) {
  for (guint lines = 0; lines < 3; lines++)
    if (!(text = strchr (text, '\n')) || !*++text)
      return;
  guint8 bytes[4096]; /* the first table of tags stands at the front */
  gsize n = 0;
  while (n < sizeof bytes) {
    while (g_ascii_isspace (*text))
      text++;
    if (!g_ascii_isxdigit (text[0]) || !g_ascii_isxdigit (text[1]))
      break;
    bytes[n++] = (guint8)(g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]));
    text += 2;
  }
  gsize head = n >= 6 && memcmp (bytes, "Exif\0", 6) == 0 ? 6 : 0;
  clipmoe_picture_exif (bytes + head, n - head, exif);
}

static void
read_exif (png_structp png, png_infop info, ClipmoePictureExif *exif) {
  png_uint_32 length;
  png_bytep block;
  if (png_get_eXIf_1 (png, info, &length, &block)) {
    clipmoe_picture_exif (block, length, exif);
    return;
  }
  png_textp texts;
  int n = 0;
  png_get_text (png, info, &texts, &n);
  for (int i = 0; i < n; i++)
    if (texts[i].text && (g_str_equal (texts[i].key, "Raw profile type exif") ||
                          g_str_equal (texts[i].key, "Raw profile type APP1"))) {
      read_text (texts[i].text, exif);
      return;
    }
}

gboolean
clipmoe_picture_png (ClipmoePictureLoad *self) {
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, self, png_fail, png_quiet);
  png_infop info = png ? png_create_info_struct (png) : NULL;
  if (!info) {
    png_destroy_read_struct (&png, NULL, NULL);
    clipmoe_picture_fail (self, CLIPMOE_ERROR_MEMORY, "no memory to read PNG");
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
  gboolean ok =
      clipmoe_picture_take_size (self, png_get_image_width (png, info), png_get_image_height (png, info));
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
    read_exif (png, info, &self->exif);
  }
  png_destroy_read_struct (&png, &info, NULL);
  return ok;
}
