#include "label.h"

ClipmoeLabel *
clipmoe_label_new (char *name, char *prompt, double threshold) {
  ClipmoeLabel *self = g_new (ClipmoeLabel, 1);
  *self = (ClipmoeLabel){name, prompt, threshold};
  return self;
}

void
clipmoe_label_free (gpointer label) {
  ClipmoeLabel *self = label;
  if (!self)
    return;
  g_free (self->name);
  g_free (self->prompt);
  g_free (self);
}
