/* Which reader one file needs: told by its first bytes, whatever it is called. */
#ifndef CLIPMOE_READER_H
#define CLIPMOE_READER_H

#include "tensors.h"

/* Adds what the file holds to the table. FALSE: neither safetensors nor torch, damaged, or it changed while
 * it was read; the table is of no use then. */
gboolean clipmoe_reader_fill (ClipmoeTensors *self, const char *path, GError **error);

#endif
