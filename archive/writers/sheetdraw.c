#include "sheetdraw.h"

#include <math.h>
#include <pango/pangocairo.h>

#define COLUMNS 4
#define WIDTH CLIPMOE_SHEET_WIDTH
#define MARGIN 16
#define LINES (1 + CLIPMOE_SHEET_LABELS) /* of text under a picture */
#define LINE 20                          /* pixels */

static void
draw_text (cairo_t *cr, const char *text, double x, double y, double width, gboolean bold) {
  PangoLayout *layout = pango_cairo_create_layout (cr);
  PangoFontDescription *font = pango_font_description_from_string (bold ? "Sans Bold 14px" : "Sans 14px");
  pango_layout_set_font_description (layout, font);
  pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
  pango_layout_set_width (layout, (int)(width * PANGO_SCALE));
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  char *valid = g_utf8_make_valid (text, -1);
  pango_layout_set_text (layout, valid, -1);
  cairo_move_to (cr, x, y);
  cairo_set_source_rgb (cr, 0.1, 0.1, 0.1);
  pango_cairo_show_layout (cr, layout);
  g_free (valid);
  pango_font_description_free (font);
  g_object_unref (layout);
}

/* @x, @y: the left end of the line on which the picture stands. */
static void
draw_picture (cairo_t *cr, const ClipmoeSmall *small, double x, double y) {
  cairo_surface_t *picture =
      cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int)small->width, (int)small->height);
  guint8 *to = cairo_image_surface_get_data (picture);
  const guint8 *from = small->rgb;
  for (guint row = 0; to && row < small->height; row++) {
    guint32 *pixels =
        (guint32 *)(gpointer)(to + (gsize)row * (gsize)cairo_image_surface_get_stride (picture));
    for (guint i = 0; i < small->width; i++, from += 3)
      pixels[i] = (guint32)from[0] << 16 | (guint32)from[1] << 8 | from[2];
  }
  cairo_surface_mark_dirty (picture);
  cairo_set_source_surface (cr, picture, x + floor ((WIDTH - (double)small->width) / 2),
                            y - (double)small->height);
  cairo_paint (cr);
  cairo_surface_destroy (picture);
}

static void
draw_cell (cairo_t *cr, const ClipmoeSheetCell *cell, double x, double y, double height) {
  if (cell->picture)
    draw_picture (cr, cell->picture, x, y + height);
  y += height + 4;
  draw_text (cr, cell->title, x, y, WIDTH, TRUE);
  for (guint i = 0; i < CLIPMOE_SHEET_LABELS && cell->labels[i]; i++) {
    char number[32];
    y += LINE;
    if (isfinite (cell->scores[i])) {
      cairo_set_source_rgb (cr, 0.75, 0.86, 0.97);
      cairo_rectangle (cr, x, y, WIDTH * CLAMP (cell->scores[i], 0, 1), LINE - 3);
      cairo_fill (cr);
    }
    draw_text (cr, cell->labels[i], x + 4, y, WIDTH - 60, FALSE);
    if (isfinite (cell->scores[i]))
      draw_text (cr, g_ascii_formatd (number, sizeof number, "%.3f", cell->scores[i]), x + WIDTH - 46, y, 46,
                 FALSE);
  }
}

static cairo_status_t
collect (void *data, const unsigned char *bytes, unsigned length) {
  g_byte_array_append (data, bytes, length);
  return CAIRO_STATUS_SUCCESS;
}

GByteArray *
clipmoe_draw_sheet (const ClipmoeSheetCell *cells, guint n, const char *path, GError **error) {
  guint shown = MIN (n, CLIPMOE_SHEET_MOST);
  if (!n) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: no picture was looked at", path);
    return NULL;
  }
  guint columns = MIN (shown, COLUMNS), rows = (shown + columns - 1) / columns;
  double tallest = 1;
  for (guint i = 0; i < n; i++)
    if (cells[i].picture)
      tallest = MAX (tallest, cells[i].picture->height);
  double high = tallest + LINES * LINE + MARGIN + 4;
  cairo_surface_t *sheet = cairo_image_surface_create (
      CAIRO_FORMAT_RGB24, (int)(columns * (WIDTH + MARGIN) + MARGIN), (int)(rows * high + MARGIN));
  cairo_t *cr = cairo_create (sheet);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_paint (cr);
  for (guint i = 0; i < shown; i++) {
    guint row = i / columns, column = i % columns;
    draw_cell (cr, &cells[(guint64)i * n / shown], MARGIN + column * (WIDTH + MARGIN), MARGIN + row * high,
               tallest);
  }
  cairo_destroy (cr);
  GByteArray *bytes = g_byte_array_new ();
  cairo_status_t status = cairo_surface_write_to_png_stream (sheet, collect, bytes);
  cairo_surface_destroy (sheet);
  if (status == CAIRO_STATUS_SUCCESS)
    return bytes;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: %s", path, cairo_status_to_string (status));
  g_byte_array_unref (bytes);
  return NULL;
}
