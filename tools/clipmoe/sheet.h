/* The cells of a contact sheet: small pictures with their time and what was found, of frames or of hits. */
#ifndef CLIPMOE_SHEET_H
#define CLIPMOE_SHEET_H

#include <small.h>
#include <spans.h>
#include <stream/look.h>

typedef struct _ClipmoeSheet ClipmoeSheet;

ClipmoeSheet *clipmoe_sheet_new (void);
void clipmoe_sheet_free (ClipmoeSheet *self);
/* The looks that follow belong to this file. */
void clipmoe_sheet_begin (ClipmoeSheet *self, const char *source);
/* Counts a look: whether clipmoe_sheet_add() is wanted for it. When there are many looks, every other one is
 * dropped. */
gboolean clipmoe_sheet_wants (ClipmoeSheet *self);
/* @picture: of the frame; a reference is taken. */
void clipmoe_sheet_add (ClipmoeSheet *self, const ClipmoeLook *look, ClipmoeSmall *picture);
/* Adds a cell with a span's thumbnail, which is decoded; without a picture where there is none or it is
 * damaged. Nothing is dropped: a sheet has CLIPMOE_SHEET_MOST cells, of more it shows a part. */
void clipmoe_sheet_add_span (ClipmoeSheet *self, const ClipmoeSpan *span);
/* Writes the sheet, whole or not at all. */
gboolean clipmoe_sheet_write (const ClipmoeSheet *self, const char *path, GError **error);

#endif
