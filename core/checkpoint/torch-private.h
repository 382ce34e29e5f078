/* The steps of reading a torch file: which tensors it names, and where their bytes are. */
#ifndef CLIPMOE_TORCH_PRIVATE_H
#define CLIPMOE_TORCH_PRIVATE_H

#include "pickle.h"
#include "tensors-private.h"
#include "zip.h"

typedef struct {
  char *name;
  const ClipmoePickleTensor *tensor;
} ClipmoeTorchEntry;

/* The tensors of the state dict, or of the tree of modules, that @top is or wraps: ClipmoeTorchEntry. @note:
 * (out): of several dicts which one that is; untouched where there is one. */
GArray *clipmoe_torch_list (const char *path, const ClipmoePickleValue *top, char **note, GError **error);

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
