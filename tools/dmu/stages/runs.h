/* Finished runs of one recipe with several seeds, side by side, for model cards. */
#ifndef DMU_RUNS_H
#define DMU_RUNS_H

#include <jansson.h>
#include <clipmoe/error.h>

/* Reads run.json and evaluate-*.json of the run folders [n]. Returns (transfer full) {"against", "runs":
 * [{folder, seed}], "models": [{name, mean, sets: [{name, kind, score, spread, low, high, difference}]}]} of
 * all models that every run has evaluated: mean and sample deviation of their scores over the runs, and the
 * difference to the model @against with the middle 95 % of bootstrap samples of the held-out pictures. Runs
 * from other bases, or measured on other held-out pairs, are refused. */
json_t *dmu_runs_compare (char *const *folders, const char *against, GError **error);
/* Whether the recipes of the folders differ only in the seed, and no seed occurs twice. */
gboolean dmu_runs_are_seeds (json_t *comparison);

typedef enum { DMU_RUNS_TEXT, DMU_RUNS_MARKDOWN } DmuRunsForm;

/* Free with g_free(). */
char *dmu_runs_describe (json_t *comparison, DmuRunsForm form);

#endif
