#include "sheet.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <base/file.h>
#include "clipmoemeta.h"

#define COLUMNS 4
#define MOST (COLUMNS * 6) /* pictures on a sheet */
#define WIDTH 320          /* of a picture, pixels */
#define MARGIN 16
#define LINES 4 /* of tags under a picture */
#define LINE 20 /* pixels */

typedef struct {
  cairo_surface_t *picture;
  char *title;            /* time, and which file if there are several */
  char *label[LINES - 1]; /* or NULL */
  double score[LINES - 1];
} Cell;

struct _ClipmoeSheet {
  GPtrArray *cells;
  char *source;
  guint sources, seen, stride; /* every stride-th look is kept */
  GstVideoInfo from, to;
  GstVideoConverter *converter; /* for `from` */
};

static void
cell_free (Cell *cell) {
  cairo_surface_destroy (cell->picture);
  g_free (cell->title);
  for (guint i = 0; i < G_N_ELEMENTS (cell->label); i++)
    g_free (cell->label[i]);
  g_free (cell);
}

ClipmoeSheet *
clipmoe_sheet_new (void) {
  ClipmoeSheet *self = g_new0 (ClipmoeSheet, 1);
  self->cells = g_ptr_array_new_with_free_func ((GDestroyNotify)cell_free);
  self->stride = 1;
  return self;
}

void
clipmoe_sheet_free (ClipmoeSheet *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->cells);
  g_clear_pointer (&self->converter, gst_video_converter_free);
  g_free (self->source);
  g_free (self);
}

void
clipmoe_sheet_begin (ClipmoeSheet *self, const char *source) {
  g_free (self->source);
  self->source = g_path_get_basename (source);
  self->sources++;
}

/* Takes the tags of the newest look in the buffer's metadata; FALSE when this frame was not looked at. */
static gboolean
read_look (GstBuffer *buffer, Cell *cell, GstClockTime *time) {
  ClipmoeLook look;
  guint n = clipmoe_looks_get_n (buffer);
  gboolean fresh = n && clipmoe_looks_get (buffer, n - 1, &look) && look.fresh;
  for (guint i = 0; fresh && i < MIN (look.n_tags, G_N_ELEMENTS (cell->label)); i++) {
    cell->label[i] = g_strdup (look.tags[i].label);
    cell->score[i] = look.tags[i].score;
  }
  if (fresh)
    *time = look.time;
  if (n)
    clipmoe_looks_clear (&look);
  return fresh;
}

static gboolean
prepare (ClipmoeSheet *self, const GstVideoInfo *info) {
  if (self->converter && gst_video_info_is_equal (&self->from, info))
    return TRUE;
  g_clear_pointer (&self->converter, gst_video_converter_free);
  self->from = *info;
  double width = (double)info->width * MAX (info->par_n, 1) / MAX (info->par_d, 1), height = info->height;
  double scale = MIN (WIDTH / width, WIDTH / height);
  gst_video_info_set_format (&self->to, GST_VIDEO_FORMAT_BGRx, (guint)MAX (1, round (width * scale)),
                             (guint)MAX (1, round (height * scale)));
  self->to.fps_n = info->fps_n;
  self->to.fps_d = info->fps_d;
  self->converter = gst_video_converter_new (&self->from, &self->to, NULL);
  return self->converter != NULL;
}

