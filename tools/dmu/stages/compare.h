/* Whether one model is better than another on the same pairs: paired bootstrap. */
#ifndef DMU_COMPARE_H
#define DMU_COMPARE_H

#include <jansson.h>
#include <clipmoe/error.h>

/* @a and @b [runs]: evaluations of the same data by two models of each run. Returns (transfer full) {"mean":
 * {difference, low, high}, "sets": …}: the share of right first answers of @b less that of @a, over all runs,
 * with the middle 95 % of @rounds bootstrap samples of the pictures. A picture is drawn together with its
 * captions, and once for all sets that contain it. NULL with an error when they are not of the same data. */
json_t *dmu_compare (json_t *const *a, json_t *const *b, guint runs, guint rounds, guint64 seed,
                     GError **error);

#endif
