/* The head of a request, as its bytes come in: whether it may be given to libsoup, which answers what is too
 * long by closing the connection. */
#ifndef CLIPMOE_HEAD_H
#define CLIPMOE_HEAD_H

#include <glib.h>

typedef enum {
  CLIPMOE_HEAD_MORE,    /* it has not ended yet */
  CLIPMOE_HEAD_WHOLE,   /* there is an empty line, or it is no HTTP at all */
  CLIPMOE_HEAD_REFUSED, /* *status and *sentence, a constant, say why */
} ClipmoeHeadKind;

/* The first @n bytes of a connection: at most CLIPMOE_MAX_HEAD of them are needed. */
ClipmoeHeadKind clipmoe_head_look (const char *data, gsize n, guint *status, const char **sentence);

#endif
