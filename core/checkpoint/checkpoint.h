/* A checkpoint, one file or an index of several, becomes a table of tensors. */
#ifndef CLIPMOE_CHECKPOINT_H
#define CLIPMOE_CHECKPOINT_H

#include "tensors.h"

/* Reads a checkpoint, told by its content: safetensors, a torch file (zip, TorchScript or the old form), or
 * the index of one in shards (`….index.json`). The whole file is validated and copied to memory with pread();
 * it is never mapped, as a mapped file that is truncated would kill the process. Nothing in a file is
 * executed. Returns (transfer full): free with clipmoe_tensors_free(). Any thread. Errors: IO, FORMAT
 * (damaged, or not a checkpoint), UNSUPPORTED, LIMIT, MEMORY. */
ClipmoeTensors *clipmoe_tensors_read (const char *path, GError **error);
/* The same without the numbers: names, types, shapes and metadata, validated; every tensor's data is NULL.
 * Only the headers are read, whatever the size of the file. */
ClipmoeTensors *clipmoe_tensors_read_shapes (const char *path, GError **error);

#endif
