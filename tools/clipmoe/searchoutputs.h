/* What `clipmoe search` makes of an answer: what it prints, and the files that it writes beside. */
#ifndef CLIPMOE_SEARCH_OUTPUTS_H
#define CLIPMOE_SEARCH_OUTPUTS_H

#include "forms.h"
#include "searchprint.h"

/* Options; the rest is filled by clipmoe_search_outputs_check(). */
typedef struct {
  ClipmoeForms forms;
  char *html, *sheet; /* files to write, or NULL */
  char *clips;        /* a folder for the hits themselves, or NULL */
  gboolean exact;     /* these are encoded anew */

  gboolean table;
  ClipmoeForm form;
  ClipmoeFormOptions how;
} ClipmoeSearchOutputs;

void clipmoe_search_outputs_clear (ClipmoeSearchOutputs *self);
/* Before the search: whether the options go together and the files may be written. @pictures (nullable,
 * NULL-terminated) are what is searched for, and are never written. Returns 0, 1 or 2, said. */
int clipmoe_search_outputs_check (ClipmoeSearchOutputs *self, char *const *pictures);
/* Prints and writes everything. Returns 0, or 1, said. */
int clipmoe_search_outputs_write (const ClipmoeSearchOutputs *self, const ClipmoeSearchPrint *print,
                                  ClipmoeStore *store);

#endif
