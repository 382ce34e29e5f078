/**
 * SECTION:element-clipmoetag
 * @title: clipmoetag
 *
 * Looks at video with CLIP or CLIP-MoE and attaches what it sees, in words of your own, to the buffers as the
 * custom meta `ClipmoeTags`. The pixels pass untouched.
 *
 * ## Example
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 ! clipmoetag labels="a dog,a test card" post-messages=all !
 * fakesink
 * ]|
 */
#include "gstclipmoetag.h"

#include <math.h>
#include <string.h>
#include "clipmoemeta.h"

GST_DEBUG_CATEGORY_STATIC (clipmoe_tag_debug);
#define GST_CAT_DEFAULT clipmoe_tag_debug

enum {
  PROP_0,
  PROP_MODEL,
  PROP_VOCAB,
  PROP_ACTIVATION,
  PROP_EXPERTS,
  PROP_LABELS,
  PROP_LABELS_FILE,
  PROP_TEMPLATES,
  PROP_NEGATIVE_LABELS,
  PROP_SCORE,
  PROP_THRESHOLD,
  PROP_TOP_K,
  PROP_RATE,
  PROP_INFERENCE_INTERVAL,
  PROP_GEOMETRY,
  PROP_VIDEO_DIRECTION,
  PROP_PRECISION,
  PROP_THREADS,
  PROP_SMOOTHING,
  PROP_ATTACH_EMBEDDING,
  PROP_POST_MESSAGES,
  PROP_SOURCE,
  PROP_STATS,
  N_PROPS
};

enum { POST_NONE, POST_CHANGES, POST_ALL };

struct _GstClipmoeTag {
  GstBaseTransform parent;

  /* settings, under the object lock */
  char *model_path, *vocab, *words, *words_file, *templates, *negatives, *source;
  ClipmoeActivation activation;
  ClipmoeScore score;
  ClipmoeGeometry geometry;
  ClipmoePrecision precision;
  GstVideoOrientationMethod direction;
  guint experts, top_k, interval, threads;
  int post;
  double threshold, rate, smoothing;
  gboolean attach_embedding, labels_changed;

  /* streaming thread */
  GstVideoInfo info;
  ClipmoeEncoder *encoder;
  ClipmoeLabels *labels;
  GstVideoOrientationMethod tag_direction; /* what the stream's tag says */
  float *embedding, *cosines, *smoothed;
  double *scores;
  guint *indices;
  ClipmoeTag *tags;
  char *last_labels; /* of the last look, for post-messages=changes */
  char *uri;
  guint n_tags;
  gboolean looked;
  GstClockTime look_time, next_time;
  guint64 passed;
  guint64 frames, looks; /* for stats, under the object lock */
  double seconds;
};

G_DEFINE_TYPE (GstClipmoeTag, gst_clipmoe_tag, GST_TYPE_BASE_TRANSFORM)

#define FORMATS                                                                                              \
  "{ NV12, NV21, I420, YV12, Y42B, Y444, YUY2, UYVY, P010_10LE, I420_10LE, I422_10LE, Y444_10LE, RGB, BGR, " \
  "RGBx, BGRx, xRGB, xBGR, "                                                                                 \
  "RGBA, BGRA, ARGB, ABGR, GRAY8 }"

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (FORMATS)));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (FORMATS)));

static GType
make_enum (const char *name, const GEnumValue *values) {
  GType type = g_type_from_name (name);
  return type ? type : g_enum_register_static (name, values);
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
    {CLIPMOE_GEOMETRY_CROP, "Shorter side to the model's, centre crop (as trained)", "crop"},
    {CLIPMOE_GEOMETRY_SQUASH, "The whole frame, proportions lost", "squash"},
    {CLIPMOE_GEOMETRY_LETTERBOX, "The whole frame, rest filled", "letterbox"},
    {0, NULL, NULL}};
static const GEnumValue precisions[] = {{CLIPMOE_PRECISION_AUTO, "The best this build knows (f32)", "auto"},
                                        {CLIPMOE_PRECISION_F32, "32-bit floats", "f32"},
                                        {0, NULL, NULL}};
static const GEnumValue posts[] = {{POST_NONE, "No messages", "none"},
                                   {POST_CHANGES, "When the set of tags changes", "changes"},
                                   {POST_ALL, "Every look", "all"},
                                   {0, NULL, NULL}};

