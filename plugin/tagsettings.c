#include "tagsettings.h"

#include <math.h>

enum {
  PROP_MODEL = TAG_PROP_FIRST,
  PROP_VOCAB,
  PROP_PREFIX,
  PROP_SIDE,
  PROP_ACTIVATION,
  PROP_EXPERTS,
  PROP_HEADS,
  PROP_TEXT_HEADS,
  PROP_LABELS,
  PROP_LABELS_FILE,
  PROP_TEMPLATES,
  PROP_NEGATIVE_LABELS,
  PROP_SCORE,
  PROP_THRESHOLD,
  PROP_TOP_K,
  PROP_RATE,
  PROP_INFERENCE_INTERVAL,
  PROP_MODE,
  PROP_GEOMETRY,
  PROP_VIDEO_DIRECTION,
  PROP_PRECISION,
  PROP_THREADS,
  PROP_SMOOTHING,
  PROP_HOLD,
  PROP_SETTLE,
  PROP_ATTACH_EMBEDDING,
  PROP_POST_MESSAGES,
  PROP_SOURCE,
  PROP_SKIP_CORRUPTED,
  PROP_STILL_THRESHOLD,
  PROP_STILL_MOST,
  PROP_MODEL_INSTANCE_ID,
  PROP_BATCH_SIZE,
  PROP_BATCH_TIMEOUT,
  PROP_INFERENCE_REGION,
  PROP_OBJECT_CLASS,
  PROP_RECLASSIFY_INTERVAL,
  PROP_MIN_REGION
};

static GType
make_enum (const char *name, const GEnumValue *values) {
  GType type = g_type_from_name (name);
  if (!type) {
    type = g_enum_register_static (name, values);
    gst_type_mark_as_plugin_api (type, 0);
  }
  return type;
}

static const GEnumValue activations[] = {
    {CLIPMOE_ACTIVATION_AUTO, "As the files say, else QuickGELU", "auto"},
    {CLIPMOE_ACTIVATION_QUICK_GELU, "QuickGELU", "quick-gelu"},
    {CLIPMOE_ACTIVATION_GELU, "Exact GELU", "gelu"},
    {0, NULL, NULL}};
static const GEnumValue scores_values[] = {
    {CLIPMOE_SCORE_SOFTMAX, "Over all labels and negatives, sum 1", "softmax"},
    {CLIPMOE_SCORE_SIGMOID, "Each label alone against the background", "sigmoid"},
    {CLIPMOE_SCORE_COSINE, "The cosine as it is", "cosine"},
    {0, NULL, NULL}};
static const GEnumValue geometries[] = {
    {CLIPMOE_GEOMETRY_CROP, "Shorter side to the model's, centre crop", "crop"},
    {CLIPMOE_GEOMETRY_SQUASH, "The whole frame, proportions lost", "squash"},
    {CLIPMOE_GEOMETRY_LETTERBOX, "The whole frame, rest filled", "letterbox"},
    {CLIPMOE_GEOMETRY_PAD, "The whole frame, rest black", "pad"},
    {CLIPMOE_GEOMETRY_AUTO, "As the model's files say, else crop", "auto"},
    {0, NULL, NULL}};
static const GEnumValue precisions[] = {
    {CLIPMOE_PRECISION_AUTO, "f32, until a verdict for this model and processor says that less is as good",
     "auto"},
    {CLIPMOE_PRECISION_F32, "32-bit floats", "f32"},
    {CLIPMOE_PRECISION_HALF, "16-bit weights in the fastest arithmetic that this processor has for them",
     "half"},
    {CLIPMOE_PRECISION_INT8, "8-bit products where they keep to the vectors of f32, else 16 bit", "int8"},
    {0, NULL, NULL}};
static const GEnumValue modes[] = {
    {TAG_MODE_AUTO, "latest when upstream is live, else sync", "auto"},
    {TAG_MODE_SYNC, "The frame waits for its look: tags belong to this very frame", "sync"},
    {TAG_MODE_LATEST, "Frames never wait: the newest picture is looked at aside, later frames carry its tags",
     "latest"},
    {0, NULL, NULL}};
static const GEnumValue region_modes[] = {
    {TAG_REGION_FULL_FRAME, "The whole frame", "full-frame"},
    {TAG_REGION_ROI_LIST,
     "Each region that a detector has left on the buffer (GstVideoRegionOfInterestMeta; GstAnalyticsODMtd "
     "where GStreamer has it)",
     "roi-list"},
    {0, NULL, NULL}};
