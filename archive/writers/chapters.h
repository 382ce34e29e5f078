/* Chapters in ffmpeg's metadata format, which ffmpeg puts into a video and mpv takes beside one. */
#ifndef CLIPMOE_CHAPTERS_H
#define CLIPMOE_CHAPTERS_H

#include "order.h"

/* Chapters of a video cannot overlap: where spans do, the stretch in which the same ones are there is one
 * chapter that names them all. @spans should be of one file. */
void clipmoe_write_chapters (GString *out, const ClipmoeSpan *spans, guint n, ClipmoeNotes *notes);

#endif
