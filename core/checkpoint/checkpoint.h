/* A checkpoint, one file or an index of several, becomes a table of tensors. */
#ifndef CLIPMOE_CHECKPOINT_H
#define CLIPMOE_CHECKPOINT_H

#include "tensors.h"

/* Reads a checkpoint, told by its content: safetensors, a torch file (zip, TorchScript or the old form), or
 * the index of one in shards (`….index.json`). Everything is validated and lies in our own memory afterwards
 * (pread, never mapped: a file that somebody cuts would kill the host). Nothing in a file is executed. */
ClipmoeTensors *clipmoe_tensors_read (const char *path, GError **error);
/* The same without the numbers: names, types, shapes and metadata, validated; every tensor's data is NULL.
 * Costs the headers alone, whatever the size of the file. */
ClipmoeTensors *clipmoe_tensors_read_shapes (const char *path, GError **error);

#endif
