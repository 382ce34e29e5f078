/* clipmoe calibrate: thresholds of labels by pictures in which they are there and others in which they are
 * not. */
#include <gst/gst.h>
#include <stdio.h>
#include <stream/hysteresis.h>
#include "calibratelooks.h"
#include "calibrateprint.h"
#include "calibratesets.h"
#include "calibratewrite.h"
#include "commands.h"
#include "common.h"
#include "encoderlike.h"
#include "inputs.h"
#include "interrupt.h"
#include "properties.h"
#include "tagadvice.h"
#include "tagrun.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe calibrate --labels-file door.labels --yes \"yes/cat flap open\" --no \"no/cat flap open\"\n"
    "  clipmoe calibrate --labels-file door.labels --yes yes --no no     all labels that have folders there\n"
    "  clipmoe calibrate --dry-run --json --score cosine --labels-file door.labels --yes yes --no no\n\n"
    "The last part of a folder's name is the label; a folder whose name is no label holds folders whose\n"
    "names are. With --yes they hold pictures in which the label is there, with --no others in which it is\n"
    "not, the more like what the camera sees the better; 5 of each at least, 50 say much more. Videos are\n"
    "not taken: save frames of them first.\n\n"
    "For each of these labels the threshold with the best F1 is written into the file, as \" @ 0.31\"; all\n"
    "else in it stays byte for byte. What to expect is estimated by pictures that the threshold was not\n"
    "chosen by (cross-validation, ten times in five parts), with intervals of 95 % (bootstrap). A label "
    "that\n"
    "the model cannot tell by these pictures, or that has too few, keeps what it had; the exit status is 1\n"
    "where that is so of all. The same pictures give the same answer.\n\n"
    "The other options are properties of clipmoebin under the same name: give those that will be used.\n";

/* The properties of clipmoebin that determine a score. */
static const char *const names[] = {
    "model",    "vocab",     "prefix",  "side",  "activation",  "experts",   "heads",           "text-heads",
    "geometry", "precision", "threads", "score", "labels-file", "templates", "negative-labels", NULL};

typedef struct {
  char **yes, **no, *output;
  gboolean json, dry_run;
  gint64 seed;
} Arguments;

typedef struct {
  const Arguments *arguments;
  const char *list;
  GPtrArray *labels, *negatives;
  char **templates;
  ClipmoeGeometry geometry;
  ClipmoeScore score;
  GArray *pictures; /* of ClipmoeShownPicture */
  char *target;     /* that is to be written, or NULL */
  ClipmoeEncoder *encoder;
  ClipmoeCalibrateLooks *looks;
} Calibrate;

static const char *
score_name (ClipmoeScore score) {
  return score == CLIPMOE_SCORE_SOFTMAX ? "softmax" : score == CLIPMOE_SCORE_SIGMOID ? "sigmoid" : "cosine";
}

/* All that can be wrong before the first look. */
static gboolean
prepare (Calibrate *self, GstElement *tag, GError **error) {
  const Arguments *a = self->arguments;
  char *templates, *negatives;
  int geometry, score;
  g_object_get (tag, "templates", &templates, "negative-labels", &negatives, "geometry", &geometry, "score",
                &score, NULL);
  self->geometry = geometry;
  self->score = score;
  self->pictures = clipmoe_calibrate_pictures_new ();
  gboolean ok = (self->labels = clipmoe_label_list_load (self->list, error)) &&
                (self->templates = clipmoe_templates_parse (templates, error)) &&
                (!negatives || (self->negatives = clipmoe_label_list_parse (negatives, error))) &&
                (a->dry_run ||
                 (self->target = clipmoe_calibrate_target (self->list, self->labels, a->output, error))) &&
                clipmoe_calibrate_folders (self->labels, a->yes, TRUE, self->pictures, error) &&
                clipmoe_calibrate_folders (self->labels, a->no, FALSE, self->pictures, error) &&
                (self->encoder = clipmoe_encoder_like (tag, 0, FALSE, error)) &&
                (self->looks = clipmoe_calibrate_looks_new (self->encoder, self->labels, self->negatives,
                                                            (const char *const *)self->templates,
                                                            self->geometry, self->score, error));
  const char *advice = ok ? tag_advice (clipmoe_calibrate_looks_get_labels (self->looks), self->score) : NULL;
  if (advice)
    clipmoe_say (advice);
  g_free (templates);
  g_free (negatives);
  return ok;
}

static void
clear (Calibrate *self) {
  clipmoe_calibrate_looks_free (self->looks);
  clipmoe_encoder_free (self->encoder);
  g_clear_pointer (&self->labels, g_ptr_array_unref);
  g_clear_pointer (&self->negatives, g_ptr_array_unref);
  g_clear_pointer (&self->pictures, g_array_unref);
  g_strfreev (self->templates);
  g_free (self->target);
}

