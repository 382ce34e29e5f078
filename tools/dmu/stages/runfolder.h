/* The state of a run in progress, and its folder. Errors are IO, and MISMATCH for files of another run. */
#ifndef DMU_RUN_FOLDER_H
#define DMU_RUN_FOLDER_H

#include <stdio.h>
#include <dataset.h>
#include "curves.h"
#include "manifest.h"
#include "recipe.h"

typedef struct {
  const DmuRecipe *recipe;
  const char *folder;
  const gboolean *stop; /* set by a signal */
  gboolean quiet, stopped;
  guint threads;
  ClipmoeModel *base;
  DmuDataset *train, *heldout;
  char *train_digest, *heldout_digest;
  DmuManifest *manifest;
  DmuCurves *curves;
  FILE *timing;
  int lock;
} DmuWork;

/* The path of @name in the run folder; free with g_free(). */
char *dmu_run_inside (const DmuWork *r, const char *name);
/* Locks the run folder against other processes. Without @make nothing is locked if the lock file does not
 * exist. */
gboolean dmu_run_lock (DmuWork *r, gboolean make, GError **error);
/* Whether the folder belongs to this run, or has no files that are in its way. Changes nothing. */
gboolean dmu_run_look (const DmuWork *r, GError **error);
/* Whether no other files have the names that this run is going to write: a check before hours of work. */
gboolean dmu_run_all_free (const DmuWork *r, GError **error);
/* Opens curves.jsonl and timing.jsonl. */
gboolean dmu_run_open_lines (DmuWork *r, GError **error);
/* Writes @text as @file and records stage @entry (taken over) as done. */
gboolean dmu_run_finish_file (DmuWork *r, const char *file, const char *text, json_t *entry, GError **error);
/* Saves the model of stage @name and records it as done. @entry is taken over. */
gboolean dmu_run_finish_model (DmuWork *r, const char *name, ClipmoeModel *model, ClipmoeSaveAs store,
                               json_t *entry, GError **error);
/* Writes the report, replacing only the one that run.json lists. */
gboolean dmu_run_write_report (DmuWork *r, GError **error);

#endif
