/* The handler of /api/search: words, moments and pictures become one vector, which is looked for. */
#ifndef CLIPMOE_QUERY_H
#define CLIPMOE_QUERY_H

#include <common.h>
#include <exchange.h>
#include <metrics.h>
#include "reader.h"

typedef struct {
  const ClipmoeReaderPlace *place;
  const ClipmoeModelArguments *model; /* its `model` NULL: the one of the archive */
  const char *templates;              /* nullable */
  guint threads;                      /* 0 = all */
  ClipmoeMetrics *metrics;
} ClipmoeQueryOptions;

/* For a lane of one thread. @options: ClipmoeQueryOptions, which live as long as the lane. MISMATCH: the
 * archive was made with another model than the one that was named. */
gpointer clipmoe_query_open (gpointer options, GError **error);
void clipmoe_query_close (gpointer data);
void clipmoe_query_answer (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data);

#endif
