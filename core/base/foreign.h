/* Recognises files of other kinds, to name them in messages. */
#ifndef CLIPMOE_FOREIGN_H
#define CLIPMOE_FOREIGN_H

#include <glib.h>

#define CLIPMOE_FOREIGN_HEAD 512 /* first bytes of a file that are enough to recognise most kinds */

/* What a file with these first bytes is, such as "a PDF document"; NULL when it is not recognised. @text:
 * unknown text is described too. Free with g_free(). */
char *clipmoe_foreign_describe (const guint8 *head, gsize length, gboolean text);

#endif
