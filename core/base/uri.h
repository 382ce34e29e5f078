/* Removes user names and passwords from URIs of cameras and servers, before they get into metadata,
 * published lines or a log. */
#ifndef CLIPMOE_URI_H
#define CLIPMOE_URI_H

#include <glib.h>

/* @text, a URI or a sentence with some in it, without user, password and the values of parameters that name
 * such (password=, token=, ...), also where it is malformed or percent-encoded. The names of files and what
 * is no URI stay as they are. NULL for NULL; free with g_free(). */
char *clipmoe_uri_without_login (const char *text);

#endif
