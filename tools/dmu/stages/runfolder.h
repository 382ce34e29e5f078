/* A run while it goes on, and the folder that it writes into. */
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
  guint stage; /* number of the stage, for its seed */
} DmuWork;

/* A path in the run folder; free with g_free(). */
char *dmu_run_inside (const DmuWork *r, const char *name);
/* One process a run folder. @make: else no lock is needed where there is no such file yet. */
gboolean dmu_run_lock (DmuWork *r, gboolean make, GError **error);
/* Before anything is made or changed: whether the folder is of this run, or has room for it. */
gboolean dmu_run_look (const DmuWork *r, GError **error);
/* Whether nothing of another's stands where this run is going to write; to ask before hours of work. */
gboolean dmu_run_all_free (const DmuWork *r, GError **error);
/* Opens curves.jsonl and timing.jsonl. */
gboolean dmu_run_open_lines (DmuWork *r, GError **error);
/* Gives file @file of stage @entry (taken over) its place and writes it down as done. */
gboolean dmu_run_finish_file (DmuWork *r, const char *file, const char *text, json_t *entry, GError **error);
/* Saves what stage @name made and writes it down as done. @entry is taken over. */
gboolean dmu_run_finish_model (DmuWork *r, const char *name, ClipmoeModel *model, ClipmoeStore store,
                               json_t *entry, GError **error);
/* Replaces the report that run.json lists, and no other. */
gboolean dmu_run_write_report (DmuWork *r, GError **error);

#endif