static const GEnumValue posts[] = {
    {TAG_POST_NONE, "No messages", "none"},
    {TAG_POST_CHANGES, "When the set of tags changes", "changes"},
    {TAG_POST_ALL, "Every look", "all"},
    {TAG_POST_EVENTS, "Messages clipmoe-event: labels from start to end", "events"},
    {0, NULL, NULL}};

void
tag_settings_init (TagSettings *self) {
  *self = (TagSettings){.rate = 1,
                        .interval = 1,
                        .reclassify = 1,
                        .still_most = 60,
                        .skip_corrupted = TRUE,
                        .texts.geometry = CLIPMOE_GEOMETRY_AUTO,
                        .rules = {.threshold = NAN, .top_k = 5}};
}

void
tag_settings_clear (TagSettings *self) {
  g_clear_pointer (&self->model, g_free);
  g_clear_pointer (&self->vocab, g_free);
  g_clear_pointer (&self->prefix, g_free);
  g_clear_pointer (&self->source, g_free);
  g_clear_pointer (&self->instance, g_free);
  g_clear_pointer (&self->object_class, g_free);
  tag_texts_clear (&self->texts);
}

/* Where the text of property @id is kept; NULL: it is no text. */
static char **
text_of (TagSettings *self, guint id) {
  switch (id) {
  case PROP_MODEL:
    return &self->model;
  case PROP_VOCAB:
    return &self->vocab;
  case PROP_PREFIX:
    return &self->prefix;
  case PROP_LABELS:
    return &self->texts.labels;
  case PROP_LABELS_FILE:
    return &self->texts.labels_file;
  case PROP_TEMPLATES:
    return &self->texts.templates;
  case PROP_NEGATIVE_LABELS:
    return &self->texts.negatives;
  case PROP_SOURCE:
    return &self->source;
  case PROP_MODEL_INSTANCE_ID:
    return &self->instance;
  case PROP_OBJECT_CLASS:
    return &self->object_class;
  default:
    return NULL;
  }
}

gboolean
tag_settings_set (TagSettings *self, guint id, const GValue *value) {
  char **text = text_of (self, id);
  if (text) {
    g_free (*text);
    /* structures and JSON take UTF-8 alone; the others may be paths, which are bytes, or are checked as they
     * are read */
    const char *given = g_value_get_string (value);
    *text = id == PROP_SOURCE && given ? g_utf8_make_valid (given, -1) : g_strdup (given);
    self->texts_changed |=
        id == PROP_LABELS || id == PROP_LABELS_FILE || id == PROP_TEMPLATES || id == PROP_NEGATIVE_LABELS;
    return TRUE;
  }
  switch (id) {
  case PROP_ACTIVATION:
    self->activation = g_value_get_enum (value);
    break;
  case PROP_SIDE:
    self->side = g_value_get_uint (value);
    break;
  case PROP_EXPERTS:
    self->experts = g_value_get_uint (value);
    break;
  case PROP_HEADS:
    self->heads = g_value_get_uint (value);
    break;
  case PROP_TEXT_HEADS:
    self->text_heads = g_value_get_uint (value);
    break;
  case PROP_SCORE:
    self->rules.score = g_value_get_enum (value);
    break;
  case PROP_THRESHOLD:
    self->rules.threshold = g_value_get_double (value);
    break;
  case PROP_TOP_K:
    self->rules.top_k = g_value_get_uint (value);
    break;
  case PROP_RATE:
    self->rate = g_value_get_double (value);
    break;
  case PROP_INFERENCE_INTERVAL:
    self->interval = g_value_get_uint (value);
    break;
  case PROP_MODE:
    self->mode = g_value_get_enum (value);
    break;
  case PROP_GEOMETRY:
    /* pictures that show labels, which only a file names, are brought to the square alike */
    self->texts_changed |= self->texts.labels_file && (int)self->texts.geometry != g_value_get_enum (value);
    self->texts.geometry = g_value_get_enum (value);
    break;
  case PROP_VIDEO_DIRECTION:
    self->direction = g_value_get_enum (value);
    break;
  case PROP_PRECISION:
    self->precision = g_value_get_enum (value);
    break;
  case PROP_THREADS:
    self->threads = g_value_get_uint (value);
    break;
  case PROP_SMOOTHING:
    self->rules.smoothing = g_value_get_double (value);
    break;
  case PROP_HOLD:
    self->rules.hold = g_value_get_double (value);
    break;
  case PROP_SETTLE:
    self->rules.settle = g_value_get_double (value);
    break;
  case PROP_ATTACH_EMBEDDING:
    self->attach_embedding = self->texts.may_be_empty = g_value_get_boolean (value);
    break;
  case PROP_POST_MESSAGES:
    self->post = g_value_get_enum (value);
    break;
  case PROP_SKIP_CORRUPTED:
    self->skip_corrupted = g_value_get_boolean (value);
    break;
  case PROP_STILL_THRESHOLD:
    self->still_threshold = g_value_get_double (value);
    break;
  case PROP_STILL_MOST:
    self->still_most = g_value_get_double (value);
    break;
  case PROP_BATCH_SIZE:
    self->batch = g_value_get_uint (value);
    break;
  case PROP_BATCH_TIMEOUT:
    self->batch_timeout = g_value_get_uint (value);
    break;
  case PROP_INFERENCE_REGION:
    self->region = g_value_get_enum (value);
    break;
  case PROP_RECLASSIFY_INTERVAL:
    self->reclassify = g_value_get_uint (value);
    break;
  case PROP_MIN_REGION:
    self->min_region = g_value_get_uint (value);
    break;
  default:
    return FALSE;
  }
  return TRUE;
}

