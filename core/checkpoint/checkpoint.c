#include "checkpoint.h"

#include "reader.h"
#include "shards.h"

static ClipmoeTensors *
read_all (const char *path, gboolean shapes_only, GError **error) {
  ClipmoeTensors *self = clipmoe_tensors_new (shapes_only);
  if (!(g_str_has_suffix (path, ".index.json") ? clipmoe_shards_read (self, path, error)
                                               : clipmoe_reader_fill (self, path, error)))
    g_clear_pointer (&self, clipmoe_tensors_free);
  return self;
}

ClipmoeTensors *
clipmoe_tensors_read (const char *path, GError **error) {
  return read_all (path, FALSE, error);
}

ClipmoeTensors *
clipmoe_tensors_read_shapes (const char *path, GError **error) {
  return read_all (path, TRUE, error);
}
