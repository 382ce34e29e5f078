/* What the search needs of a vector file: its rows as they lie there. */
#ifndef CLIPMOE_VECTORS_PRIVATE_H
#define CLIPMOE_VECTORS_PRIVATE_H

#include "codes.h"
#include "rowfile.h"

struct _ClipmoeVectors {
  ClipmoeRowFile file;
  guint64 rows; /* that count */
  gboolean write;
  ClipmoeCodes *codes;
  /* of a writer */
  guint16 *tail; /* [CLIPMOE_VECTOR_BLOCK][embed]: the rows of the block that appends go to */
  gboolean torn; /* an append failed: `tail` is to be read again */
  guint kept;    /* the slot of that block which stands for its rows; the other one may be written over */
};

/* The codes of a full block of rows that count, in that state of their file. FALSE: they are not there. */
gboolean clipmoe_vectors_get_codes (const ClipmoeVectors *self, guint state, guint64 block,
                                    ClipmoeCodesBlock *out);
/* Reads a full block of rows and writes the codes that are missing. FALSE: it cannot be read, or is damaged.
 */
gboolean clipmoe_vectors_mend_codes (const ClipmoeVectors *self, guint64 block, guint16 *rows);

#endif
