/* The 8-bit copy of a vector file, a cache beside it: for each full block of rows their mean (f16), and of
 * each row its difference from the mean: in bytes, with a scale, and with the length of what rounding left
 * out, which makes the bounds of a search exact. Rows of one archive have much in common, and some of their
 * elements are large in all of them: what is left without the mean is finer by a factor of two and more.
 *
 * A block has a checksum that also depends on the checksum of its rows in the vector file. So a block counts
 * only if it was made of the rows that are there now, whoever wrote it and whatever was killed; and several
 * processes may write the same block at once, which writes the same bytes.
 *
 * A search reads mapped memory, and what it has checked once it trusts as long as nobody has written to the
 * file. It asks for the file's state when it begins and when it ends; where that has changed, what it got may
 * be wrong, and it begins again.
 *
 * Opening never fails: what cannot be read or written is missing. Several threads may search and put. */
#ifndef CLIPMOE_CODES_H
#define CLIPMOE_CODES_H

#include <glib.h>

typedef struct _ClipmoeCodes ClipmoeCodes;

/* A block: row r is about mean + scales[r] * (codes[r] - 128), wrong by a vector whose length is at most
 * errors[r]; scales[r] * (codes[r] - 128) is at most `largest` long. */
typedef struct {
  const guint16 *mean; /* f16 [stride] */
  const float *scales, *errors;
  const guint8 *codes; /* [CLIPMOE_VECTOR_BLOCK][stride] */
  float largest;
} ClipmoeCodesBlock;

/* @path: of the vector file. @write: create it, and write what is missing; else only where it may be written
 * to. */
ClipmoeCodes *clipmoe_codes_open (const char *path, guint embed, gboolean write);
void clipmoe_codes_close (ClipmoeCodes *self); /* NULL: nothing */
void clipmoe_codes_remove (const char *path);
/* embed, rounded up for the kernels. */
gsize clipmoe_codes_get_stride (const ClipmoeCodes *self);
/* Before blocks up to @n - 1 are used; while no other thread uses any. */
void clipmoe_codes_resize (ClipmoeCodes *self, guint64 n);
/* The file's state: another number after each change; 0: nothing can be had. May wait for some milliseconds
 * after a change. */
guint clipmoe_codes_begin (ClipmoeCodes *self);
/* Whether the file still has that state. */
gboolean clipmoe_codes_end (ClipmoeCodes *self, guint state);
/* Whether this block is known to be there and right. */
gboolean clipmoe_codes_is_checked (const ClipmoeCodes *self, guint state, guint64 block);
/* A block of rows with this checksum; reads and checks all of it at the first time. FALSE: it is not there.
 */
gboolean clipmoe_codes_get (ClipmoeCodes *self, guint state, guint64 block, guint64 sum,
                            ClipmoeCodesBlock *out);
/* Whether clipmoe_codes_put() may do anything. */
gboolean clipmoe_codes_can_put (const ClipmoeCodes *self);
/* Makes and writes a block of its rows, f16 [CLIPMOE_VECTOR_BLOCK][embed], and their checksum. */
void clipmoe_codes_put (ClipmoeCodes *self, guint64 block, const guint16 *rows, guint64 sum);

#endif
