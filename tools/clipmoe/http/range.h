/* The header `Range` of a request for part of a file. */
#ifndef CLIPMOE_RANGE_H
#define CLIPMOE_RANGE_H

#include <glib.h>

typedef enum {
  CLIPMOE_RANGE_ALL,     /* none, or one that need not be followed: the whole file */
  CLIPMOE_RANGE_PART,    /* bytes first..last */
  CLIPMOE_RANGE_OUTSIDE, /* it begins behind the end */
} ClipmoeRangeKind;

/* @header: nullable. Of several ranges none is followed. *last is at most @size - 1. */
ClipmoeRangeKind clipmoe_range_parse (const char *header, guint64 size, guint64 *first, guint64 *last);

#endif
