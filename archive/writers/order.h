/* Which spans a form has, and in which order. */
#ifndef CLIPMOE_ORDER_H
#define CLIPMOE_ORDER_H

#include "../spans.h"

/* What a writer has to say beside what it writes, for people: sentences (element-type utf8). */
typedef GPtrArray ClipmoeNotes;

/* Those with times, by file (in order of first appearance), then by start, else as they come: (element-type
 * ClipmoeSpan), borrowed. Pictures have no place on a timeline: @notes (nullable) says how many were left
 * out. */
GPtrArray *clipmoe_order_by_time (const ClipmoeSpan *spans, guint n, ClipmoeNotes *notes);
/* What tells files apart: the path where there is one, since several may be called the same. */
const char *clipmoe_order_file (const ClipmoeSpan *span);
/* How many different files they are of. */
guint clipmoe_order_count_files (const ClipmoeSpan *spans, guint n);
/* The score, or the cosine where there is no score, or NAN. */
double clipmoe_order_figure (const ClipmoeSpan *span);

#endif