gboolean
tag_settings_get (const TagSettings *self, guint id, GValue *value) {
  char **text = text_of ((TagSettings *)self, id);
  if (text) {
    g_value_set_string (value, *text);
    return TRUE;
  }
  switch (id) {
  case PROP_ACTIVATION:
    g_value_set_enum (value, self->activation);
    break;
  case PROP_SIDE:
    g_value_set_uint (value, self->side);
    break;
  case PROP_EXPERTS:
    g_value_set_uint (value, self->experts);
    break;
  case PROP_HEADS:
    g_value_set_uint (value, self->heads);
    break;
  case PROP_TEXT_HEADS:
    g_value_set_uint (value, self->text_heads);
    break;
  case PROP_SCORE:
    g_value_set_enum (value, self->rules.score);
    break;
  case PROP_THRESHOLD:
    g_value_set_double (value, self->rules.threshold);
    break;
  case PROP_TOP_K:
    g_value_set_uint (value, self->rules.top_k);
    break;
  case PROP_RATE:
    g_value_set_double (value, self->rate);
    break;
  case PROP_INFERENCE_INTERVAL:
    g_value_set_uint (value, self->interval);
    break;
  case PROP_MODE:
    g_value_set_enum (value, self->mode);
    break;
  case PROP_GEOMETRY:
    g_value_set_enum (value, self->texts.geometry);
    break;
  case PROP_VIDEO_DIRECTION:
    g_value_set_enum (value, self->direction);
    break;
  case PROP_PRECISION:
    g_value_set_enum (value, self->precision);
    break;
  case PROP_THREADS:
    g_value_set_uint (value, self->threads);
    break;
  case PROP_SMOOTHING:
    g_value_set_double (value, self->rules.smoothing);
    break;
  case PROP_HOLD:
    g_value_set_double (value, self->rules.hold);
    break;
  case PROP_SETTLE:
    g_value_set_double (value, self->rules.settle);
    break;
  case PROP_ATTACH_EMBEDDING:
    g_value_set_boolean (value, self->attach_embedding);
    break;
  case PROP_POST_MESSAGES:
    g_value_set_enum (value, self->post);
    break;
  case PROP_SKIP_CORRUPTED:
    g_value_set_boolean (value, self->skip_corrupted);
    break;
  case PROP_STILL_THRESHOLD:
    g_value_set_double (value, self->still_threshold);
    break;
  case PROP_STILL_MOST:
    g_value_set_double (value, self->still_most);
    break;
  case PROP_BATCH_SIZE:
    g_value_set_uint (value, self->batch);
    break;
  case PROP_BATCH_TIMEOUT:
    g_value_set_uint (value, self->batch_timeout);
    break;
  case PROP_INFERENCE_REGION:
    g_value_set_enum (value, self->region);
    break;
  case PROP_RECLASSIFY_INTERVAL:
    g_value_set_uint (value, self->reclassify);
    break;
  case PROP_MIN_REGION:
    g_value_set_uint (value, self->min_region);
    break;
  default:
    return FALSE;
  }
  return TRUE;
}

