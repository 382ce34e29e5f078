/* Removes user names and passwords from URIs of cameras and servers, before they get into metadata,
 * published lines or a log. */
#ifndef CLIPMOE_URI_H
#define CLIPMOE_URI_H

#include <glib.h>

/* @text, a URI or a sentence with some in it, without user, password and the values of parameters that name
 * such (password=, token=, ...), also where it is malformed or percent-encoded. The names of files and what
 * is no URI stay as they are. NULL for NULL; free with g_free(). */
char *clipmoe_uri_without_login (const char *text);

/* Whether the login of @uri is cut by a sign that ends the place of the host (/, ? or #), so that it is not
 * where a login is looked for: "rtsp://user:pa/ss@host". Where a path has an @, it looks the same if a port
 * stands before it; %40 says that it is the path's. */
gboolean clipmoe_uri_login_is_cut (const char *uri);

#endif
