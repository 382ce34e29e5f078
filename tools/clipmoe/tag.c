/* clipmoe tag: says what videos and pictures show, in the form that was asked for. */
#include <gst/gst.h>
#include <stdio.h>
#include <stream/lookjson.h>
#include "commands.h"
#include "common.h"
#include "inputs.h"
#include "interrupt.h"
#include "intervals.h"
#include "outputs.h"
#include "pipe.h"
#include "properties.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe tag --labels \"dog,car\" street.mp4             a table of intervals\n"
    "  clipmoe tag --json street.mp4 > street.jsonl          one JSON line a look\n"
    "  clipmoe tag --sheet street.png street.mp4             a contact sheet to look at\n"
    "  clipmoe tag --decode key archive/*.mkv                key frames alone: many times as fast\n"
    "  clipmoe tag --csv archive/ > archive.csv              all pictures and videos in a folder\n"
    "  clipmoe tag --csv - < street.mp4                      - is standard input\n\n"
    "A file that fails is named and the others go on; the exit status is 1 then. --json prints a line as\n"
    "soon as there is a look, so that of a video that breaks off the looks before are there. Of a GIF or\n"
    "WebP picture that moves the first frame is looked at.\n\n"
    "Every option that is not listed first is a property of clipmoebin under the same name: gst-inspect-1.0\n"
    "clipmoebin says more. Without labels the installed list \"everyday\" is used. Of one label alone\n"
    "softmax says 1 whatever is seen: give others, or --negative-labels, or --score sigmoid.\n";

typedef enum { TABLE, JSON, CSV, VTT } Form;

static gboolean
print_json (const ClipmoeLook *look, gpointer data) {
  char *json = clipmoe_look_to_json (look);
  GString *line = g_string_new (json);
  g_string_append_c (line, '\n');
  gboolean ok = clipmoe_print (line) == 0;
  g_string_free (line, TRUE);
  g_free (json);
  return ok;
}

/* What is known of a file when it is done. FALSE: it cannot be printed, said. */
static gboolean
print_intervals (Form form, const char *name, const GPtrArray *looks, gboolean first) {
  GString *out = g_string_new (form == CSV && first ? clipmoe_intervals_csv_header : NULL);
  ClipmoeIntervals *intervals = clipmoe_intervals_new (name, looks);
  if (form == CSV)
    clipmoe_intervals_csv (intervals, out);
  else if (form == VTT)
    clipmoe_intervals_vtt (intervals, out);
  else
    clipmoe_intervals_table (intervals, out);
  gboolean ok = clipmoe_print (out) == 0;
  clipmoe_intervals_free (intervals);
  g_string_free (out, TRUE);
  return ok;
}

/* One file after the other; what fails is said, and the others go on. @source: what all are called, or NULL.
 * Returns the exit status. */
static int
tag_all (ClipmoeTagRun *run, const ClipmoeInputs *inputs, const char *source, Form form, guint *good) {
  guint failed = 0;
  gint64 begun = g_get_monotonic_time ();
  for (guint i = 0; i < inputs->names->len; i++) {
    const char *name = inputs->names->pdata[i];
    GError *error = NULL;
    run->source = source ? source : name;
    char *path = clipmoe_pipe_path (name, &error);
    gboolean ok = path && clipmoe_tagrun_file (run, path, &error);
    clipmoe_pipe_name (name, path, error);
    g_free (path);
    clipmoe_inputs_quiet (inputs);
    if (run->stopped)
      return 1;
    if (ok && form != JSON && !print_intervals (form, name, run->looks, !*good))
      return 1;
    *good += ok;
    failed += !ok;
    if (!ok)
      clipmoe_fail (error);
    if (!ok && run->hopeless)
      return 1;
    clipmoe_inputs_progress (inputs, i + 1, begun);
  }
  return clipmoe_inputs_finish (inputs, failed);
}