static void
gst_clipmoe_tag_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  char **text = NULL;
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODEL:
    text = &self->model_path;
    break;
  case PROP_VOCAB:
    text = &self->vocab;
    break;
  case PROP_LABELS:
    text = &self->words;
    break;
  case PROP_LABELS_FILE:
    text = &self->words_file;
    break;
  case PROP_TEMPLATES:
    text = &self->templates;
    break;
  case PROP_NEGATIVE_LABELS:
    text = &self->negatives;
    break;
  case PROP_SOURCE:
    text = &self->source;
    break;
  case PROP_ACTIVATION:
    self->activation = g_value_get_enum (value);
    break;
  case PROP_EXPERTS:
    self->experts = g_value_get_uint (value);
    break;
  case PROP_SCORE:
    self->score = g_value_get_enum (value);
    break;
  case PROP_THRESHOLD:
    self->threshold = g_value_get_double (value);
    break;
  case PROP_TOP_K:
    self->top_k = g_value_get_uint (value);
    break;
  case PROP_RATE:
    self->rate = g_value_get_double (value);
    break;
  case PROP_INFERENCE_INTERVAL:
    self->interval = g_value_get_uint (value);
    break;
  case PROP_GEOMETRY:
    self->geometry = g_value_get_enum (value);
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
    self->smoothing = g_value_get_double (value);
    break;
  case PROP_ATTACH_EMBEDDING:
    self->attach_embedding = g_value_get_boolean (value);
    break;
  case PROP_POST_MESSAGES:
    self->post = g_value_get_enum (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    break;
  }
  if (text) {
    g_free (*text);
    *text = g_value_dup_string (value);
    self->labels_changed |=
        id == PROP_LABELS || id == PROP_LABELS_FILE || id == PROP_TEMPLATES || id == PROP_NEGATIVE_LABELS;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_clipmoe_tag_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODEL:
    g_value_set_string (value, self->model_path);
    break;
  case PROP_VOCAB:
    g_value_set_string (value, self->vocab);
    break;
  case PROP_LABELS:
    g_value_set_string (value, self->words);
    break;
  case PROP_LABELS_FILE:
    g_value_set_string (value, self->words_file);
    break;
  case PROP_TEMPLATES:
    g_value_set_string (value, self->templates);
    break;
  case PROP_NEGATIVE_LABELS:
    g_value_set_string (value, self->negatives);
    break;
  case PROP_SOURCE:
    g_value_set_string (value, self->source);
    break;
  case PROP_ACTIVATION:
    g_value_set_enum (value, self->activation);
    break;
  case PROP_EXPERTS:
    g_value_set_uint (value, self->experts);
    break;
  case PROP_SCORE:
    g_value_set_enum (value, self->score);
    break;
  case PROP_THRESHOLD:
    g_value_set_double (value, self->threshold);
    break;
  case PROP_TOP_K:
    g_value_set_uint (value, self->top_k);
    break;
  case PROP_RATE:
    g_value_set_double (value, self->rate);
    break;
  case PROP_INFERENCE_INTERVAL:
    g_value_set_uint (value, self->interval);
    break;
  case PROP_GEOMETRY:
    g_value_set_enum (value, self->geometry);
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
    g_value_set_double (value, self->smoothing);
    break;
  case PROP_ATTACH_EMBEDDING:
    g_value_set_boolean (value, self->attach_embedding);
    break;
  case PROP_POST_MESSAGES:
    g_value_set_enum (value, self->post);
    break;
  case PROP_STATS:
    g_value_take_boxed (value,
                        gst_structure_new ("stats", "frames", G_TYPE_UINT64, self->frames, "looks",
                                           G_TYPE_UINT64, self->looks, "ms-per-look", G_TYPE_DOUBLE,
                                           self->looks ? self->seconds * 1000 / self->looks : 0.0, NULL));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* Reads the settings, runs the text tower, swaps the vectors in whole. */
static gboolean
load_labels (GstClipmoeTag *self, GError **error) {
  GST_OBJECT_LOCK (self);
  char *words = g_strdup (self->words), *file = g_strdup (self->words_file),
       *negative = g_strdup (self->negatives);
  char *templates = g_strdup (self->templates);
  gboolean embedding = self->attach_embedding;
  self->labels_changed = FALSE;
  GST_OBJECT_UNLOCK (self);

  GPtrArray *list = NULL, *negatives = NULL;
  char **filled = NULL;
  ClipmoeLabels *labels = NULL;
  gboolean ok = (!words || (list = clipmoe_label_list_parse (words, error)));
  if (ok && file && !(list && list->len)) {
    g_clear_pointer (&list, g_ptr_array_unref);
    ok = (list = clipmoe_label_list_load (file, error)) != NULL;
  }
  if (ok && !(list && list->len) && !embedding) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "no labels: expected some in labels or labels-file, or attach-embedding=true");
    ok = FALSE;
  }
  ok = ok && (!negative || (negatives = clipmoe_label_list_parse (negative, error))) &&
       (filled = clipmoe_templates_parse (templates, error)) &&
       (labels = clipmoe_labels_new (self->encoder, list, negatives, (const char *const *)filled, error));
  if (ok) {
    guint rows = clipmoe_labels_get_n_rows (labels), n = clipmoe_labels_get_n (labels);
    g_clear_pointer (&self->labels, clipmoe_labels_unref);
    self->labels = labels;
    self->cosines = g_renew (float, self->cosines, rows);
    self->smoothed = g_renew (float, self->smoothed, rows);
    self->scores = g_renew (double, self->scores, n + 1);
    self->indices = g_renew (guint, self->indices, n + 1);
    self->tags = g_renew (ClipmoeTag, self->tags, n + 1);
    self->n_tags = 0;
    self->looked = FALSE;
    if (clipmoe_labels_get_n_truncated (labels))
      GST_WARNING_OBJECT (self, "%u prompts were longer than the model's context and were cut",
                          clipmoe_labels_get_n_truncated (labels));
  }
  g_clear_pointer (&list, g_ptr_array_unref);
  g_clear_pointer (&negatives, g_ptr_array_unref);
  g_strfreev (filled);
  g_free (words);
  g_free (file);
  g_free (negative);
  g_free (templates);
  return ok;
}

