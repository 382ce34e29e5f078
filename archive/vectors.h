/* The vectors of one model: an append-only file of f16 rows. A versioned header says model, dimension and
 * type; a checksum stands for each block of rows, also for the last one that is not full (rowfile.h). Beside
 * it, at PATH.int8, lies an 8-bit copy for the first pass of a search, which is only a cache: what is missing
 * of it or damaged is made again by whoever appends or searches and may write there.
 *
 * How many rows count is known by the store alone: whatever lies behind them, a killed writer left, and it is
 * overwritten. One writer and any number of readers, also in other processes, at the same time. Errors name
 * the file. A file that somebody cuts short gives an error and never a signal.
 *
 * An object is used by one thread at a time, but for clipmoe_vectors_get() and clipmoe_scan(), which several
 * threads may call at once while none calls anything else. */
#ifndef CLIPMOE_VECTORS_H
#define CLIPMOE_VECTORS_H

#include "../core/clipmoe/error.h"
#include "rows.h"

typedef struct _ClipmoeVectors ClipmoeVectors;

/* @model: (nullable): the model's id, which must be the file's; NULL is nobody's. @rows: how many rows count;
 * FORMAT where the file has fewer. @write: where @rows is 0, the file is created if it is missing, and one of
 * another model or dimension is replaced, since nothing of it counts; what lies behind @rows is cut off;
 * FORMAT where the last block, which appends would go to, is damaged. @embed: 1 to 4096. */
ClipmoeVectors *clipmoe_vectors_open (const char *path, const char *model, guint embed, guint64 rows,
                                      gboolean write, GError **error);
void clipmoe_vectors_close (ClipmoeVectors *self);
guint64 clipmoe_vectors_get_rows (const ClipmoeVectors *self);
guint clipmoe_vectors_get_embed (const ClipmoeVectors *self);
/* For a reader: the store says that there are @rows by now (more than before). */
gboolean clipmoe_vectors_grow (ClipmoeVectors *self, guint64 rows, GError **error);
/* Appends @n unit vectors, float32 [n][embed], and syncs them to disk. *first: the row of the first.
 * ARGUMENT where one is not a unit vector (its length is wrong by more than 1 %). On failure the file counts
 * as many rows as before. */
gboolean clipmoe_vectors_append (ClipmoeVectors *self, const float *vectors, guint n, guint64 *first,
                                 GError **error);
/* Row @row as float32 [embed] (f16 values). */
gboolean clipmoe_vectors_get (const ClipmoeVectors *self, guint64 row, float *out, GError **error);
/* Reads everything and compares checksums. FALSE: FORMAT, naming the first damaged block's rows. *damaged
 * (optional): appended to, element-type guint64: first rows of damaged blocks. */
gboolean clipmoe_vectors_verify (const ClipmoeVectors *self, GArray *damaged, GError **error);
/* Deletes the file and its 8-bit copy; what is not there is no error. */
gboolean clipmoe_vectors_remove (const char *path, GError **error);
/* Writes a new file with the @n rows listed in @rows, in that order, whole or not at all, at @path, and its
 * 8-bit copy. FORMAT where a block that one of them is in is damaged. */
gboolean clipmoe_vectors_copy (const ClipmoeVectors *self, const char *path, const guint64 *rows, guint64 n,
                               GError **error);

#endif
