/* clipmoe tag: says what videos and pictures show, in the form that was asked for. */
#include <gst/gst.h>
#include <stdio.h>
#include "commands.h"
#include "common.h"
#include "intervals.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe tag --labels \"dog,car\" street.mp4             a table of intervals\n"
    "  clipmoe tag --json street.mp4 > street.jsonl          one JSON line a look\n"
    "  clipmoe tag --sheet street.png street.mp4             a contact sheet to look at\n"
    "  clipmoe tag --decode key archive/*.mkv                key frames alone: many times as fast\n\n"
    "Every option that is not listed first is a property of clipmoebin under the same name: gst-inspect-1.0\n"
    "clipmoebin says more. Without labels the installed list \"everyday\" is used.\n";

/* An option a property of clipmoebin that can be written and means something to a file. */
typedef struct {
  GParamSpec **specs;
  GOptionEntry *entries;
  char **values, **descriptions;
  guint n;
} Properties;

/* The blurb, and the names of an enumeration. */
static char *
describe (GParamSpec *spec) {
  GString *text = g_string_new (g_param_spec_get_blurb (spec));
  if (G_IS_PARAM_SPEC_ENUM (spec)) {
    const GEnumClass *values = G_PARAM_SPEC_ENUM (spec)->enum_class;
    for (guint i = 0; i < values->n_values; i++)
      g_string_append_printf (text, "%s%s", i ? ", " : " (", values->values[i].value_nick);
    g_string_append_c (text, ')');
  }
  return g_string_free (text, FALSE);
}

static void
properties_init (Properties *self, GObjectClass *klass, const GOptionEntry *own, guint n_own) {
  guint n;
  self->specs = g_object_class_list_properties (klass, &n);
  self->entries = g_new0 (GOptionEntry, n_own + n + 1);
  self->values = g_new0 (char *, n + 1);
  self->descriptions = g_new0 (char *, n + 1);
  memcpy (self->entries, own, n_own * sizeof *own);
  for (guint i = 0; i < n; i++) {
    GParamSpec *s = self->specs[i];
    if (!(s->flags & G_PARAM_WRITABLE) || s->owner_type != G_OBJECT_CLASS_TYPE (klass) ||
        g_str_equal (s->name, "post-messages") || g_str_equal (s->name, "mode"))
      continue;
    self->specs[self->n] = s;
    self->descriptions[self->n] = describe (s);
    self->entries[n_own + self->n] = (GOptionEntry){
        s->name, 0, 0, G_OPTION_ARG_STRING, &self->values[self->n], self->descriptions[self->n], "VALUE"};
    self->n++;
  }
}

static void
properties_clear (Properties *self) {
  for (guint i = 0; i < self->n; i++)
    g_free (self->values[i]);
  g_strfreev (self->descriptions);
  g_free (self->values);
  g_free (self->entries);
  g_free (self->specs);
}

static const char *
properties_get (const Properties *self, const char *name) {
  for (guint i = 0; i < self->n; i++)
    if (g_str_equal (self->specs[i]->name, name))
      return self->values[i];
  return NULL;
}

/* Sets what was given. FALSE: a value that the property does not take, said. */
static gboolean
properties_apply (const Properties *self, GstElement *tag) {
  for (guint i = 0; i < self->n; i++) {
    GParamSpec *spec = self->specs[i];
    const char *text = self->values[i];
    GValue v = G_VALUE_INIT;
    if (!text)
      continue;
    g_value_init (&v, spec->value_type);
    gboolean ok = TRUE;
    if (G_VALUE_HOLDS_STRING (&v))
      g_value_set_string (&v, text); /* as it was typed: GStreamer's own quoting is not the user's */
    else
      ok = gst_value_deserialize_with_pspec (&v, text, spec) && !g_param_value_validate (spec, &v);
    if (ok)
      g_object_set_property (G_OBJECT (tag), spec->name, &v);
    else
      fprintf (stderr, "clipmoe tag: --%s %s: not a value it takes, see gst-inspect-1.0 clipmoebin\n",
               spec->name, text);
    g_value_unset (&v);
    if (!ok)
      return FALSE;
  }
  return TRUE;
}

