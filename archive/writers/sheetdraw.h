/* Draws a contact sheet: small pictures in rows of four with a title and up to three labels each. */
#ifndef CLIPMOE_SHEET_DRAW_H
#define CLIPMOE_SHEET_DRAW_H

#include "../../core/clipmoe/error.h"
#include "../small.h"

#define CLIPMOE_SHEET_WIDTH CLIPMOE_SMALL_SIDE
#define CLIPMOE_SHEET_MOST 24 /* pictures on a sheet */
#define CLIPMOE_SHEET_LABELS 3

typedef struct {
  const ClipmoeSmall *picture; /* NULL: none */
  const char *title;
  const char *labels[CLIPMOE_SHEET_LABELS]; /* NULL: no more of them */
  double scores[CLIPMOE_SHEET_LABELS];      /* NAN: none */
} ClipmoeSheetCell;

/* Of more than CLIPMOE_SHEET_MOST cells it shows as many, evenly spread. Returns the bytes of a PNG file,
 * free with g_byte_array_unref(); NULL with @error, which names @path. */
GByteArray *clipmoe_draw_sheet (const ClipmoeSheetCell *cells, guint n, const char *path, GError **error);

#endif
