/* clipmoe tag: says what videos and pictures show, in the form that was asked for. */
#include <gst/gst.h>
#include <stdio.h>
#include <stream/lookjson.h>
#include "commands.h"
#include "common.h"
#include "forms.h"
#include "inputs.h"
#include "interrupt.h"
#include "pipe.h"
#include "properties.h"
#include "tagprint.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe tag --labels \"dog,car\" street.mp4             a table of intervals\n"
    "  clipmoe tag --json street.mp4 > street.jsonl          one JSON line a look\n"
    "  clipmoe tag --sheet street.png street.mp4             a contact sheet to look at\n"
    "  clipmoe tag --decode key archive/*.mkv                key frames alone: many times as fast\n"
    "  clipmoe tag --csv archive/ > archive.csv              all pictures and videos in a folder\n"
    "  clipmoe tag --csv - < street.mp4                      - is standard input\n"
    "  clipmoe tag --html street.html street.mp4 a.jpg       a page with pictures and timelines\n"
    "  clipmoe tag --chapters street.mp4 > street.chapters   chapters for ffmpeg and mpv\n"
    "  clipmoe tag --edl --fps 29.97 street.mp4 > street.edl a cut list for a video editor\n"
    "  clipmoe tag --otio *.mp4 > day.otio                   the same for OpenTimelineIO\n\n"
    "A file that fails is named and the others go on; the exit status is 1 then. --json prints a line as\n"
    "soon as there is a look, so that of a video that breaks off the looks before are there. Of a GIF or\n"
    "WebP picture that moves the first frame is looked at.\n\n"
    "Every option that is not listed first is a property of clipmoebin under the same name: gst-inspect-1.0\n"
    "clipmoebin says more. Without labels the installed list \"everyday\" is used. Of one label alone\n"
    "softmax says 1 whatever is seen: give others, or --negative-labels, or --score sigmoid.\n";

typedef struct {
  ClipmoeForms forms;
  char *sheet, *html, *overlay; /* files to write, or NULL */
} Outputs;

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

/* One file after the other; what fails is said, and the others go on. @source: what all are called, or NULL.
 * Returns the exit status. */
static int
tag_all (ClipmoeTagRun *run, const ClipmoeInputs *inputs, const char *source, ClipmoeTagPrint *print,
         guint *good) {
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
    if (ok && !clipmoe_tagprint_file (print, run, name))
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
  Outputs o = {0};
  ClipmoeTagPrintOptions print_options = {0};
  char **files = NULL;
  const GOptionEntry own[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &o.forms.json, "One JSON line a look instead of the table", NULL},
      CLIPMOE_FORM_ENTRIES (o.forms, "Intervals", "the file's own, or 25"),
      {"html", 0, 0, G_OPTION_ARG_FILENAME, &o.html, "Also write a report with pictures and timelines",
       "OUT.html"},
      {"sheet", 0, 0, G_OPTION_ARG_FILENAME, &o.sheet, "Also write a contact sheet of the looks", "OUT.png"},
      {"overlay", 0, 0, G_OPTION_ARG_FILENAME, &o.overlay,
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
  else if (!r)
    r = clipmoe_forms_read (&o.forms, "tag", &print_options.table, &print_options.form,
                            &print_options.options.cut);
  print_options.silent = o.forms.json;
  print_options.html = o.html;
  const ClipmoeFormFile outputs[] = {{"sheet", o.sheet, CLIPMOE_OUTPUT_PNG},
                                     {"html", o.html, CLIPMOE_OUTPUT_HTML},
                                     {"overlay", o.overlay, CLIPMOE_OUTPUT_MP4}};
  const guint n_outputs = G_N_ELEMENTS (outputs);
  if (!r && labels && *labels && labels_file && *labels_file)
    r = clipmoe_usage ("tag", "expected one of --labels and --labels-file");
  if (!r)
    r = clipmoe_properties_apply (&properties, "tag", tag);
  if (!r && post && !g_str_equal (post, "all") && !(o.forms.json && !o.html && g_str_equal (post, "changes")))
    r = clipmoe_usage ("tag", "--post-messages %s: expected all, or changes with --json", post);
  if (!r && !labels && !labels_file && !clipmoe_properties_get (&properties, "attach-embedding")) {
    fprintf (stderr, "clipmoe: no labels given: looking for the installed list \"everyday\"\n");
    g_object_set (tag, "labels-file", "everyday", NULL);
  }
  ClipmoeInputs inputs = {0};
  guint good = 0;
  if (!r)
    r = clipmoe_forms_check_distinct (outputs, n_outputs, "tag");
  if (!r && !clipmoe_forms_check_files (outputs, n_outputs, NULL, &error))
    r = clipmoe_fail (error);
  if (!r) {
    clipmoe_interrupt_begin ();
    clipmoe_inputs_init (&inputs, files);
    if ((o.forms.vtt || o.forms.chapters || o.overlay) && inputs.names->len > 1)
      r = clipmoe_usage ("tag", "--%s takes one file",
                         o.forms.vtt        ? "vtt"
                         : o.forms.chapters ? "chapters"
                                            : "overlay");
    else if (!clipmoe_forms_check_files (outputs, n_outputs, inputs.names, &error))
      r = clipmoe_fail (error);
  }
  ClipmoeSheet *sheet = o.sheet ? clipmoe_sheet_new () : NULL;
  print_options.shots = o.html ? clipmoe_shots_new (CLIPMOE_HTML_PICTURES) : NULL;
  ClipmoeTagPrint *print = clipmoe_tagprint_new (&print_options);
  ClipmoeTagRun run = {.tag = tag,
                       .overlay = o.overlay,
                       .many = !r && inputs.names->len > 1,
                       .take = o.forms.json ? print_json : NULL,
                       .frames = o.sheet || o.html ? clipmoe_frames_new (sheet, print_options.shots) : NULL};
  if (!o.forms.json || o.html)
    run.looks = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_look_free);
  if (!r)
    r = tag_all (&run, &inputs, clipmoe_properties_get (&properties, "source"), print, &good);
  if (good && r != 2)
    r = clipmoe_tagprint_finish (print) || r;
  if (good && o.sheet && r != 2)
    r = write_sheet (sheet, o.sheet) || r;
  clipmoe_tagprint_free (print);
  clipmoe_frames_free (run.frames);
  clipmoe_shots_free (print_options.shots);
  clipmoe_sheet_free (sheet);
  clipmoe_tagpictures_free (run.pictures);
  gst_object_unref (tag);
  clipmoe_inputs_clear (&inputs);
  if (run.looks)
    g_ptr_array_unref (run.looks);
  clipmoe_properties_clear (&properties);
  g_free (o.sheet);
  g_free (o.html);
  g_free (o.overlay);
  clipmoe_forms_clear (&o.forms);
  g_strfreev (files);
  return help ? 0 : r;
}
