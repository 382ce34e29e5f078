#include "sheet.h"

#include <string.h>
#include <base/file.h>
#include <order.h>
#include <sheetdraw.h>
#include "picture.h"

typedef struct {
  ClipmoeSmall *picture; /* or NULL */
  char *title;           /* time and file */
  char *label[CLIPMOE_SHEET_LABELS];
  double score[CLIPMOE_SHEET_LABELS];
} Cell;

struct _ClipmoeSheet {
  GPtrArray *cells;
  char *source;
  guint seen, stride; /* every stride-th look is kept */
};

static void
cell_free (Cell *cell) {
  clipmoe_small_unref (cell->picture);
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
  g_free (self->source);
  g_free (self);
}

void
clipmoe_sheet_begin (ClipmoeSheet *self, const char *source) {
  g_free (self->source);
  self->source = g_path_get_basename (source);
}

gboolean
clipmoe_sheet_wants (ClipmoeSheet *self) {
  return self->seen++ % self->stride == 0;
}

/* 1:02:03.45 NAME */
static char *
title_of (guint64 ns, const char *name) {
  guint64 s = ns / G_GUINT64_CONSTANT (1000000000);
  return g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u:%02u.%02u  %s", s / 3600, (guint)(s / 60 % 60),
                          (guint)(s % 60), (guint)(ns % G_GUINT64_CONSTANT (1000000000) / 10000000), name);
}

void
clipmoe_sheet_add (ClipmoeSheet *self, const ClipmoeLook *look, ClipmoeSmall *picture) {
  Cell *cell = g_new0 (Cell, 1);
  for (guint i = 0; i < MIN (look->n_tags, G_N_ELEMENTS (cell->label)); i++) {
    cell->label[i] = g_strdup (look->tags[i].label);
    cell->score[i] = look->tags[i].score;
  }
  cell->picture = clipmoe_small_ref (picture);
  cell->title = title_of (look->time, self->source);
  g_ptr_array_add (self->cells, cell);
  if (self->cells->len == 2 * CLIPMOE_SHEET_MOST) { /* every other one goes */
    for (guint i = 0; i < CLIPMOE_SHEET_MOST; i++)
      g_ptr_array_remove_index (self->cells, i + 1);
    self->stride *= 2;
    self->seen = 0;
  }
}

/* The nearest pixels of packed RGB: thumbnails have a sheet's size already. */
static ClipmoeSmall *
fit (const guint8 *rgb, guint width, guint height) {
  guint w, h;
  clipmoe_small_fit (width, height, 1, 1, &w, &h);
  ClipmoeSmall *small = clipmoe_small_new (w, h);
  guint8 *to = small->rgb;
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++, to += 3)
      memcpy (to, rgb + ((gsize)((guint64)y * height / h) * width + (gsize)((guint64)x * width / w)) * 3, 3);
  return small;
}

void
clipmoe_sheet_add_span (ClipmoeSheet *self, const ClipmoeSpan *span) {
  Cell *cell = g_new0 (Cell, 1);
  char *name = g_path_get_basename (span->file);
  guint8 *rgb = NULL;
  guint width, height;
  gsize length = 0;
  const guint8 *bytes = span->thumbnail ? g_bytes_get_data (span->thumbnail, &length) : NULL;
  if (length && clipmoe_picture_decode (name, bytes, length, &rgb, &width, &height, NULL))
    cell->picture = fit (rgb, width, height);
  g_free (rgb);
  cell->title = span->timed ? title_of ((guint64)(span->time * 1e9 + 0.5), name) : g_strdup (name);
  cell->label[0] = g_strdup (span->label);
  cell->score[0] = clipmoe_order_figure (span);
  g_free (name);
  g_ptr_array_add (self->cells, cell);
}

gboolean
clipmoe_sheet_write (const ClipmoeSheet *self, const char *path, GError **error) {
  ClipmoeSheetCell *cells = g_new0 (ClipmoeSheetCell, self->cells->len + 1);
  for (guint i = 0; i < self->cells->len; i++) {
    const Cell *cell = self->cells->pdata[i];
    cells[i] = (ClipmoeSheetCell){cell->picture, cell->title};
    for (guint j = 0; j < CLIPMOE_SHEET_LABELS; j++) {
      cells[i].labels[j] = cell->label[j];
      cells[i].scores[j] = cell->score[j];
    }
  }
  GByteArray *bytes = clipmoe_draw_sheet (cells, self->cells->len, path, error);
  gboolean ok = bytes && clipmoe_file_write (path, bytes->data, bytes->len, error);
  if (bytes)
    g_byte_array_unref (bytes);
  g_free (cells);
  return ok;
}
