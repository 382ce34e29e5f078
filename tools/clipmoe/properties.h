/* The properties of clipmoebin as options under the same names. */
#ifndef CLIPMOE_PROPERTIES_H
#define CLIPMOE_PROPERTIES_H

#include <gst/gst.h>

typedef struct {
  GParamSpec **specs;
  GOptionEntry *entries; /* for clipmoe_parse() */
  char **values;
  GPtrArray *blurbs;
  guint n;
} ClipmoeProperties;

/* An option for every property of @klass that it adds itself and that can be written, behind the @n_own
 * entries of the command. @names: only these, NULL-terminated; NULL = all. */
void clipmoe_properties_init (ClipmoeProperties *self, GObjectClass *klass, const GOptionEntry *own,
                              guint n_own, const char *const *names);
void clipmoe_properties_clear (ClipmoeProperties *self);
/* As it was typed, or NULL. */
const char *clipmoe_properties_get (const ClipmoeProperties *self, const char *name);
/* Initialises @v with what @text says; FALSE: @spec does not take that. */
gboolean clipmoe_property_read (GParamSpec *spec, const char *text, GValue *v);
/* What a value of @spec is, such as "auto, sync or latest" or "a number from 0 to 1000": behind "expected".
 */
char *clipmoe_property_expected (GParamSpec *spec);
/* Sets what was given: 0, or 2 when @command was given a value that the property does not take, said. */
int clipmoe_properties_apply (const ClipmoeProperties *self, const char *command, GstElement *tag);

#endif
