/* Public structures that may grow: how the library reads one of another version. */
#ifndef CLIPMOE_STRUCTS_H
#define CLIPMOE_STRUCTS_H

#include <glib.h>

/* Bytes of @type up to the end of @field: the size it had when @field was its last one. */
#define CLIPMOE_SIZE_UP_TO(type, field) (G_STRUCT_OFFSET (type, field) + sizeof ((type *)NULL)->field)

/* Copies a structure that begins with `gsize struct_size` into @own, which has @size bytes and the fields of
 * this version. What @given lacks becomes zero, the default; so does all of it when @given is NULL.
 * @name: of the type, for messages
 * @least: bytes that its first version had
 * Fails with ARGUMENT when @given says that it is smaller than @least (0: struct_size was forgotten) or
 * larger than 64 KiB (it was not initialised, and what is behind it must not be read), with UNSUPPORTED when
 * it is of a newer version and sets a field that this one does not know.
 * A field that is added later has 8 bytes (double, guint64, pointer), so that it never lies where there was
 * padding before. */
gboolean clipmoe_struct_read (const char *name, const void *given, gsize least, void *own, gsize size,
                              GError **error);

#endif
