#include "structs.h"

#include <string.h>
#include "../clipmoe/error.h"

#define MOST 65536 /* bytes of any version's structure; a larger size was never set */

gboolean
clipmoe_struct_read (const char *name, const void *given, gsize least, void *own, gsize size,
                     GError **error) {
  memset (own, 0, size);
  gsize has = size;
  if (given) {
    memcpy (&has, given, sizeof has);
    if (has < least || has > MOST) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "%s: struct_size is %" G_GSIZE_FORMAT ", expected sizeof (%s), %" G_GSIZE_FORMAT
                   " bytes or %s",
                   name, has, name, has < least ? least : MOST, has < least ? "more" : "less");
      return FALSE;
    }
    for (gsize i = size; i < has; i++) {
      if (((const guint8 *)given)[i]) {
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                     "%s: byte %" G_GSIZE_FORMAT " is set, expected a field among the %" G_GSIZE_FORMAT
                     " bytes that this version of libclipmoe knows",
                     name, i, size);
        return FALSE;
      }
    }
    memcpy (own, given, MIN (has, size));
  }
  memcpy (own, &size, sizeof size);
  return TRUE;
}
