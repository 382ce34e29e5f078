/* A local copy of one model's vectors of a store elsewhere, in the user's cache folder: a vector file, and
 * beside it the number that each of its rows has in the store, which only grow from row to row. Several
 * processes may use one mirror at once; one of them at a time fills it. Whatever is missing, damaged or of
 * another store is begun anew. Rows of moments that are gone stay until a third of all is: then the rest is
 * copied to a new generation of files, and the old ones are deleted; who has them open goes on with them. */
#ifndef CLIPMOE_MIRROR_H
#define CLIPMOE_MIRROR_H

#include "vectors.h"

typedef struct _ClipmoeMirror ClipmoeMirror;

/* @store: 32 hex digits; @number and @model: the model's, in the store and everywhere. Opens what there is; a
 * mirror that was begun before @oldest is not used, since nobody knows any more what is gone since. IO: there
 * is no cache folder. */
ClipmoeMirror *clipmoe_mirror_open (const char *store, gint64 number, const char *model, guint embed,
                                    gint64 oldest, GError **error);
void clipmoe_mirror_close (ClipmoeMirror *self); /* NULL: nothing */
/* Learns what other processes have filled. Where they have begun another generation, or the files are gone,
 * rows are other ones then, and nothing is marked. */
void clipmoe_mirror_reload (ClipmoeMirror *self);
/* 0: there is nothing yet. */
guint64 clipmoe_mirror_get_generation (const ClipmoeMirror *self);

/* Which change of the store it was begun at; what went later is to be told by clipmoe_mirror_mark(). */
gint64 clipmoe_mirror_get_begun (const ClipmoeMirror *self);
guint64 clipmoe_mirror_get_rows (const ClipmoeMirror *self);
/* Numbers of rows, ascending. */
const gint64 *clipmoe_mirror_get_numbers (const ClipmoeMirror *self);
/* How many rows have a number that is at most @number. */
guint64 clipmoe_mirror_count_to (const ClipmoeMirror *self, gint64 number);
/* TRUE: *row is the row of @number. */
gboolean clipmoe_mirror_find (const ClipmoeMirror *self, gint64 number, guint64 *row);
/* The vectors with @rows rows, at most all; the mirror's, until it is filled, copied or closed. */
const ClipmoeVectors *clipmoe_mirror_get_vectors (ClipmoeMirror *self, guint64 rows, GError **error);
/* Whether a file of it could not be read or written: it is to be begun anew. */
gboolean clipmoe_mirror_has_failed (const ClipmoeMirror *self);
/* Row @row is exactly this, f16 [embed]. */
gboolean clipmoe_mirror_is_row (ClipmoeMirror *self, guint64 row, const guint8 *f16, gsize length);

/* Numbers @first to @first + @n - 1 are gone. */
void clipmoe_mirror_mark (ClipmoeMirror *self, gint64 first, gint64 n);
gboolean clipmoe_mirror_is_gone (const ClipmoeMirror *self, guint64 row);
guint64 clipmoe_mirror_count_gone (const ClipmoeMirror *self);

/* Between these two this process alone fills it: what others have filled meanwhile is read by the first.
 * Another process is waited for @seconds long; BUSY then. */
gboolean clipmoe_mirror_lock (ClipmoeMirror *self, guint seconds, GError **error);
void clipmoe_mirror_unlock (ClipmoeMirror *self);
/* Begins anew, empty, at @change. */
gboolean clipmoe_mirror_restart (ClipmoeMirror *self, gint64 change, GError **error);
/* Appends @n rows: their numbers, and float32 [n][embed]. */
gboolean clipmoe_mirror_append (ClipmoeMirror *self, const gint64 *numbers, const float *vectors, guint n,
                                GError **error);
/* The rows that are not gone become a new generation, begun at @change: all that went until then was told. */
gboolean clipmoe_mirror_shrink (ClipmoeMirror *self, gint64 change, GError **error);
/* Reads all of it. FALSE: FORMAT where it is damaged. */
gboolean clipmoe_mirror_verify (ClipmoeMirror *self, GError **error);

#endif