/* The scores of one label's pictures. FALSE: @error is set. */
static gboolean
look (Calibrate *self, guint label, ClipmoeCalibrated *result, guint *done, GError **error) {
  GArray *scores = g_array_new (FALSE, FALSE, sizeof (double)),
         *there = g_array_new (FALSE, FALSE, sizeof (gboolean));
  gboolean ok = TRUE;
  for (guint i = 0; i < self->pictures->len && ok; i++) {
    const ClipmoeShownPicture *p = &g_array_index (self->pictures, ClipmoeShownPicture, i);
    double score;
    if (p->label != label)
      continue;
    ++*done;
    switch (clipmoe_calibrate_look (self->looks, p->path, label, p->there, &score, error)) {
    case CLIPMOE_LOOK_SCORED:
      g_array_append_val (scores, score);
      g_array_append_val (there, p->there);
      break;
    case CLIPMOE_LOOK_UNREADABLE:
      result->unreadable++;
      break;
    case CLIPMOE_LOOK_TWICE:
      result->twice++;
      break;
    case CLIPMOE_LOOK_EXAMPLE:
      result->examples++;
      break;
    case CLIPMOE_LOOK_CONTRADICTION:
      ok = FALSE;
      break;
    }
  }
  if (ok && !clipmoe_threshold_find ((const double *)scores->data, (const gboolean *)there->data, scores->len,
                                     self->score == CLIPMOE_SCORE_COSINE ? -1 : 0, CLIPMOE_CLOSE_RATIO,
                                     (guint64)self->arguments->seed, &result->found)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "label \"%s\": a score that is no number",
                 result->label->name);
    ok = FALSE;
  }
  g_array_unref (scores);
  g_array_unref (there);
  return ok;
}

/* @out: what is printed. *@found: labels with a threshold, which they have then. */
static gboolean
calibrate (Calibrate *self, GString *out, guint *found, GError **error) {
  const Arguments *a = self->arguments;
  guint done = 0;
  gboolean explained = FALSE;
  ClipmoeCalibration how = {.model = clipmoe_model_get_info (clipmoe_encoder_get_model (self->encoder))->id,
                            .score = score_name (self->score),
                            .file = self->target,
                            .seed = (guint64)a->seed,
                            .close_ratio = CLIPMOE_CLOSE_RATIO};
  for (guint i = 0; i < self->labels->len; i++) {
    ClipmoeLabel *label = self->labels->pdata[i];
    ClipmoeCalibrated result = {.label = label};
    guint before = done;
    if (!look (self, i, &result, &done, error))
      return FALSE;
    label->threshold = NAN; /* stays as it is in the file */
    if (done == before)
      continue;
    if (result.found.verdict == CLIPMOE_THRESHOLD_FOUND) {
      label->threshold = result.found.threshold.value;
      ++*found;
    }
    how.explain = !explained;
    explained |= result.found.verdict == CLIPMOE_THRESHOLD_FOUND;
    (a->json ? clipmoe_calibrate_print_json : clipmoe_calibrate_print) (out, &result, &how);
  }
  return TRUE;
}

/* Returns the exit status. */
static int
run (Calibrate *self, GstElement *tag) {
  GError *error = NULL;
  guint found = 0;
  GString *out = g_string_new (NULL);
  gboolean ok = prepare (self, tag, &error) && calibrate (self, out, &found, &error);
  if (ok && found && self->target)
    ok = clipmoe_calibrate_write (self->list, self->labels, self->target, !self->arguments->output, &error);
  int r = ok ? clipmoe_print (out) : 1;
  if (error)
    clipmoe_fail (error);
  if (ok && !found) {
    clipmoe_say ("no label's threshold was found, and no file is written");
    r = 1;
  } else if (ok && self->target) {
    char *said = g_strdup_printf ("%s: %u threshold%s written", self->target, found, found == 1 ? "" : "s");
    clipmoe_say (said);
    g_free (said);
  }
  g_string_free (out, TRUE);
  return r;
}

int
clipmoe_cmd_calibrate (int argc, char **argv) {
  Arguments a = {.seed = 1};
  char **rest = NULL;
  const GOptionEntry own[] = {
      {"yes", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &a.yes,
       "A folder named as a label, with pictures in which it is there; may be repeated", "DIR"},
      {"no", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &a.no,
       "The same, with pictures in which the label is not there", "DIR"},
      {"output", 0, 0, G_OPTION_ARG_FILENAME, &a.output, "Write the list to a new file and not to its own",
       "FILE"},
      {"dry-run", 0, 0, G_OPTION_ARG_NONE, &a.dry_run, "Write no file", NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &a.json, "One JSON line a label", NULL},
      {"seed", 0, 0, G_OPTION_ARG_INT64, &a.seed, "Of the parts and draws that estimates are made of; 1",
       "N"},
  };
  GError *error = NULL;
  GstElement *tag = clipmoe_tagrun_element (&error);
  if (!tag)
    return clipmoe_fail (error);
  ClipmoeProperties properties = {0};
  clipmoe_properties_init (&properties, G_OBJECT_GET_CLASS (tag), own, G_N_ELEMENTS (own), names);
  int r = clipmoe_parse (argc, argv, "clipmoe calibrate",
                         "--labels-file FILE --yes DIR --no DIR — find thresholds by pictures of your own",
                         about, properties.entries, &rest);
  gboolean help = r == 1;
  Calibrate self = {.arguments = &a, .list = clipmoe_properties_get (&properties, "labels-file")};
  if (!r && *rest)
    r = clipmoe_usage ("calibrate", "%s: expected options alone", *rest);
  else if (!r && !(self.list && *self.list))
    r = clipmoe_usage ("calibrate", "expected --labels-file");
  else if (!r && !(a.yes && a.no))
    r = clipmoe_usage ("calibrate", "expected --yes and --no: pictures with the label and others without");
  else if (!r && a.dry_run && a.output)
    r = clipmoe_usage ("calibrate", "expected one of --dry-run and --output");
  if (!r)
    r = clipmoe_properties_apply (&properties, "calibrate", tag);
  if (!r) {
    clipmoe_interrupt_begin ();
    r = run (&self, tag);
    clear (&self);
  }
  gst_object_unref (tag);
  clipmoe_properties_clear (&properties);
  g_strfreev (a.yes);
  g_strfreev (a.no);
  g_strfreev (rest);
  g_free (a.output);
  return help ? 0 : r;
}
