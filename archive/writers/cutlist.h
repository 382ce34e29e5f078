/* What lists for editors share: which frame rate a list has, and where its entries begin. */
#ifndef CLIPMOE_CUTLIST_H
#define CLIPMOE_CUTLIST_H

#include "order.h"
#include "rate.h"

typedef struct {
  const char *title; /* of the list */
  ClipmoeRate rate;  /* none: the first file's own, where one is known, else 25 */
  gint64 start;      /* frames: the timecode that the first frame of every file has */
} ClipmoeCutListOptions;

#define CLIPMOE_CUTLIST_RATE 25

/* The rate that a list of @spans has. @notes (nullable) says what was assumed, and which files have another
 * rate, so that cuts in them may lie beside a frame. */
ClipmoeRate clipmoe_cutlist_rate (const GPtrArray *spans, const ClipmoeCutListOptions *options,
                                  ClipmoeNotes *notes);

/* A span in frames of the list's rate, counted from the file's first: @end is the first one behind it. */
typedef struct {
  gint64 start, end, best;
} ClipmoeCut;
ClipmoeCut clipmoe_cutlist_cut (const ClipmoeSpan *span, const ClipmoeRate *rate);

#endif