void
tag_settings_install (GObjectClass *klass) {
  const GParamFlags rw = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS, ready = rw | GST_PARAM_MUTABLE_READY,
                    playing = rw | GST_PARAM_MUTABLE_PLAYING, controlled = playing | GST_PARAM_CONTROLLABLE;
#define TEXT(ID, NAME, NICK, BLURB, FLAGS)                                                                   \
  g_object_class_install_property (klass, ID, g_param_spec_string (NAME, NICK, BLURB, NULL, FLAGS))
#define CHOICE(ID, NAME, NICK, BLURB, TYPE, VALUES, DEFAULT, FLAGS)                                          \
  g_object_class_install_property (                                                                          \
      klass, ID, g_param_spec_enum (NAME, NICK, BLURB, make_enum (TYPE, VALUES), DEFAULT, FLAGS))
#define NUMBER(ID, NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS)                                             \
  g_object_class_install_property (klass, ID,                                                                \
                                   g_param_spec_uint (NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS))
#define REAL(ID, NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS)                                               \
  g_object_class_install_property (klass, ID,                                                                \
                                   g_param_spec_double (NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS))
  TEXT (PROP_MODEL, "model", "Model",
        "A checkpoint file, a folder, or the name of an installed model; none = the default model", ready);
  TEXT (PROP_VOCAB, "vocab", "Vocabulary", "A vocabulary that does not lie beside the model", ready);
  TEXT (PROP_PREFIX, "prefix", "Prefix",
        "Of a checkpoint with several CLIPs, what the names of this one's tensors begin with; . = nothing",
        ready);
  NUMBER (
      PROP_SIDE, "side", "Side",
      "Pixels of a side of the model's square, for which its positions are stretched; 0 = as it was trained",
      0, 4096, 0, ready);
  CHOICE (PROP_ACTIVATION, "activation", "Activation", "Activation of the feed-forward layers",
          "ClipmoeTagActivation", activations, CLIPMOE_ACTIVATION_AUTO, ready);
  NUMBER (PROP_EXPERTS, "experts", "Experts",
          "Experts a token uses in a mixture; 0 = as the checkpoint says, else 2", 0, 1024, 0, ready);
  NUMBER (PROP_HEADS, "heads", "Heads",
          "Attention heads of the image tower; 0 = as the files say, else as published models of its width",
          0, 1024, 0, ready);
  NUMBER (PROP_TEXT_HEADS, "text-heads", "Text heads",
          "Attention heads of the text tower; 0 = as the files say, else one for 64 of its width", 0, 1024, 0,
          ready);
  TEXT (PROP_LABELS, "labels", "Labels", "Words to look for, separated by ; if one occurs, else by comma",
        playing);
  TEXT (
      PROP_LABELS_FILE, "labels-file", "Labels file",
      "A file with one label a line: label [= prompt] [@ threshold], in groups that exclude each other "
      "behind [group NAME]; a prompt may be pictures, = @a.jpg;b.jpg; or the name of an installed list. Read "
      "where labels has none",
      playing);
  TEXT (PROP_TEMPLATES, "templates", "Templates",
        "Prompts with {} for the label, separated by ;, @FILE, @NAME of an installed set, or none; unset = "
        "a photo of a {}.",
        playing);
  TEXT (PROP_NEGATIVE_LABELS, "negative-labels", "Negative labels",
        "Words that are scored but never reported: none of these", playing);
  CHOICE (PROP_SCORE, "score", "Score", "What a score is", "ClipmoeTagScore", scores_values,
          CLIPMOE_SCORE_SOFTMAX, playing);
  g_object_class_install_property (
      klass, PROP_THRESHOLD,
      g_param_spec_double (
          "threshold", "Threshold",
          "Lowest score of a tag; unset (NaN) = 0.1 for softmax, 0.5 for sigmoid, none for cosine",
          -G_MAXDOUBLE, G_MAXDOUBLE, 0, controlled));
  /* g_param_spec_double() takes no NaN as a default, which would be in no range */
  G_PARAM_SPEC_DOUBLE (g_object_class_find_property (klass, "threshold"))->default_value = NAN;
  NUMBER (PROP_TOP_K, "top-k", "Top k", "The most tags of a look", 1, 100000, 5, controlled);
  REAL (PROP_RATE, "rate", "Rate", "Looks per second of stream time; 0 = no limit", 0, 1000, 1, controlled);
  NUMBER (PROP_INFERENCE_INTERVAL, "inference-interval", "Inference interval",
          "Look at every Nth frame that rate lets through; 1 = every", 1, G_MAXUINT, 1, controlled);
  CHOICE (PROP_MODE, "mode", "Mode",
          "When the look happens: sync = on this frame, which waits; latest = aside, no frame waits; auto = "
          "latest when upstream is live",
          "ClipmoeTagMode", modes, TAG_MODE_AUTO, ready);
  CHOICE (PROP_GEOMETRY, "geometry", "Geometry", "How a frame is brought to the model's square",
          "ClipmoeTagGeometry", geometries, CLIPMOE_GEOMETRY_AUTO, playing);
  g_object_class_install_property (klass, PROP_VIDEO_DIRECTION,
                                   g_param_spec_enum ("video-direction", "Video direction",
                                                      "The look sees the picture turned so, the pixels that "
                                                      "pass are untouched; auto = as the stream's tag says",
                                                      GST_TYPE_VIDEO_ORIENTATION_METHOD,
                                                      GST_VIDEO_ORIENTATION_IDENTITY, playing));
  CHOICE (PROP_PRECISION, "precision", "Precision", "Arithmetic", "ClipmoeTagPrecision", precisions,
          CLIPMOE_PRECISION_AUTO, ready);
  NUMBER (PROP_THREADS, "threads", "Threads", "Threads to use; 0 = all that this process may", 0, 1024, 0,
          ready);
  REAL (PROP_SMOOTHING, "smoothing", "Smoothing", "Seconds of the exponential mean of cosines; 0 = off", 0,
        3600, 0, controlled);
  REAL (PROP_HOLD, "hold", "Hold",
        "Seconds: a tag whose score falls for less than that stays; 0 = off. A tag appears at its threshold "
        "and "
        "goes below 0.8 of it",
        0, 3600, 0, controlled);
  REAL (
      PROP_SETTLE, "settle", "Settle",
      "Seconds: a tag appears, and a group of labels changes, only when it has lasted for that; 0 = at once",
      0, 3600, 0, controlled);
  g_object_class_install_property (klass, PROP_ATTACH_EMBEDDING,
                                   g_param_spec_boolean ("attach-embedding", "Attach embedding",
                                                         "Attach the unit vector too", FALSE, playing));
  CHOICE (PROP_POST_MESSAGES, "post-messages", "Post messages",
          "Element messages clipmoe-tags, or clipmoe-event, on the bus", "ClipmoeTagPost", posts,
          TAG_POST_NONE, playing);
  TEXT (PROP_SOURCE, "source", "Source",
        "What the JSON calls this stream; unset = what the URI query answers", playing);
  g_object_class_install_property (
      klass, PROP_SKIP_CORRUPTED,
      g_param_spec_boolean (
          "skip-corrupted", "Skip corrupted",
          "Frames that the decoder flags as corrupted pass without being looked at, and are counted in stats",
          TRUE, playing));
  REAL (
      PROP_STILL_THRESHOLD, "still-threshold", "Still threshold",
      "A frame that differs by less from the last one looked at is answered from memory: the largest mean "
      "difference of a cell of 8 x 8 pixels of the model's square, in levels of 0 to 255; 0 = every frame is "
      "looked at. Of whole frames alone",
      0, 255, 0, controlled);
  REAL (PROP_STILL_MOST, "still-most", "Still at most",
        "Seconds after which even a still frame is looked at; 0 = never", 0, 1e6, 60, controlled);
  TEXT (PROP_MODEL_INSTANCE_ID, "model-instance-id", "Model instance id",
        "Elements of a process with the same one share one engine, which must be set alike; unset = elements "
        "that "
        "are set alike share one, but for those with threads=1",
        ready);
  NUMBER (PROP_BATCH_SIZE, "batch-size", "Batch size",
          "The most pictures that the engine encodes in one run; 0, or more than that, = as many as is fast",
          0, 1024, 0, ready);
  NUMBER (PROP_BATCH_TIMEOUT, "batch-timeout", "Batch timeout",
          "Milliseconds that a picture may wait for others before a run; 0 = a run begins as soon as it can",
          0, 10000, 0, ready);
  CHOICE (PROP_INFERENCE_REGION, "inference-region", "Inference region", "What of a frame is looked at",
          "ClipmoeTagRegion", region_modes, TAG_REGION_FULL_FRAME, ready);
  TEXT (PROP_OBJECT_CLASS, "object-class", "Object class",
        "Regions of this type alone are looked at; several are separated by comma; unset = all", playing);
  NUMBER (PROP_RECLASSIFY_INTERVAL, "reclassify-interval", "Reclassify interval",
          "An object, known by its region's id, is looked at again after so many frames; 0 = once is enough",
          0, G_MAXUINT, 1, playing);
  NUMBER (PROP_MIN_REGION, "min-region", "Least region",
          "Regions whose shorter side has fewer pixels are not looked at", 0, 32768, 0, playing);
}

const char *
tag_mode_name (TagMode mode) {
  return modes[mode].value_nick;
}
