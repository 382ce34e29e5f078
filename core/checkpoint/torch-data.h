/* From views of storages to rows of bytes. A tensor reads its own range of the file and nothing else, so that
 * memory follows the tensors, not the storages. */
#ifndef CLIPMOE_TORCH_DATA_H
#define CLIPMOE_TORCH_DATA_H

#include "tensors.h"
#include "torch-names.h"
#include "zip.h"

/* A storage in the file. */
typedef struct {
  guint64 offset, size;
  const ClipmoeZipEntry *entry; /* with a checksum; NULL in the old form */
  gboolean checked;
} ClipmoeTorchStorage;

/* Adds every entry to the table and reads its bytes, row-major whatever its strides. @storages maps keys to
 * ClipmoeTorchStorage; @zip is NULL in the old form. */
gboolean clipmoe_torch_read_entries (ClipmoeTensors *self, ClipmoeFile *file, ClipmoeZip *zip,
                                     GHashTable *storages, const GArray *entries, GError **error);

#endif