static void
reset_stream (GstClipmoeTag *self) {
  self->looked = FALSE;
  self->n_tags = 0;
  self->next_time = GST_CLOCK_TIME_NONE;
  self->passed = 0;
  self->tag_direction = GST_VIDEO_ORIENTATION_IDENTITY;
  g_clear_pointer (&self->last_labels, g_free);
  g_clear_pointer (&self->uri, g_free);
}

static gboolean
gst_clipmoe_tag_stop (GstBaseTransform *base) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  g_clear_pointer (&self->encoder, clipmoe_encoder_free);
  g_clear_pointer (&self->labels, clipmoe_labels_unref);
  g_clear_pointer (&self->embedding, g_free);
  reset_stream (self);
  return TRUE;
}

static gboolean
gst_clipmoe_tag_start (GstBaseTransform *base) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  GError *error = NULL;
  GST_OBJECT_LOCK (self);
  char *path = g_strdup (self->model_path), *vocab = g_strdup (self->vocab);
  ClipmoeModelOptions options = {.vocab = vocab, .activation = self->activation, .experts = self->experts};
  ClipmoeEncoderOptions how = {.precision = self->precision, .threads = self->threads};
  self->frames = self->looks = 0;
  self->seconds = 0;
  GST_OBJECT_UNLOCK (self);
  reset_stream (self);

  ClipmoeModel *model = clipmoe_model_open (path, &options, &error);
  if (model && (self->encoder = clipmoe_encoder_new (model, &how, &error))) {
    self->embedding = g_new0 (float, clipmoe_model_get_info (model)->embed);
    load_labels (self, &error);
  }
  clipmoe_model_unref (model);
  g_free (path);
  g_free (vocab);
  if (!error)
    return TRUE;
  if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO))
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ, ("%s", error->message), (NULL));
  else
    GST_ELEMENT_ERROR (self, LIBRARY, SETTINGS, ("%s", error->message), (NULL));
  g_error_free (error);
  gst_clipmoe_tag_stop (base);
  return FALSE;
}

static gboolean
gst_clipmoe_tag_set_caps (GstBaseTransform *base, GstCaps *in, GstCaps *out) {
  return gst_video_info_from_caps (&GST_CLIPMOE_TAG (base)->info, in);
}

