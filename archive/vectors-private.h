/* What the search needs of a vector file: its rows as they lie there. */
#ifndef CLIPMOE_VECTORS_PRIVATE_H
#define CLIPMOE_VECTORS_PRIVATE_H

#include "rowfile.h"

struct _ClipmoeVectors {
  ClipmoeRowFile file;
  guint64 rows; /* that count */
  gboolean write;
  /* of a writer */
  guint16 *tail; /* [CLIPMOE_VECTOR_BLOCK][embed]: the rows of the block that appends go to */
  gboolean torn; /* an append failed: `tail` is to be read again */
  guint kept;    /* the slot of that block which stands for its rows; the other one may be written over */
};

#endif
