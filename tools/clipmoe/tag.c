/* clipmoe tag: says what videos and pictures show, in the form that was asked for. */
#include <gst/gst.h>
#include <stdio.h>
#include "commands.h"
#include "common.h"
#include "intervals.h"
#include "pipe.h"
#include "properties.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe tag --labels \"dog,car\" street.mp4             a table of intervals\n"
    "  clipmoe tag --json street.mp4 > street.jsonl          one JSON line a look\n"
    "  clipmoe tag --sheet street.png street.mp4             a contact sheet to look at\n"
    "  clipmoe tag --decode key archive/*.mkv                key frames alone: many times as fast\n"
    "  clipmoe tag --csv - < street.mp4                      - is standard input\n\n"
    "Every option that is not listed first is a property of clipmoebin under the same name: gst-inspect-1.0\n"
    "clipmoebin says more. Without labels the installed list \"everyday\" is used.\n";

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
  int r = clipmoe_parse (argc, argv, "clipmoe tag", "FILE… — say what videos and pictures show", about,
                         properties.entries, &files);
  gboolean help = r == 1;
  const char *post = clipmoe_properties_get (&properties, "post-messages");
  if (!r && !*files)
    r = clipmoe_usage ("tag", "expected a file");
  else if (!r && json + csv + vtt > 1)
    r = clipmoe_usage ("tag", "expected one of --json, --csv and --vtt");
  else if (!r && (vtt || overlay) && files[1])
    r = clipmoe_usage ("tag", "--%s takes one file", vtt ? "vtt" : "overlay");
  if (!r)
    r = clipmoe_properties_apply (&properties, "tag", tag);
  if (!r && post && !g_str_equal (post, "all") && !(json && g_str_equal (post, "changes")))
    r = clipmoe_usage ("tag", "--post-messages %s: expected all, or changes with --json", post);
  if (!r && !clipmoe_properties_get (&properties, "labels") &&
      !clipmoe_properties_get (&properties, "labels-file") &&
      !clipmoe_properties_get (&properties, "attach-embedding")) {
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
    const char *source = clipmoe_properties_get (&properties, "source");
    run.source = source ? source : *f;
    char *path = clipmoe_pipe_path (*f, &error);
    gboolean ok = path && clipmoe_tagrun_file (&run, path, &error);
    clipmoe_pipe_name (*f, path, error);
    g_free (path);
    if (!ok) {
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
  clipmoe_properties_clear (&properties);
  g_free (sheet_path);
  g_free (overlay);
  g_strfreev (files);
  return help ? 0 : r;
}
