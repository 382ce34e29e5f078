/* A contact sheet: pictures of looks, upright, with their time and tags, as one PNG. */
#ifndef CLIPMOE_SHEET_H
#define CLIPMOE_SHEET_H

#include <gst/video/video.h>
#include <clipmoe/error.h>

typedef struct _ClipmoeSheet ClipmoeSheet;

ClipmoeSheet *clipmoe_sheet_new (void);
void clipmoe_sheet_free (ClipmoeSheet *self);
/* The looks that follow belong to this file. */
void clipmoe_sheet_begin (ClipmoeSheet *self, const char *source);
/* Keeps a small copy of a frame that was just looked at (carries a fresh look); when there are many, every
 * other one is dropped. */
void clipmoe_sheet_add (ClipmoeSheet *self, const GstVideoInfo *info, GstBuffer *buffer);
/* Writes the sheet, whole or not at all. */
gboolean clipmoe_sheet_write (const ClipmoeSheet *self, const char *path, GError **error);

#endif
