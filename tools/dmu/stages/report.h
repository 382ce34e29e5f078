/* A run as one HTML page: curves, clusters, routing, gains. */
#ifndef DMU_REPORT_H
#define DMU_REPORT_H

#include <dataset.h>

/* The page (transfer full), self-contained, of run.json, curves.jsonl, evaluate-*.json and compare.json of
 * the run folder. @heldout: NULL, or the pictures to show where answers changed. */
char *dmu_report_make (const char *folder, const DmuDataset *heldout, GError **error);

#endif
