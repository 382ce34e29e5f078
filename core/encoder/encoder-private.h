/* An encoder from inside: what its files share and tests see. */
#ifndef CLIPMOE_ENCODER_PRIVATE_H
#define CLIPMOE_ENCODER_PRIVATE_H

#include "store.h"
#include "tower.h"
#include "../clipmoe/encoder.h"

/* Texts that are sorted together, so that those which begin alike meet. */
#define CLIPMOE_TEXT_WINDOW 256

struct _ClipmoeEncoder {
  ClipmoeModel *model;
  const ClipmoeKernels *kernels;
  ClipmoePrecision precision; /* never AUTO */
  char *reason;               /* why this one */
  gboolean lacks_verdict;
  guint batch; /* pictures at once */
  ClipmoePackedTower image, text;
  ClipmoePackedForm *form; /* of both towers' weights */
  gint unsaved;            /* atomic: the form is in no file yet */
  char *damaged;           /* the file that it would have come from, or NULL */
  ClipmoePreprocessor *preprocessor;
  float *pixels; /* [batch][3][side][side] */
  guint32 *ids;  /* [CLIPMOE_TEXT_WINDOW][context] */
};

/* After the first answer what was packed is written aside. */
void clipmoe_encoder_answered (ClipmoeEncoder *self);

/* What this one packed will not be needed again. */
void clipmoe_encoder_keep_nothing (ClipmoeEncoder *self);

/* Copies the vector in row @row of t->embedded to @out, of length one. */
gboolean clipmoe_encoder_finish (ClipmoeEncoder *self, const ClipmoePackedTower *t, guint row, float *out,
                                 GError **error);

/* Of both towers; see ClipmoeTrace. */
void clipmoe_encoder_set_trace (ClipmoeEncoder *self, ClipmoeTrace trace, gpointer data);
/* More than the process may run, too: results must not depend on it. */
void clipmoe_encoder_set_threads (ClipmoeEncoder *self, guint threads);

#endif