static gboolean
gst_clipmoe_tag_sink_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  GstTagList *tags;
  char *text;
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_STOP:
  case GST_EVENT_SEGMENT:
    self->looked = FALSE;
    self->next_time = GST_CLOCK_TIME_NONE;
    break;
  case GST_EVENT_TAG:
    gst_event_parse_tag (event, &tags);
    if (gst_tag_list_get_string (tags, GST_TAG_IMAGE_ORIENTATION, &text)) {
      static const char *const names[] = {"rotate-0",        "rotate-90",     "rotate-180",
                                          "rotate-270",      "flip-rotate-0", "flip-rotate-180",
                                          "flip-rotate-270", "flip-rotate-90"};
      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        if (g_str_equal (text, names[i]))
          self->tag_direction = (GstVideoOrientationMethod)i;
      g_free (text);
    }
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_tag_parent_class)->sink_event (base, event);
}

static gboolean
gst_clipmoe_tag_propose_allocation (GstBaseTransform *base, GstQuery *decide, GstQuery *query) {
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  gst_query_add_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL);
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_tag_parent_class)->propose_allocation (base, decide, query);
}

static void
post_look (GstClipmoeTag *self, const ClipmoeLook *look, int post) {
  GString *names = g_string_new (NULL);
  for (guint i = 0; i < look->n_tags; i++)
    g_string_append_printf (names, "%s\n", look->tags[i].label);
  if (post == POST_ALL || g_strcmp0 (names->str, self->last_labels) != 0) {
    char *json = clipmoe_look_to_json (look);
    gst_element_post_message (
        GST_ELEMENT (self),
        gst_message_new_element (GST_OBJECT (self),
                                 gst_structure_new ("clipmoe-tags", "json", G_TYPE_STRING, json, NULL)));
    g_free (json);
  }
  g_free (self->last_labels);
  self->last_labels = g_string_free (names, FALSE);
}

