/* A worker: one of several, perhaps on other machines, who share the files that wait in an archive. */
#ifndef CLIPMOE_INDEX_WORKER_H
#define CLIPMOE_INDEX_WORKER_H

#include "indexfile.h"

/* Works at whatever waits in the archive until there is nothing left, nor in the hands of others, who may be
 * lost. FALSE: as clipmoe_index_file(). Returns TRUE also where it was stopped (indexstop.h). */
gboolean clipmoe_index_work (ClipmoeIndexRun *run, GError **error);

#endif
