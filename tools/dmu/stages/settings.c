/* A stage's settings: defaults, parsing, and printing. */
#include <math.h>
#include <string.h>
#include "training.h"

DmuTraining
dmu_training_defaults (DmuGroup group) {
  DmuTraining t = {.group = group,
                   .epochs = 1,
                   .batch = 100,
                   .rate = group == DMU_TRAIN_GATE ? 1e-4 : 1e-5,
                   .decay = group == DMU_TRAIN_GATE ? 0.01 : 0.2,
                   .clip = 1,
                   .warmup = 200,
                   .balance = DMU_BALANCE_CODE,
                   .augment = {.least_area = 1},
                   .save_every = 200};
  if (group == DMU_TRAIN_GATE || group == DMU_TRAIN_MOE)
    t.balance_weight = 0.01;
  return t;
}

void
dmu_training_clear (DmuTraining *self) {
  g_clear_pointer (&self->image_blocks, g_free);
  g_clear_pointer (&self->text_blocks, g_free);
  g_clear_pointer (&self->repeat, g_free);
}

typedef enum { NUMBER, COUNT, COUNT32, SWITCH, TEXT } Kind;

/* Every key with its inclusive range. */
static const struct {
  const char *key;
  Kind kind;
  gsize offset;
  double least, most;
  const char *help;
} keys[] = {
#define FIELD(name) offsetof (DmuTraining, name)
    {"image-blocks", TEXT, FIELD (image_blocks), 0, 0,
     "blocks of the image tower that are trained: all, none, last:N or a range like 2-5"},
    {"text-blocks", TEXT, FIELD (text_blocks), 0, 0, "the same of the text tower"},
    {"train-scale", SWITCH, FIELD (train_scale), 0, 0, "whether the logit scale is trained too"},
    {"fixed-scale", NUMBER, FIELD (fixed_scale), 0, 100,
     "the loss's exp (logit scale) where it is not trained; 0 = the model's own"},
    {"steps", COUNT, FIELD (steps), 0, 1e9, "steps; 0 = as epochs say"},
    {"epochs", NUMBER, FIELD (epochs), 0, 1e6, "passes over the data"},
    {"batch", COUNT32, FIELD (batch), 2, 65536, "pairs a step"},
    {"micro-batch", COUNT32, FIELD (micro), 0, 65536, "pairs whose activations are held at a time; 0 = all"},
    {"rate", NUMBER, FIELD (rate), 0, 1, "the learning rate at its highest"},
    {"decay", NUMBER, FIELD (decay), 0, 10, "weight decay of matrices"},
    {"decay-all", SWITCH, FIELD (decay_all), 0, 0, "weight decay of all that is trained"},
    {"clip", NUMBER, FIELD (clip), 0, 1e9, "greatest length of the gradient; 0 = any"},
    {"average", NUMBER, FIELD (ema), 0, 0.999999, "moving average of the weights, e.g. 0.999; 0 = none"},
    {"smoothing", NUMBER, FIELD (smoothing), 0, 0.9, "label smoothing"},
    {"recompute", SWITCH, FIELD (recompute), 0, 0, "hold less, compute more"},
    {"warmup", COUNT, FIELD (warmup), 0, 1e9, "steps until the rate is reached"},
    {"balance-weight", NUMBER, FIELD (balance_weight), 0, 100, "weight of the routers' balance loss"},
    {"keep-patches", COUNT32, FIELD (keep_patches), 0, 100000,
     "patches of a picture that are seen, at random; 0 = all"},
    {"crop", NUMBER, FIELD (augment.least_area), 0.01, 1,
     "least share of a picture that a random crop keeps; 1 = centre crop"},
    {"mirror", SWITCH, FIELD (augment.mirror), 0, 0, "whether half of the pictures are mirrored"},
    {"jitter", NUMBER, FIELD (augment.jitter), 0, 1,
     "change of brightness, contrast and saturation, at most"},
    {"repeat", TEXT, FIELD (repeat), 0, 0, "pairs of a source more than once an epoch: SOURCE:TIMES;..."},
    {"save-every", COUNT, FIELD (save_every), 1, 1e9, "steps between checkpoints"},
#undef FIELD
};

