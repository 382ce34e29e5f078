/* The run as one HTML page: curves, clusters, routing, what was gained. */
#ifndef DMU_REPORT_H
#define DMU_REPORT_H

#include <dataset.h>

/* Reads run.json, curves.jsonl, evaluate-*.json and compare.json of the run folder and writes report.html
 * into it, which needs nothing else. @heldout: NULL, or the pictures to show where answers changed. */
gboolean dmu_report_write (const char *folder, const DmuDataset *heldout, GError **error);

#endif
