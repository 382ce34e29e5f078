/* An answer as a table for people and as JSON lines. */
#ifndef CLIPMOE_SEARCH_PRINT_H
#define CLIPMOE_SEARCH_PRINT_H

#include <search.h>
#include <terms.h>

typedef struct {
  const ClipmoeAnswer *answer;
  const GPtrArray *terms; /* (element-type ClipmoeTerm) */
  const char *model;      /* its id */
  gboolean words, explain;
} ClipmoeSearchPrint;

/* A line a hit; before them one that says that nothing stands out, where it is so. */
void clipmoe_search_print_table (GString *out, const ClipmoeSearchPrint *print);
/* A line of clipmoe.search/1, then one of clipmoe.hit/1 a hit: docs/search.schema.json. */
void clipmoe_search_print_json (GString *out, const ClipmoeSearchPrint *print);

#endif