const char *
dmu_training_key (guint i, const char **help) {
  if (i == G_N_ELEMENTS (keys)) {
    *help = "balance loss of routers: paper, code or per-layer";
    return "balance";
  }
  *help = i < G_N_ELEMENTS (keys) ? keys[i].help : NULL;
  return i < G_N_ELEMENTS (keys) ? keys[i].key : NULL;
}

static const char *const balances[] = {"paper", "code", "per-layer"};
static const char *const groups[] = {"all", "mlp", "gate", "moe"};

static gboolean
wrong (const char *key, const char *value, const char *expected, GError **error) {
  char *shown = dmu_quote (value, -1);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s \"%s\": expected %s", key, shown, expected);
  g_free (shown);
  return TRUE;
}

static gboolean
choose (const char *key, const char *value, const char *const *names, guint n, guint *out, GError **error) {
  for (guint i = 0; i < n; i++)
    if (strcmp (names[i], value) == 0) {
      *out = i;
      return TRUE;
    }
  char **list = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    list[i] = (char *)names[i];
  char *all = g_strjoinv (", ", list);
  wrong (key, value, all, error);
  g_free (list);
  g_free (all);
  return TRUE;
}

gboolean
dmu_training_set (DmuTraining *self, const char *key, const char *value, GError **error) {
  if (strcmp (key, "balance") == 0)
    return choose (key, value, balances, G_N_ELEMENTS (balances), (guint *)&self->balance, error);
  if (strcmp (key, "train") == 0)
    return choose (key, value, groups, G_N_ELEMENTS (groups), (guint *)&self->group, error);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    gpointer at = (char *)self + keys[i].offset;
    if (strcmp (keys[i].key, key) != 0)
      continue;
    if (keys[i].kind == TEXT) {
      g_free (*(char **)at);
      *(char **)at = g_strdup (value);
      return TRUE;
    }
    if (keys[i].kind == SWITCH) {
      gboolean yes = strcmp (value, "true") == 0 || strcmp (value, "yes") == 0;
      if (!yes && strcmp (value, "false") != 0 && strcmp (value, "no") != 0)
        return wrong (key, value, "true or false", error);
      *(gboolean *)at = yes;
      return TRUE;
    }
    char *end, range[96];
    double number = g_ascii_strtod (value, &end);
    if (end == value || *end || !(number >= keys[i].least && number <= keys[i].most) ||
        (keys[i].kind != NUMBER && number != floor (number))) {
      g_snprintf (range, sizeof range, "a %snumber from %g to %g", keys[i].kind == NUMBER ? "" : "whole ",
                  keys[i].least, keys[i].most);
      return wrong (key, value, range, error);
    }
    if (keys[i].kind == NUMBER)
      *(double *)at = number;
    else if (keys[i].kind == COUNT)
      *(guint64 *)at = (guint64)number;
    else
      *(guint *)at = (guint)number;
    return TRUE;
  }
  return FALSE;
}

char *
dmu_training_describe (const DmuTraining *self) {
  GString *s = g_string_new (NULL);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_printf (s, "train=%s balance=%s", groups[self->group], balances[self->balance]);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    gconstpointer at = (const char *)self + keys[i].offset;
    g_string_append_printf (s, " %s=", keys[i].key);
    switch (keys[i].kind) {
    case TEXT:
      g_string_append (s, *(char *const *)at ? *(char *const *)at : "");
      break;
    case SWITCH:
      g_string_append (s, *(const gboolean *)at ? "true" : "false");
      break;
    case NUMBER:
      g_string_append (s, g_ascii_formatd (number, sizeof number, "%.9g", *(const double *)at));
      break;
    case COUNT:
      g_string_append_printf (s, "%" G_GUINT64_FORMAT, *(const guint64 *)at);
      break;
    default:
      g_string_append_printf (s, "%u", *(const guint *)at);
    }
  }
  return g_string_free (s, FALSE);
}
