/* Whether one model is better than another on the same pairs: paired bootstrap. */
#ifndef DMU_COMPARE_H
#define DMU_COMPARE_H

#include <jansson.h>
#include <clipmoe/error.h>

/* @a and @b: evaluations of the same data. Returns (transfer full) {"mean": {difference, low, high}, "sets":
 * …}: the share of right first answers of @b less that of @a, with the middle 95 % of @rounds redrawings of
 * each set's pictures and captions. NULL with an error when they are not of the same data. */
json_t *dmu_compare (json_t *a, json_t *b, guint rounds, guint64 seed, GError **error);

#endif