void
clipmoe_sheet_add (ClipmoeSheet *self, const GstVideoInfo *info, GstBuffer *buffer) {
  Cell *cell = g_new0 (Cell, 1);
  GstClockTime time = 0;
  GstVideoFrame in, out;
  if (!read_look (buffer, cell, &time) || self->seen++ % self->stride || !prepare (self, info) ||
      !gst_video_frame_map (&in, info, buffer, GST_MAP_READ)) {
    cell_free (cell);
    return;
  }
  GstBuffer *small = gst_buffer_new_and_alloc (GST_VIDEO_INFO_SIZE (&self->to));
  if (gst_video_frame_map (&out, &self->to, small, GST_MAP_WRITE)) {
    gst_video_converter_frame (self->converter, &in, &out);
    cell->picture = cairo_image_surface_create (CAIRO_FORMAT_RGB24, self->to.width, self->to.height);
    guint8 *to = cairo_image_surface_get_data (cell->picture);
    for (int y = 0; to && y < self->to.height; y++) /* BGRx is cairo's RGB24 on a little-endian machine */
      memcpy (to + (gsize)y * cairo_image_surface_get_stride (cell->picture),
              (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&out, 0) +
                  (gsize)y * GST_VIDEO_FRAME_PLANE_STRIDE (&out, 0),
              (gsize)self->to.width * 4);
    cairo_surface_mark_dirty (cell->picture);
    gst_video_frame_unmap (&out);
  }
  gst_buffer_unref (small);
  gst_video_frame_unmap (&in);
  guint64 s = time / GST_SECOND;
  char *clock = g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u:%02u.%02u", s / 3600, (guint)(s / 60 % 60),
                                 (guint)(s % 60), (guint)(time % GST_SECOND / (10 * GST_MSECOND)));
  cell->title = g_strdup_printf ("%s  %s", clock, self->source);
  g_free (clock);
  g_ptr_array_add (self->cells, cell);
  if (self->cells->len == 2 * MOST) { /* every other one goes */
    for (guint i = 0; i < MOST; i++)
      g_ptr_array_remove_index (self->cells, i + 1);
    self->stride *= 2;
    self->seen = 0;
  }
}

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

static void
draw_cell (cairo_t *cr, const Cell *cell, double x, double y, double height) {
  if (cell->picture) {
    int bar = (WIDTH - cairo_image_surface_get_width (cell->picture)) / 2; /* of whole pixels */
    cairo_set_source_surface (cr, cell->picture, x + bar,
                              y + height - cairo_image_surface_get_height (cell->picture));
    cairo_paint (cr);
  }
  y += height + 4;
  draw_text (cr, cell->title, x, y, WIDTH, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (cell->label) && cell->label[i]; i++) {
    char number[16];
    y += LINE;
    cairo_set_source_rgb (cr, 0.75, 0.86, 0.97);
    cairo_rectangle (cr, x, y, WIDTH * CLAMP (cell->score[i], 0, 1), LINE - 3);
    cairo_fill (cr);
    draw_text (cr, cell->label[i], x + 4, y, WIDTH - 60, FALSE);
    draw_text (cr, g_ascii_formatd (number, sizeof number, "%.3f", cell->score[i]), x + WIDTH - 46, y, 46,
               FALSE);
  }
}

static cairo_status_t
collect (void *data, const unsigned char *bytes, unsigned length) {
  g_byte_array_append (data, bytes, length);
  return CAIRO_STATUS_SUCCESS;
}

gboolean
clipmoe_sheet_write (const ClipmoeSheet *self, const char *path, GError **error) {
  guint have = self->cells->len, n = MIN (have, MOST);
  if (!n) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: no picture was looked at", path);
    return FALSE;
  }
  guint columns = MIN (n, COLUMNS), rows = (n + columns - 1) / columns;
  double tallest = 1;
  for (guint i = 0; i < have; i++) {
    const Cell *cell = self->cells->pdata[i];
    if (cell->picture)
      tallest = MAX (tallest, cairo_image_surface_get_height (cell->picture));
  }
  double high = tallest + LINES * LINE + MARGIN + 4;
  cairo_surface_t *sheet = cairo_image_surface_create (
      CAIRO_FORMAT_RGB24, (int)(columns * (WIDTH + MARGIN) + MARGIN), (int)(rows * high + MARGIN));
  cairo_t *cr = cairo_create (sheet);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_paint (cr);
  for (guint i = 0; i < n; i++) {
    guint row = i / columns, column = i % columns;
    draw_cell (cr, self->cells->pdata[(guint64)i * have / n], MARGIN + column * (WIDTH + MARGIN),
               MARGIN + row * high, tallest);
  }
  cairo_destroy (cr);
  GByteArray *bytes = g_byte_array_new ();
  cairo_status_t status = cairo_surface_write_to_png_stream (sheet, collect, bytes);
  cairo_surface_destroy (sheet);
  gboolean ok = status == CAIRO_STATUS_SUCCESS;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: %s", path, cairo_status_to_string (status));
  else
    ok = clipmoe_file_write (path, bytes->data, bytes->len, error);
  g_byte_array_unref (bytes);
  return ok;
}
