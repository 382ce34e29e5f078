/* safetensors: 8 bytes of length, a JSON header, then data that the tensors tile without hole or overlap. */
#ifndef CLIPMOE_SAFETENSORS_H
#define CLIPMOE_SAFETENSORS_H

#include "../base/file.h"
#include "tensors.h"

/* Adds what the file holds to the table. */
gboolean clipmoe_safetensors_read (ClipmoeTensors *self, ClipmoeFile *file, GError **error);
/* Writes whole or not at all: temporary name, fsync, rename, fsync of the folder. Data 8-byte aligned,
 * tensors by falling element size, then name. @metadata (string -> string) may be NULL. */
gboolean clipmoe_safetensors_write (const char *path, const ClipmoeTensor *tensors, guint n,
                                    GHashTable *metadata, GError **error);

#endif