static gboolean
look_at (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, GError **error) {
  GstVideoFrame frame;
  ClipmoeImage image;
  GST_OBJECT_LOCK (self);
  ClipmoeScore kind = self->score;
  ClipmoeGeometry geometry = self->geometry;
  GstVideoOrientationMethod direction = self->direction;
  double threshold = self->threshold, smoothing = self->smoothing;
  guint top_k = self->top_k;
  GST_OBJECT_UNLOCK (self);
  if (direction == GST_VIDEO_ORIENTATION_AUTO)
    direction = self->tag_direction;
  if (direction > GST_VIDEO_ORIENTATION_UR_LL)
    direction = GST_VIDEO_ORIENTATION_IDENTITY;
  if (!gst_video_frame_map (&frame, &self->info, buffer, GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "a buffer of %" G_GSIZE_FORMAT " bytes is no frame of %d x %d pixels %s",
                 gst_buffer_get_size (buffer), GST_VIDEO_INFO_WIDTH (&self->info),
                 GST_VIDEO_INFO_HEIGHT (&self->info), GST_VIDEO_INFO_NAME (&self->info));
    return FALSE;
  }
  gint64 begin = g_get_monotonic_time ();
  gboolean ok = clipmoe_image_from_frame (&image, &frame);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "pixel format %s",
                 GST_VIDEO_INFO_NAME (&self->info));
  ok = ok && clipmoe_encoder_encode_images (self->encoder, &image, 1, geometry, (ClipmoeOrientation)direction,
                                            self->embedding, error);
  gst_video_frame_unmap (&frame);
  if (!ok)
    return FALSE;
  guint rows = clipmoe_labels_get_n_rows (self->labels);
  clipmoe_scorer_cosines (self->labels, self->embedding, self->cosines);
  double dt = self->looked && time > self->look_time ? (double)(time - self->look_time) / GST_SECOND : 0;
  clipmoe_scorer_smooth (self->smoothed, self->cosines, rows, dt, self->looked ? smoothing : 0);
  clipmoe_scorer_scores (self->labels, kind, self->smoothed, self->scores);
  self->n_tags = clipmoe_scorer_top (self->labels, kind, self->scores, threshold,
                                     MIN (top_k, clipmoe_labels_get_n (self->labels)), self->indices);
  for (guint i = 0; i < self->n_tags; i++)
    self->tags[i] = (ClipmoeTag){clipmoe_labels_get (self->labels, self->indices[i])->name,
                                 self->scores[self->indices[i]], self->cosines[self->indices[i]]};
  self->looked = TRUE;
  self->look_time = time;
  GST_OBJECT_LOCK (self);
  self->looks++;
  self->seconds += (double)(g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

/* Whether this frame is due: one look every 1/rate seconds of stream time, then every Nth of those. */
static gboolean
due (GstClipmoeTag *self, GstClockTime time) {
  GST_OBJECT_LOCK (self);
  double rate = self->rate;
  guint interval = self->interval;
  self->frames++;
  GST_OBJECT_UNLOCK (self);
  if (rate > 0) {
    GstClockTime period = (GstClockTime)(GST_SECOND / rate);
    if (GST_CLOCK_TIME_IS_VALID (self->next_time) && time < self->next_time &&
        self->next_time - time <= period)
      return FALSE;
    /* on a fixed grid, so that odd frame times do not add up */
    if (!GST_CLOCK_TIME_IS_VALID (self->next_time) || time >= self->next_time + period ||
        time + period < self->next_time)
      self->next_time = time + period;
    else
      self->next_time += period;
  }
  return self->passed++ % interval == 0;
}

static GstFlowReturn
gst_clipmoe_tag_transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  GError *error = NULL;
  GstClockTime time = gst_segment_to_stream_time (&base->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  if (!GST_CLOCK_TIME_IS_VALID (time))
    time = self->looked ? self->look_time : 0;
  GST_OBJECT_LOCK (self);
  gboolean changed = self->labels_changed, embedding = self->attach_embedding;
  char *source = g_strdup (self->source);
  int post = self->post;
  GST_OBJECT_UNLOCK (self);
  if (changed && !load_labels (self, &error)) { /* the old set stays */
    GST_ELEMENT_WARNING (self, LIBRARY, SETTINGS, ("%s", error->message), ("the labels before it stay"));
    g_clear_error (&error);
  }
  gboolean fresh = due (self, time);
  if (fresh && !look_at (self, buffer, time, &error)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", error->message), (NULL));
    g_error_free (error);
    g_free (source);
    return GST_FLOW_ERROR;
  }
  if (self->looked) {
    if (!source && !self->uri) {
      GstQuery *query = gst_query_new_uri ();
      if (gst_pad_peer_query (base->sinkpad, query))
        gst_query_parse_uri (query, &self->uri);
      gst_query_unref (query);
    }
    const ClipmoeModelInfo *info = clipmoe_model_get_info (clipmoe_encoder_get_model (self->encoder));
    ClipmoeLook look = {.source = source ? source : self->uri,
                        .model = info->id,
                        .time = self->look_time,
                        .age = time > self->look_time ? time - self->look_time : 0,
                        .fresh = fresh,
                        .tags = self->tags,
                        .n_tags = self->n_tags,
                        .embedding = embedding ? self->embedding : NULL,
                        .embed = info->embed};
    clipmoe_meta_append (buffer, &look);
    if (fresh && post != POST_NONE)
      post_look (self, &look, post);
  }
  g_free (source);
  return GST_FLOW_OK;
}

static void
gst_clipmoe_tag_finalize (GObject *object) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  g_free (self->model_path);
  g_free (self->vocab);
  g_free (self->words);
  g_free (self->words_file);
  g_free (self->templates);
  g_free (self->negatives);
  g_free (self->source);
  g_free (self->cosines);
  g_free (self->smoothed);
  g_free (self->scores);
  g_free (self->indices);
  g_free (self->tags);
  G_OBJECT_CLASS (gst_clipmoe_tag_parent_class)->finalize (object);
}

static void
gst_clipmoe_tag_init (GstClipmoeTag *self) {
  self->threshold = NAN;
  self->top_k = 5;
  self->rate = 1;
  self->interval = 1;
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self),
                                      FALSE); /* slow tagging must not drop video */
}

