/* The packed weights of both towers in one piece of memory of our own, and how they are kept in a file of the
 * cache folder. Such a file is never mapped: somebody who cuts it would kill the host, and somebody who
 * changes it would change the answers. It is read, and its checksum says whether it is what was written. */
#ifndef CLIPMOE_PACKEDFORM_H
#define CLIPMOE_PACKEDFORM_H

#include "cachekey.h"

typedef struct _ClipmoePackedForm ClipmoePackedForm; /* reference counted */

/* What tells one form of a model from all others. */
typedef struct {
  const ClipmoeKernels *kernels;
  const char *precision; /* "f32", … */
  guint64 layout;        /* which matrices there are, and what they would be packed to */
} ClipmoePackedHow;

/* The file's sizes and formats, without memory; NULL: not there, or damaged. A damaged one is deleted, and
 * *damaged (free with g_free()) then is its path. */
ClipmoePackedForm *clipmoe_packed_form_find (const ClipmoeModel *model, const ClipmoePackedHow *how,
                                             char **damaged);
/* Reads and checks all of it. FALSE: no memory, or damaged, as above. */
gboolean clipmoe_packed_form_load (ClipmoePackedForm *self, guint threads, char **damaged);
/* Zeros to be filled, multiples of 64; @formats: a byte a matrix, of both towers. NULL: no memory. */
ClipmoePackedForm *clipmoe_packed_form_new (const ClipmoeModel *model, const ClipmoePackedHow *how,
                                            gsize image_bytes, gsize text_bytes, const guint8 *formats,
                                            guint n_formats);
void clipmoe_packed_form_unref (ClipmoePackedForm *self);
gpointer clipmoe_packed_form_get_image (ClipmoePackedForm *self);
gpointer clipmoe_packed_form_get_text (ClipmoePackedForm *self);
/* Whether it was made for these sizes. */
gboolean clipmoe_packed_form_fits (const ClipmoePackedForm *self, gsize image_bytes, gsize text_bytes);
const guint8 *clipmoe_packed_form_get_formats (const ClipmoePackedForm *self, guint *n);

/* Writes a filled form into the cache folder from a thread of its own, which keeps a reference; nothing but
 * time is lost when that fails. */
void clipmoe_packed_form_write (ClipmoePackedForm *self);
/* Waits for all such threads of this process; a forked child has none. */
void clipmoe_packed_forms_wait (void);
/* Why the last one that failed did, or NULL. Free with g_free(). */
char *clipmoe_packed_forms_why_not (void);

#endif
