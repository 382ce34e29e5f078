/* One coded picture: can it be decoded without others? */
#ifndef CLIPMOE_UNIT_H
#define CLIPMOE_UNIT_H

#include <glib.h>

typedef enum {
  CLIPMOE_UNIT_UNKNOWN,  /* garbled, or of a kind that is not read */
  CLIPMOE_UNIT_HEADERS,  /* no picture in it */
  CLIPMOE_UNIT_KEY,      /* whole without any other; what needs older pictures behind it comes as LEADING */
  CLIPMOE_UNIT_KEY_OPEN, /* whole too; what needs older pictures behind it is told by its earlier time alone
                          */
  CLIPMOE_UNIT_SECOND_FIELD, /* the other half of the key picture right before it */
  CLIPMOE_UNIT_LEADING, /* shown before the last key picture, needs older ones, and no later one needs it */
  CLIPMOE_UNIT_DELTA
} ClipmoeUnitKind;

typedef struct {
  ClipmoeUnitKind kind;
  gboolean reordered; /* it may be shown before a picture that came earlier */
} ClipmoeUnit;

#endif