int
clipmoe_cmd_tag (int argc, char **argv) {
  GError *error = NULL;
  gboolean json = FALSE, csv = FALSE, vtt = FALSE;
  char *sheet_path = NULL, *overlay = NULL, **files = NULL;
  const GOptionEntry own[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "One JSON line a look instead of the table", NULL},
      {"csv", 0, 0, G_OPTION_ARG_NONE, &csv, "Intervals as comma-separated values", NULL},
      {"vtt", 0, 0, G_OPTION_ARG_NONE, &vtt, "Intervals as WebVTT subtitles (one file)", NULL},
      {"sheet", 0, 0, G_OPTION_ARG_FILENAME, &sheet_path, "Also write a contact sheet of the looks",
       "OUT.png"},
      {"overlay", 0, 0, G_OPTION_ARG_FILENAME, &overlay,
       "Also write the video with its tags drawn in, without sound (one file)", "OUT.mp4"},
  };
  Properties properties = {0};
  GstElement *tag = clipmoe_tagrun_element (&error);
  if (!tag)
    return clipmoe_fail (error);
  properties_init (&properties, G_OBJECT_GET_CLASS (tag), own, G_N_ELEMENTS (own));
  int r = clipmoe_parse (argc, argv, "clipmoe tag", "FILE… — say what videos and pictures show", about,
                         properties.entries, &files);
  gboolean help = r == 1;
  if (!r && !*files) {
    fprintf (stderr, "clipmoe tag: expected a file, see clipmoe tag --help\n");
    r = 2;
  } else if (!r && json + csv + vtt > 1) {
    fprintf (stderr, "clipmoe tag: expected one of --json, --csv and --vtt, see clipmoe tag --help\n");
    r = 2;
  } else if (!r && (vtt || overlay) && files[1]) {
    fprintf (stderr, "clipmoe tag: --%s takes one file, see clipmoe tag --help\n", vtt ? "vtt" : "overlay");
    r = 2;
  }
  if (!r && !properties_apply (&properties, tag))
    r = 2;
  if (!r && !properties_get (&properties, "labels") && !properties_get (&properties, "labels-file") &&
      !properties_get (&properties, "attach-embedding")) {
    fprintf (stderr, "clipmoe: no labels given: looking for the installed list \"everyday\"\n");
    g_object_set (tag, "labels-file", "everyday", NULL);
  }
  ClipmoeTagRun run = {.tag = tag,
                       .overlay = overlay,
                       .many = files && files[0] && files[1],
                       .looks = g_ptr_array_new_with_free_func (g_free)};
  GString *out = g_string_new (csv ? clipmoe_intervals_csv_header : NULL);
  if (sheet_path)
    run.sheet = clipmoe_sheet_new ();
  for (char **f = files; !r && *f; f++) {
    const char *source = properties_get (&properties, "source");
    run.source = source ? source : *f;
    if (!clipmoe_tagrun_file (&run, *f, &error)) {
      r = clipmoe_fail (error);
      break;
    }
    if (json) {
      for (guint i = 0; i < run.looks->len; i++)
        g_string_append_printf (out, "%s\n", (char *)run.looks->pdata[i]);
      continue;
    }
    ClipmoeIntervals *intervals = clipmoe_intervals_new (*f, run.looks);
    if (csv)
      clipmoe_intervals_csv (intervals, out);
    else if (vtt)
      clipmoe_intervals_vtt (intervals, out);
    else
      clipmoe_intervals_table (intervals, out);
    clipmoe_intervals_free (intervals);
  }
  if (!r && sheet_path && !clipmoe_sheet_write (run.sheet, sheet_path, &error))
    r = clipmoe_fail (error);
  if (!r)
    r = clipmoe_print (out);
  clipmoe_sheet_free (run.sheet);
  clipmoe_tagpictures_free (run.pictures);
  gst_object_unref (tag);
  g_string_free (out, TRUE);
  g_ptr_array_unref (run.looks);
  properties_clear (&properties);
  g_free (sheet_path);
  g_free (overlay);
  g_strfreev (files);
  return help ? 0 : r;
}
