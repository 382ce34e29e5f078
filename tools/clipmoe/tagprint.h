/* What `clipmoe tag` makes of the intervals of its files: the form that is printed, and the report. */
#ifndef CLIPMOE_TAGPRINT_H
#define CLIPMOE_TAGPRINT_H

#include <writers.h>
#include "tagrun.h"

typedef struct _ClipmoeTagPrint ClipmoeTagPrint;

typedef struct {
  gboolean table;  /* for a person */
  gboolean silent; /* neither this nor that: looks are printed as they come */
  ClipmoeForm form;
  ClipmoeFormOptions options;
  const char *html;    /* a report goes there, or NULL */
  ClipmoeShots *shots; /* its pictures */
} ClipmoeTagPrintOptions;

/* @options are borrowed. */
ClipmoeTagPrint *clipmoe_tagprint_new (const ClipmoeTagPrintOptions *options);
void clipmoe_tagprint_free (ClipmoeTagPrint *self);
/* A file is done; @name: as it was given. Prints what can be printed of one file alone. FALSE: that failed,
 * said. */
gboolean clipmoe_tagprint_file (ClipmoeTagPrint *self, const ClipmoeTagRun *run, const char *name);
/* All files are done: prints and writes the rest, and says what there is to say of it. Nothing where no file
 * was good. Returns 0 or 1, said. */
int clipmoe_tagprint_finish (ClipmoeTagPrint *self);

#endif
