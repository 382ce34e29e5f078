/* What is searched for: terms become one vector of the archive's model. */
#ifndef CLIPMOE_SEARCH_QUERY_H
#define CLIPMOE_SEARCH_QUERY_H

#include <bank.h>
#include <store.h>
#include <terms.h>
#include "common.h"

typedef struct {
  ClipmoeModelArguments *model; /* `model` is set to the archive's own where it is NULL */
  ClipmoePrecision precision;
  char *const *templates; /* NULL-terminated */
  GPtrArray *terms;       /* (element-type ClipmoeTerm) */
} ClipmoeSearchAsk;

typedef struct {
  char *id;     /* of the model that answers */
  float *query; /* [embed], a unit vector */
  gboolean words;
  double scale;
  ClipmoeBank *bank; /* NULL where no model had to be opened, or the query is no words */
} ClipmoeSearchQuery;

/* FALSE (MISMATCH): another model than the archive's; ARGUMENT: nothing was indexed yet, or there is no such
 * moment. @where names the archive. */
gboolean clipmoe_search_query_make (ClipmoeSearchQuery *self, const ClipmoeSearchAsk *ask,
                                    ClipmoeStore *store, const char *where, GError **error);
void clipmoe_search_query_clear (ClipmoeSearchQuery *self);

#endif
