/* Files that are compiled into a program (GResource), as parts of its page. */
#ifndef CLIPMOE_PAGES_H
#define CLIPMOE_PAGES_H

#include "http.h"

typedef struct {
  const char *path;     /* "/page.css" */
  const char *resource; /* "/clipmoe/page/page.css" */
  const char *type;     /* "text/css; charset=utf-8" */
} ClipmoeHttpPage;

/* The first is what people visit (CLIPMOE_ROUTE_PAGE) and asks for the token where one is needed; the others
 * are parts of it and no secret. A browser keeps them and asks each time whether they have changed. @pages: a
 * constant. */
void clipmoe_http_add_pages (ClipmoeHttp *http, const ClipmoeHttpPage *pages, guint n);

#endif
