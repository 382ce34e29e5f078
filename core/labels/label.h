/* One label of a list. */
#ifndef CLIPMOE_LABEL_H
#define CLIPMOE_LABEL_H

#include "../clipmoe/labels.h"

/* Takes over @name and @prompt (nullable). Returns (transfer full). */
ClipmoeLabel *clipmoe_label_new (char *name, char *prompt, double threshold);
/* A GDestroyNotify for ClipmoeLabel; NULL: nothing. */
void clipmoe_label_free (gpointer label);

#endif
