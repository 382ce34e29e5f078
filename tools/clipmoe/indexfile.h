/* One file is indexed: what it is, whether it is known, its looks, its moments. */
#ifndef CLIPMOE_INDEX_FILE_H
#define CLIPMOE_INDEX_FILE_H

#include "indexlooks.h"
#include "indexreport.h"
#include "indexusual.h"
#include "indexvideo.h"
#include "indexwalk.h"

/* What all files of a run share. */
typedef struct {
  ClipmoeStore *store; /* its model is set */
  ClipmoeIndexLooks *looks;
  guint embed;
  ClipmoeIndexSampling sampling;
  double same; /* as in ClipmoeMomentRules */
  gboolean retry;
  ClipmoeIndexReport *report;
  /* its own; all zero at first */
  ClipmoeIndexUsual usual;
  gboolean counted;
  guint64 moments; /* in the store, once they were counted */
} ClipmoeIndexRun;

/* What fails with the file is reported, and TRUE. A run that is stopped (indexstop.h) keeps the moments that
 * have ended and reports nothing. FALSE: the run cannot go on, since the store does not work or standard
 * output does not (no @error: said). */
gboolean clipmoe_index_file (ClipmoeIndexRun *run, const ClipmoeIndexInput *input, GError **error);

#endif
