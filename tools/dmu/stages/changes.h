/* Pictures whose nearest caption or class changed from one model to another. */
#ifndef DMU_CHANGES_H
#define DMU_CHANGES_H

#include <jansson.h>
#include <dataset.h>

/* Appends a grid of some of each set's changed pictures, evenly spaced, each picture once. @before, @now:
 * evaluations of @heldout. */
void dmu_changes_show (GString *out, json_t *before, json_t *now, const DmuDataset *heldout);

#endif
