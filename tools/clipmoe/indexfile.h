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
  ClipmoeStore *store; /* its model is set; may be another object each time, see `counted` */
  ClipmoeIndexLooks *looks;
  guint embed;
  ClipmoeIndexSampling sampling;
  double same; /* as in ClipmoeMomentRules */
  gboolean retry;
  gboolean filling; /* the model does not answer yet */
  guint lease;      /* seconds, of a store that several machines write to; 0: it is this run's alone */
  ClipmoeIndexReport *report;
  /* its own; all zero at first */
  ClipmoeIndexUsual usual;
  gboolean counted;  /* FALSE again where others may have written */
  gint64 counted_at; /* where others write at the same time */
  guint64 moments;   /* in the store, once they were counted */
} ClipmoeIndexRun;

/* What fails with the file is reported, and TRUE. A run that is stopped (indexstop.h) keeps the moments that
 * have ended and reports nothing; so does one whose file was given to another worker. @handed: its number
 * where clipmoe_store_next() handed it out, else 0. FALSE: the run cannot go on, since the store does not
 * work or standard output does not (no @error: said). */
gboolean clipmoe_index_file (ClipmoeIndexRun *run, const ClipmoeIndexInput *input, gint64 handed,
                             GError **error);
/* Lets a file wait for any worker. What needs no look is reported. FALSE: as above. */
gboolean clipmoe_index_register (ClipmoeIndexRun *run, const ClipmoeIndexInput *input, GError **error);
/* Does what clipmoe_index_file() needs of the archive as a whole, which may take long, in advance. */
gboolean clipmoe_index_prepare (ClipmoeIndexRun *run, GError **error);

#endif
