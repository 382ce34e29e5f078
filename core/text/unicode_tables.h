/* Tables of the Unicode Character Database, sorted by code point. */
#ifndef CLIPMOE_UNICODE_TABLES_H
#define CLIPMOE_UNICODE_TABLES_H

#include <glib.h>

typedef struct {
  guint32 first, last;
} ClipmoeCodeRange;

/* first, first + step, … last: the lower case of each is @delta further on. */
typedef struct {
  guint32 first, last;
  gint32 delta;
  guint32 step;
} ClipmoeCodeMapping;

extern const ClipmoeCodeRange clipmoe_unicode_letters[], clipmoe_unicode_numbers[],
    clipmoe_unicode_assigned[], clipmoe_unicode_cased[], clipmoe_unicode_ignorable[],
    clipmoe_unicode_changes[], clipmoe_unicode_joins[];
extern const ClipmoeCodeMapping clipmoe_unicode_lower[];
extern const guint clipmoe_unicode_letters_n, clipmoe_unicode_numbers_n, clipmoe_unicode_assigned_n,
    clipmoe_unicode_cased_n, clipmoe_unicode_ignorable_n, clipmoe_unicode_changes_n, clipmoe_unicode_joins_n,
    clipmoe_unicode_lower_n;

#endif
