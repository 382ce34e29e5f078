/* User and password of a server, from a file: never from a command line, where every user of the machine sees
 * them, and never shown. */
#ifndef CLIPMOE_LOGIN_H
#define CLIPMOE_LOGIN_H

#include <glib.h>

typedef struct {
  char *user, *password; /* NULL: not said */
  gboolean exposed;      /* every user of the machine may read the file */
} ClipmoeLogin;

/* @path holds one line `user:password`, or lines `user=…` and `password=…`; `#` at the start of a line makes
 * it a remark. FALSE: @error names the file and the line and quotes neither. */
gboolean clipmoe_login_read (const char *path, ClipmoeLogin *login, GError **error);
void clipmoe_login_clear (ClipmoeLogin *login); /* overwrites it */

#endif
