#include "calibrateprint.h"

#include <base/jsontext.h>
#include <base/plain.h>
#include <math.h>

static const char *const results[] = {"found", "few", "chance"};

static void
add_estimate (GString *out, const char *what, const ClipmoeEstimate *e, const char *meaning) {
  if (isnan (e->value))
    g_string_append_printf (out, "  %-10s -%s\n", what, meaning);
  else
    g_string_append_printf (out, "  %-10s %.2f (%.2f to %.2f)%s\n", what, e->value, e->low, e->high, meaning);
}

static void
add_left_out (GString *out, const ClipmoeCalibrated *l) {
  static const char *const why[] = {"could not be read", "are there twice", "are the label's own examples"};
  const guint n[] = {l->unreadable, l->twice, l->examples};
  for (guint i = 0; i < G_N_ELEMENTS (n); i++)
    if (n[i])
      g_string_append_printf (out, "; %u %s", n[i], why[i]);
  g_string_append_c (out, '\n');
}

void
clipmoe_calibrate_print (GString *out, const ClipmoeCalibrated *l, const ClipmoeCalibration *how) {
  const ClipmoeThreshold *t = &l->found;
  char *name = clipmoe_plain (l->label->name, -1);
  g_string_append_printf (out, "%s\n  %-10s %u with it, %u without", name, "pictures", t->with, t->without);
  g_free (name);
  add_left_out (out, l);
  if (t->verdict == CLIPMOE_THRESHOLD_TOO_FEW) {
    g_string_append_printf (out, "  no threshold: too few pictures, expected %d or more of each kind\n",
                            CLIPMOE_THRESHOLD_FEWEST);
    return;
  }
  if (t->verdict == CLIPMOE_THRESHOLD_CHANCE) {
    g_string_append_printf (out,
                            "  no threshold: the model cannot tell. A picture with it scores higher than one "
                            "without in %.2f of all pairs (%.2f to %.2f), and 0.50 is chance\n",
                            t->auc.value, t->auc.low, t->auc.high);
    return;
  }
  g_string_append_printf (out, "  %-10s ", "threshold");
  clipmoe_json_shortest (out, t->threshold.value);
  g_string_append_printf (out, " (%.4g to %.4g)\n", t->threshold.low, t->threshold.high);
  add_estimate (out, "precision", &t->precision,
                how->explain ? "  of the pictures that get the label, it is there in so many" : "");
  add_estimate (out, "recall", &t->recall,
                how->explain ? "  of the pictures in which it is there, so many get the label" : "");
  add_estimate (out, "F1", &t->f1, how->explain ? "  both in one figure" : "");
  if (t->threshold.value > 0 && t->stays > 0)
    g_string_append_printf (out,
                            "  in a video it closes below %.4g: %.0f %% of the pictures without it score so "
                            "much and would keep it open\n",
                            how->close_ratio * t->threshold.value, 100 * t->stays);
}

static void
add_number (GString *out, double value, gboolean exact) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  if (!isfinite (value))
    g_string_append (out, "null");
  else if (exact)
    clipmoe_json_shortest (out, value);
  else
    g_string_append (out, g_ascii_formatd (text, sizeof text, "%.6g", value));
}

/* @exact: of the value. */
static void
add_json_estimate (GString *out, const char *key, const ClipmoeEstimate *e, gboolean exact) {
  g_string_append_printf (out, ",\"%s\":", key);
  if (isnan (e->value)) {
    g_string_append (out, "null");
    return;
  }
  g_string_append (out, "{\"value\":");
  add_number (out, e->value, exact);
  g_string_append (out, ",\"low\":");
  add_number (out, e->low, FALSE);
  g_string_append (out, ",\"high\":");
  add_number (out, e->high, FALSE);
  g_string_append_c (out, '}');
}

void
clipmoe_calibrate_print_json (GString *out, const ClipmoeCalibrated *l, const ClipmoeCalibration *how) {
  const ClipmoeThreshold *t = &l->found;
  const ClipmoeEstimate nothing = {NAN, NAN, NAN};
  gboolean found = t->verdict == CLIPMOE_THRESHOLD_FOUND;
  g_string_append (out, "{\"schema\":\"clipmoe.calibration/1\",\"label\":");
  clipmoe_json_string (out, l->label->name);
  g_string_append_printf (out, ",\"result\":\"%s\",\"with\":%u,\"without\":%u", results[t->verdict], t->with,
                          t->without);
  g_string_append_printf (out, ",\"unreadable\":%u,\"twice\":%u,\"examples\":%u", l->unreadable, l->twice,
                          l->examples);
  add_json_estimate (out, "threshold", found ? &t->threshold : &nothing, TRUE);
  add_json_estimate (out, "precision", found ? &t->precision : &nothing, FALSE);
  add_json_estimate (out, "recall", found ? &t->recall : &nothing, FALSE);
  add_json_estimate (out, "f1", found ? &t->f1 : &nothing, FALSE);
  add_json_estimate (out, "auc", &t->auc, FALSE);
  g_string_append (out, ",\"stays\":");
  add_number (out, found ? t->stays : NAN, FALSE);
  g_string_append (out, ",\"model\":");
  clipmoe_json_string (out, how->model);
  g_string_append_printf (out, ",\"score\":\"%s\",\"seed\":%" G_GUINT64_FORMAT ",\"file\":", how->score,
                          how->seed);
  clipmoe_json_string (out, how->file);
  g_string_append (out, "}\n");
}
