/* The text tower, from token ids to rows of vectors. */
#ifndef CLIPMOE_TEXT_TOWER_H
#define CLIPMOE_TEXT_TOWER_H

#include "tower.h"

typedef struct {
  const guint32 *ids;
  guint n;      /* with the end token */
  guint before; /* so many of them are the beginning of the text before it, too; their rows are shared */
  guint index;  /* of its vector among the caller's */
} ClipmoeText;

/* Runs @n texts together, whose own rows and number the scratch has room for: their vectors are left in
 * scratch.embedded, a row each. With an observer there is no result. */
void clipmoe_text_run (ClipmoePackedTower *self, const ClipmoeText *texts, guint n);

#endif
