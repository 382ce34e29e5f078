/* A checkpoint in several files: an index maps the name of every tensor to the file that holds it. */
#ifndef CLIPMOE_SHARDS_H
#define CLIPMOE_SHARDS_H

#include "tensors.h"

/* Adds what the files hold that an index names; @path is the index. */
gboolean clipmoe_shards_read (ClipmoeTensors *self, const char *path, GError **error);

#endif
