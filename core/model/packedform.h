/* The packed weights of both towers in one piece: in memory of our own, or a file of the cache folder that is
 * mapped and that every process with the same model shares. Such a file is never changed in place; it is
 * deleted or replaced. */
#ifndef CLIPMOE_PACKEDFORM_H
#define CLIPMOE_PACKEDFORM_H

#include <glib.h>

typedef struct _ClipmoePackedForm ClipmoePackedForm; /* reference counted */

/* What tells one form from all others. */
typedef struct {
  const char *fingerprint, *tier, *precision; /* of the model; the kernels' name; "f32", … */
  guint64 layout;                             /* which matrices there are, and what they would be packed to */
} ClipmoePackedKey;

/* The file, mapped; NULL: not there, another one, damaged. */
ClipmoePackedForm *clipmoe_packed_form_open (const ClipmoePackedKey *key);
/* Zeros to be filled, multiples of 64; @formats: a byte a matrix, of both towers. NULL: no memory. */
ClipmoePackedForm *clipmoe_packed_form_new (const ClipmoePackedKey *key, gsize image_bytes, gsize text_bytes,
                                            const guint8 *formats, guint n_formats);
void clipmoe_packed_form_unref (ClipmoePackedForm *self);
gpointer clipmoe_packed_form_get_image (ClipmoePackedForm *self);
gpointer clipmoe_packed_form_get_text (ClipmoePackedForm *self);
/* Whether it was made for these sizes. */
gboolean clipmoe_packed_form_fits (const ClipmoePackedForm *self, gsize image_bytes, gsize text_bytes);
const guint8 *clipmoe_packed_form_get_formats (const ClipmoePackedForm *self, guint *n);

/* Writes a filled form into the cache folder from a thread of its own, which keeps a reference; nothing but
 * time is lost when that fails. A mapped one is there already. */
void clipmoe_packed_form_write (ClipmoePackedForm *self);
/* Waits for all such threads. */
void clipmoe_packed_forms_wait (void);
/* Reads a mapped form from end to end. FALSE: it is not what was written; its file is deleted. */
gboolean clipmoe_packed_form_check (ClipmoePackedForm *self, char **path);

#endif
