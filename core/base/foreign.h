/* Names what lies there instead of what was expected. */
#ifndef CLIPMOE_FOREIGN_H
#define CLIPMOE_FOREIGN_H

#include <glib.h>

#define CLIPMOE_FOREIGN_HEAD 512 /* bytes of a file's beginning that tell most of what there is */

/* What a file that begins with these bytes is, as in "a PDF document"; NULL where nothing is recognised.
 * @text: what is text of no known kind is named too. Free with g_free(). */
char *clipmoe_foreign_describe (const guint8 *head, gsize length, gboolean text);

#endif
