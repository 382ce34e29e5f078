#include "properties.h"

#include <string.h>
#include "common.h"

/* Of the element itself: GStreamer's base classes add some that mean nothing to a command. */
static gboolean
is_option (const GParamSpec *s, GType type, const char *const *names) {
  return (s->flags & G_PARAM_WRITABLE) && s->owner_type == type &&
         (!names || g_strv_contains (names, s->name));
}

/* The blurb, and where only some words are taken, which; the first stands for the default. */
static char *
describe (GParamSpec *s) {
  GString *text = g_string_new (g_param_spec_get_blurb (s));
  if (G_IS_PARAM_SPEC_ENUM (s)) {
    GEnumClass *values = G_PARAM_SPEC_ENUM (s)->enum_class;
    int normal = G_PARAM_SPEC_ENUM (s)->default_value;
    g_string_append_printf (text, ": %s", g_enum_get_value (values, normal)->value_nick);
    for (guint i = 0; i < values->n_values; i++)
      if (values->values[i].value != normal)
        g_string_append_printf (text, ", %s", values->values[i].value_nick);
  }
  return g_string_free (text, FALSE);
}

static const char *
kind (const GParamSpec *s) {
  return G_IS_PARAM_SPEC_BOOLEAN (s)                              ? "true|false"
         : G_IS_PARAM_SPEC_UINT (s) || G_IS_PARAM_SPEC_DOUBLE (s) ? "N"
         : G_IS_PARAM_SPEC_ENUM (s)                               ? "NAME"
                                                                  : "TEXT";
}

void
clipmoe_properties_init (ClipmoeProperties *self, GObjectClass *klass, const GOptionEntry *own, guint n_own,
                         const char *const *names) {
  guint n;
  self->specs = g_object_class_list_properties (klass, &n);
  self->entries = g_new0 (GOptionEntry, n_own + n + 1);
  self->values = g_new0 (char *, n + 1);
  self->blurbs = g_ptr_array_new_with_free_func (g_free);
  memcpy (self->entries, own, n_own * sizeof *own);
  self->n = 0;
  for (guint i = 0; i < n; i++) {
    GParamSpec *s = self->specs[i];
    if (!is_option (s, G_OBJECT_CLASS_TYPE (klass), names))
      continue;
    self->specs[self->n] = s;
    g_ptr_array_add (self->blurbs, describe (s));
    self->entries[n_own + self->n] = (GOptionEntry){
        /* bytes as they were typed: a path need not be UTF-8, and what must be is checked where it is read */
        s->name, 0, 0, G_OPTION_ARG_FILENAME, &self->values[self->n], self->blurbs->pdata[self->n], kind (s)};
    self->n++;
  }
}

void
clipmoe_properties_clear (ClipmoeProperties *self) {
  for (guint i = 0; i < self->n; i++)
    g_free (self->values[i]);
  g_ptr_array_unref (self->blurbs);
  g_free (self->values);
  g_free (self->entries);
  g_free (self->specs);
}

const char *
clipmoe_properties_get (const ClipmoeProperties *self, const char *name) {
  for (guint i = 0; i < self->n; i++)
    if (g_str_equal (self->specs[i]->name, name))
      return self->values[i];
  return NULL;
}

/* GStreamer takes a number modulo 2^32: 4294967296 is 0. */
static gboolean
is_wrapped (const GValue *v, const char *text) {
  char *end;
  gint64 n = g_ascii_strtoll (text, &end, 0); /* what does not fit into 64 bits is their limit */
  return !*end && ((G_VALUE_HOLDS_UINT (v) && n != g_value_get_uint (v)) ||
                   (G_VALUE_HOLDS_INT (v) && n != g_value_get_int (v)));
}

gboolean
clipmoe_property_read (GParamSpec *spec, const char *text, GValue *v) {
  g_value_init (v, spec->value_type);
  if (G_VALUE_HOLDS_STRING (v)) {
    g_value_set_string (v, text); /* as it was typed: GStreamer's own quoting is not the user's */
    return TRUE;
  }
  return *text && gst_value_deserialize_with_pspec (v, text, spec) && !is_wrapped (v, text) &&
         !g_param_value_validate (spec, v);
}

static char *
expected_number (GParamSpec *spec) {
  if (G_IS_PARAM_SPEC_DOUBLE (spec)) {
    const GParamSpecDouble *d = G_PARAM_SPEC_DOUBLE (spec);
    if (d->minimum < -1e15)
      return g_strdup ("a number");
    return g_strdup_printf (d->maximum < 1e15 ? "a number from %g to %g" : "a number, at least %g",
                            d->minimum, d->maximum);
  }
  if (G_IS_PARAM_SPEC_UINT (spec)) {
    const GParamSpecUInt *u = G_PARAM_SPEC_UINT (spec);
    return g_strdup_printf ("a whole number from %u to %u", u->minimum, u->maximum);
  }
  return g_strdup ("a number");
}

char *
clipmoe_property_expected (GParamSpec *spec) {
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return g_strdup ("true or false");
  if (!G_IS_PARAM_SPEC_ENUM (spec))
    return expected_number (spec);
  GEnumClass *values = G_PARAM_SPEC_ENUM (spec)->enum_class;
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < values->n_values; i++)
    g_string_append_printf (text, "%s%s",
                            !i                          ? ""
                            : i + 1 == values->n_values ? " or "
                                                        : ", ",
                            values->values[i].value_nick);
  return g_string_free (text, FALSE);
}

int
clipmoe_properties_apply (const ClipmoeProperties *self, const char *command, GstElement *tag) {
  for (guint i = 0; i < self->n; i++) {
    GParamSpec *spec = self->specs[i];
    const char *text = self->values[i];
    GValue v = G_VALUE_INIT;
    if (!text)
      continue;
    gboolean ok = clipmoe_property_read (spec, text, &v);
    if (ok)
      g_object_set_property (G_OBJECT (tag), spec->name, &v);
    g_value_unset (&v);
    if (!ok) {
      char *expected = clipmoe_property_expected (spec);
      int r = clipmoe_usage (command, "--%s %s: expected %s", spec->name, text, expected);
      g_free (expected);
      return r;
    }
  }
  return 0;
}
