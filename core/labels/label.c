/* One label of a list. */
#include "../clipmoe/labels.h"

ClipmoeLabel *
clipmoe_label_new (const char *name, const char *prompt, double threshold) {
  ClipmoeLabel *self = g_new (ClipmoeLabel, 1);
  *self = (ClipmoeLabel){g_strdup (name), g_strdup (prompt), threshold, NULL};
  return self;
}

void
clipmoe_label_free (ClipmoeLabel *self) {
  if (!self)
    return;
  g_free ((char *)self->name);
  g_free ((char *)self->prompt);
  g_free ((char *)self->group);
  g_free (self);
}

void
clipmoe_label_set_group (ClipmoeLabel *self, const char *group) {
  char *copy = g_strdup (group);
  g_free ((char *)self->group);
  self->group = copy;
}
