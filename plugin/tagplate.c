#include "tagplate.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

static PangoLayout *
make_layout (cairo_t *cr, const char *text, double pixels, double width) {
  PangoLayout *layout = pango_cairo_create_layout (cr);
  PangoFontDescription *font = pango_font_description_from_string ("Sans Bold");
  char *valid = g_utf8_make_valid (text, -1);
  pango_font_description_set_absolute_size (font, pixels * PANGO_SCALE);
  pango_layout_set_font_description (layout, font);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_text (layout, valid, -1);
  int natural;
  pango_layout_get_pixel_size (layout, &natural, NULL);
  if (natural > width) {
    pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_width (layout, (int)(MAX (width, 1) * PANGO_SCALE));
  }
  pango_font_description_free (font);
  g_free (valid);
  return layout;
}

static void
show_layout (cairo_t *cr, PangoLayout *layout, double x, double middle) {
  int height;
  pango_layout_get_pixel_size (layout, NULL, &height);
  cairo_move_to (cr, x, middle - height / 2.0);
  cairo_set_source_rgb (cr, 1, 1, 1);
  pango_cairo_show_layout (cr, layout);
}

/* The drawn surface as a rectangle of an overlay composition; takes over @surface. */
static GstVideoOverlayRectangle *
to_rectangle (cairo_surface_t *surface, guint x, guint y, guint width, guint height) {
  cairo_surface_flush (surface);
  gsize line = (gsize)width * 4;
  GstBuffer *pixels = gst_buffer_new_and_alloc (line * height);
  GstMapInfo map;
  GstVideoOverlayRectangle *rectangle = NULL;
  if (gst_buffer_map (pixels, &map, GST_MAP_WRITE)) {
    for (guint row = 0; row < height; row++)
      memcpy (map.data + row * line,
              cairo_image_surface_get_data (surface) + (gsize)row * cairo_image_surface_get_stride (surface),
              line);
    gst_buffer_unmap (pixels, &map);
    gst_buffer_add_video_meta (pixels, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB,
                               width, height);
    rectangle = gst_video_overlay_rectangle_new_raw (pixels, (gint)x, (gint)y, width, height,
                                                     GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  }
  gst_buffer_unref (pixels);
  cairo_surface_destroy (surface);
  return rectangle;
}

/* All lengths but the last ones are as the frame is shown: with square pixels, so that across it is @aspect
 * times as wide as it has columns. */
GstVideoOverlayRectangle *
clipmoe_plate_draw (const ClipmoePlate *p, const ClipmoeTag *tags, guint n) {
  double aspect = CLAMP (p->pixel_aspect, 0.25, 4) /* beyond is no camera's */, shown = p->width * aspect;
  double text = MAX (12, MIN (shown, p->height) / 25.0 * p->scale), line = ceil (text * 1.6),
         pad = ceil (text * 0.5);
  double room = shown - 4 * pad; /* for words: a margin outside, a margin inside */
  guint rows = p->height > 2 * pad ? (guint)((p->height - 2 * pad) / line) : 0;
  n = MIN (n, rows);
  if (!n || room < 2 * text)
    return NULL;

  /* measured first: the plate is as wide as its longest line */
  cairo_surface_t *scratch = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, 1, 1);
  cairo_t *square = cairo_create (scratch); /* words are laid out without the scale, which Pango gets wrong */
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  double number_width = 0, widest = 0;
  for (guint i = 0; i < n; i++) {
    int w;
    if (p->show_scores) {
      PangoLayout *l =
          make_layout (square, g_ascii_formatd (number, sizeof number, "%.2f", tags[i].score), text, room);
      pango_layout_get_pixel_size (l, &w, NULL);
      number_width = MAX (number_width, w + pad);
      g_object_unref (l);
    }
    PangoLayout *l = make_layout (square, tags[i].label, text, room);
    pango_layout_get_pixel_size (l, &w, NULL);
    widest = MAX (widest, w);
    g_object_unref (l);
  }
  if (number_width > room / 2)
    number_width = 0; /* the words matter more */
  widest = MIN (widest, room - number_width);

  double width = MIN (shown, ceil (widest + number_width + 2 * pad));
  guint columns = MIN (p->width, (guint)ceil (width / aspect)),
        lines = MIN (p->height, (guint)ceil (n * line));
  cairo_surface_t *plate = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, (int)columns, (int)lines);
  if (cairo_surface_status (plate) != CAIRO_STATUS_SUCCESS) {
    cairo_surface_destroy (plate);
    cairo_destroy (square);
    cairo_surface_destroy (scratch);
    return NULL;
  }
  cairo_t *cr = cairo_create (plate);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.6);
  cairo_paint (cr);
  cairo_scale (cr, 1 / aspect, 1);
  for (guint i = 0; i < n; i++) {
    double top = i * line, middle = top + line / 2;
    cairo_set_source_rgba (cr, 0.15, 0.55, 0.95, 0.65);
    cairo_rectangle (cr, 0, top + 1, columns * aspect * CLAMP (tags[i].score, 0, 1), line - 2);
    cairo_fill (cr);
    PangoLayout *l = make_layout (square, tags[i].label, text, widest);
    show_layout (cr, l, pad, middle);
    g_object_unref (l);
    if (number_width > 0) {
      int w;
      l = make_layout (square, g_ascii_formatd (number, sizeof number, "%.2f", tags[i].score), text, room);
      pango_layout_get_pixel_size (l, &w, NULL);
      show_layout (cr, l, width - pad - w, middle);
      g_object_unref (l);
    }
  }
  cairo_destroy (cr);
  cairo_destroy (square);
  cairo_surface_destroy (scratch);
  gboolean right = p->position == CLIPMOE_PLATE_TOP_RIGHT || p->position == CLIPMOE_PLATE_BOTTOM_RIGHT;
  gboolean bottom = p->position == CLIPMOE_PLATE_BOTTOM_LEFT || p->position == CLIPMOE_PLATE_BOTTOM_RIGHT;
  guint gap_x = MIN ((guint)(pad / aspect), p->width - columns), gap_y = MIN ((guint)pad, p->height - lines);
  return to_rectangle (plate, right ? p->width - columns - gap_x : gap_x,
                       bottom ? p->height - lines - gap_y : gap_y, columns, lines);
}
