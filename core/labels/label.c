/* One label of a list. */
#include "../clipmoe/labels.h"

ClipmoeLabel *
clipmoe_label_new (const char *name, const char *prompt, double threshold) {
  ClipmoeLabel *self = g_new (ClipmoeLabel, 1);
  *self = (ClipmoeLabel){.name = g_strdup (name), .prompt = g_strdup (prompt), .threshold = threshold};
  return self;
}

void
clipmoe_label_free (ClipmoeLabel *self) {
  if (!self)
    return;
  g_free ((char *)self->name);
  g_free ((char *)self->prompt);
  g_free ((char *)self->group);
  g_strfreev ((char **)self->pictures);
  g_free ((char *)self->place);
  g_free ((float *)self->shown);
  g_free (self);
}

void
clipmoe_label_set_group (ClipmoeLabel *self, const char *group) {
  char *copy = g_strdup (group);
  g_free ((char *)self->group);
  self->group = copy;
}

void
clipmoe_label_set_pictures (ClipmoeLabel *self, const char *const *paths, const char *place) {
  g_strfreev ((char **)self->pictures);
  g_free ((char *)self->place);
  g_free ((float *)self->shown);
  self->pictures = (const char *const *)g_strdupv ((char **)paths);
  self->place = g_strdup (place);
  self->shown = NULL;
  self->n_shown = 0;
}