static int
write_sheet (const ClipmoeSheet *sheet, const char *path) {
  GError *error = NULL;
  clipmoe_interrupt_hold ();
  int r = clipmoe_sheet_write (sheet, path, &error) ? 0 : clipmoe_fail (error);
  clipmoe_interrupt_release ();
  return r;
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
  ClipmoeProperties properties = {0};
  GstElement *tag = clipmoe_tagrun_element (&error);
  if (!tag)
    return clipmoe_fail (error);
  clipmoe_properties_init (&properties, G_OBJECT_GET_CLASS (tag), own, G_N_ELEMENTS (own), NULL);
  int r = clipmoe_parse (argc, argv, "clipmoe tag",
                         "FILE… — say what videos and pictures, and those in folders, show", about,
                         properties.entries, &files);
  gboolean help = r == 1;
  const char *post = clipmoe_properties_get (&properties, "post-messages");
  const char *labels = clipmoe_properties_get (&properties, "labels");
  const char *labels_file = clipmoe_properties_get (&properties, "labels-file");
  if (!r && !*files)
    r = clipmoe_usage ("tag", "expected a file");
  else if (!r && json + csv + vtt > 1)
    r = clipmoe_usage ("tag", "expected one of --json, --csv and --vtt");
  else if (!r && labels && *labels && labels_file && *labels_file)
    r = clipmoe_usage ("tag", "expected one of --labels and --labels-file");
  if (!r)
    r = clipmoe_properties_apply (&properties, "tag", tag);
  if (!r && post && !g_str_equal (post, "all") && !(json && g_str_equal (post, "changes")))
    r = clipmoe_usage ("tag", "--post-messages %s: expected all, or changes with --json", post);
  if (!r && !labels && !labels_file && !clipmoe_properties_get (&properties, "attach-embedding")) {
    fprintf (stderr, "clipmoe: no labels given: looking for the installed list \"everyday\"\n");
    g_object_set (tag, "labels-file", "everyday", NULL);
  }
  ClipmoeInputs inputs = {0};
  guint good = 0;
  if (!r && sheet_path && overlay && g_str_equal (sheet_path, overlay))
    r = clipmoe_usage ("tag", "--sheet and --overlay need two files, not %s twice", overlay);
  if (!r && ((sheet_path && !clipmoe_output_check (sheet_path, CLIPMOE_OUTPUT_PNG, &error)) ||
             (overlay && !clipmoe_output_check (overlay, CLIPMOE_OUTPUT_MP4, &error))))
    r = clipmoe_fail (error);
  if (!r) {
    clipmoe_interrupt_begin ();
    clipmoe_inputs_init (&inputs, files);
    if ((vtt || overlay) && inputs.names->len > 1)
      r = clipmoe_usage ("tag", "--%s takes one file", vtt ? "vtt" : "overlay");
    else if ((sheet_path && !clipmoe_output_check_apart (sheet_path, inputs.names, &error)) ||
             (overlay && !clipmoe_output_check_apart (overlay, inputs.names, &error)))
      r = clipmoe_fail (error);
  }
  ClipmoeTagRun run = {.tag = tag,
                       .overlay = overlay,
                       .many = !r && inputs.names->len > 1,
                       .take = json ? print_json : NULL,
                       .sheet = sheet_path ? clipmoe_sheet_new () : NULL,
                       .looks = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_look_free)};
  if (!r)
    r = tag_all (&run, &inputs, clipmoe_properties_get (&properties, "source"),
                 json  ? JSON
                 : csv ? CSV
                 : vtt ? VTT
                       : TABLE,
                 &good);
  if (good && sheet_path && r != 2)
    r = write_sheet (run.sheet, sheet_path) || r;
  clipmoe_sheet_free (run.sheet);
  clipmoe_tagpictures_free (run.pictures);
  gst_object_unref (tag);
  clipmoe_inputs_clear (&inputs);
  g_ptr_array_unref (run.looks);
  clipmoe_properties_clear (&properties);
  g_free (sheet_path);
  g_free (overlay);
  g_strfreev (files);
  return help ? 0 : r;
}