static void
gst_clipmoe_tag_class_init (GstClipmoeTagClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags rw = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS, ready = rw | GST_PARAM_MUTABLE_READY,
                    playing = rw | GST_PARAM_MUTABLE_PLAYING;
  GST_DEBUG_CATEGORY_INIT (clipmoe_tag_debug, "clipmoetag", 0, "CLIP tagger");

  object->set_property = gst_clipmoe_tag_set_property;
  object->get_property = gst_clipmoe_tag_get_property;
  object->finalize = gst_clipmoe_tag_finalize;

#define TEXT(ID, NAME, NICK, BLURB, FLAGS)                                                                   \
  g_object_class_install_property (object, ID, g_param_spec_string (NAME, NICK, BLURB, NULL, FLAGS))
#define CHOICE(ID, NAME, NICK, BLURB, TYPE, VALUES, DEFAULT, FLAGS)                                          \
  g_object_class_install_property (                                                                          \
      object, ID, g_param_spec_enum (NAME, NICK, BLURB, make_enum (TYPE, VALUES), DEFAULT, FLAGS))
#define NUMBER(ID, NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS)                                             \
  g_object_class_install_property (object, ID,                                                               \
                                   g_param_spec_uint (NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS))
#define REAL(ID, NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS)                                               \
  g_object_class_install_property (object, ID,                                                               \
                                   g_param_spec_double (NAME, NICK, BLURB, LOW, HIGH, DEFAULT, FLAGS))
  TEXT (PROP_MODEL, "model", "Model",
        "A checkpoint file, a folder, or the name of an installed model; none = the default model", ready);
  TEXT (PROP_VOCAB, "vocab", "Vocabulary", "A vocabulary that does not lie beside the model", ready);
  CHOICE (PROP_ACTIVATION, "activation", "Activation", "Activation of the feed-forward layers",
          "ClipmoeTagActivation", activations, CLIPMOE_ACTIVATION_AUTO, ready);
  NUMBER (PROP_EXPERTS, "experts", "Experts",
          "Experts a token uses in a mixture; 0 = as the checkpoint says, else 2", 0, 1024, 0, ready);
  TEXT (PROP_LABELS, "labels", "Labels", "Words to look for, separated by ; if one occurs, else by comma",
        playing);
  TEXT (PROP_LABELS_FILE, "labels-file", "Labels file",
        "A file with one label a line: label [= prompt] [@ threshold]; or the name of an installed list",
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
      object, PROP_THRESHOLD,
      g_param_spec_double (
          "threshold", "Threshold",
          "Lowest score of a tag; unset (NaN) = 0.1 for softmax, 0.5 for sigmoid, none for cosine",
          -G_MAXDOUBLE, G_MAXDOUBLE, 0, playing));
  NUMBER (PROP_TOP_K, "top-k", "Top k", "The most tags of a look", 1, 100000, 5, playing);
  REAL (PROP_RATE, "rate", "Rate", "Looks per second of stream time; 0 = no limit", 0, 1000, 1, playing);
  NUMBER (PROP_INFERENCE_INTERVAL, "inference-interval", "Inference interval",
          "Look at every Nth frame that rate lets through; 1 = every", 1, G_MAXUINT, 1, playing);
  CHOICE (PROP_GEOMETRY, "geometry", "Geometry", "How a frame is brought to the model's square",
          "ClipmoeTagGeometry", geometries, CLIPMOE_GEOMETRY_CROP, playing);
  g_object_class_install_property (object, PROP_VIDEO_DIRECTION,
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
        3600, 0, playing);
  g_object_class_install_property (object, PROP_ATTACH_EMBEDDING,
                                   g_param_spec_boolean ("attach-embedding", "Attach embedding",
                                                         "Attach the unit vector too", FALSE, playing));
  CHOICE (PROP_POST_MESSAGES, "post-messages", "Post messages", "Element messages clipmoe-tags on the bus",
          "ClipmoeTagPost", posts, POST_NONE, playing);
  TEXT (PROP_SOURCE, "source", "Source",
        "What the JSON calls this stream; unset = what the URI query answers", playing);
  g_object_class_install_property (object, PROP_STATS,
                                   g_param_spec_boxed ("stats", "Statistics", "frames, looks, ms-per-look",
                                                       GST_TYPE_STRUCTURE,
                                                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  gst_element_class_set_static_metadata (element, "CLIP video tagger", "Filter/Analyzer/Video",
                                         "Says in words of your own what a video shows (CLIP, CLIP-MoE)",
                                         "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  base->start = gst_clipmoe_tag_start;
  base->stop = gst_clipmoe_tag_stop;
  base->set_caps = gst_clipmoe_tag_set_caps;
  base->sink_event = gst_clipmoe_tag_sink_event;
  base->propose_allocation = gst_clipmoe_tag_propose_allocation;
  base->transform_ip = gst_clipmoe_tag_transform_ip;
}
