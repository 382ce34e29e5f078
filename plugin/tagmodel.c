#include "tagmodel.h"

#include <base/plain.h>
#include "tagadvice.h"
#include "tagcontrol.h"
#include "taglook.h"
#include "tagobjects.h"
#include "tagopen.h"
#include "tagstill.h"
#include "tagstream.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

void
tag_model_describe (GstClipmoeTag *self, TagSession *open, gboolean log) {
  char *tier, *precision, *reason;
  clipmoe_engine_describe (open->engine, &tier, &precision, &reason);
  if (log)
    GST_INFO_OBJECT (self, "model %s, kernels %s, precision %s: %s",
                     clipmoe_engine_get_info (open->engine)->id, tier, precision, reason);
  char *id = g_strdup (clipmoe_engine_get_info (open->engine)->id);
  GST_OBJECT_LOCK (self);
  if (self->open == open) { /* else another model may be open by now */
    char *before[] = {self->model_id, self->tier, self->precision, self->reason};
    self->model_id = id;
    self->tier = tier;
    self->precision = precision;
    self->reason = reason;
    id = before[0];
    tier = before[1];
    precision = before[2];
    reason = before[3];
  }
  GST_OBJECT_UNLOCK (self);
  g_free (id);
  g_free (tier);
  g_free (precision);
  g_free (reason);
}

/* The message of @error, fit for a bus: it may quote what a file holds, and what listens there may be a
 * terminal. Takes over @error. */
static char *
bus_text (GError *error) {
  char *text = clipmoe_plain (error->message, -1);
  g_error_free (error);
  return text;
}

static void
post_progress (GstClipmoeTag *self, GstProgressType type, const char *text) {
  gst_element_post_message (GST_ELEMENT (self),
                            gst_message_new_progress (GST_OBJECT (self), type, "open-model", text));
}

/* What no file says of the model, in one message: whoever runs it should know. */
static void
post_assumed (GstClipmoeTag *self, const ClipmoeModelInfo *info) {
  char *line = clipmoe_model_info_describe_assumed (info);
  if (line)
    GST_ELEMENT_INFO (self, LIBRARY, SETTINGS, ("%s", line), (NULL));
  g_free (line);
}

static void
set_labels (GstClipmoeTag *self, TagSession *open, ClipmoeLabels *labels) {
  GST_OBJECT_LOCK (self);
  const char *advice = tag_advice (labels, self->settings.rules.score), *before = self->advised;
  self->advised = advice;
  GST_OBJECT_UNLOCK (self);
  tag_session_set_labels (open, labels);
  tag_still_forget (self);
  tag_objects_renew (self);
  guint cut = clipmoe_labels_get_n_truncated (labels);
  GST_INFO_OBJECT (self, "labels: %u, negatives: %u", clipmoe_labels_get_n (labels),
                   clipmoe_labels_get_n_negatives (labels));
  if (advice && advice != before) /* once, however often labels are made anew */
    GST_ELEMENT_INFO (self, LIBRARY, SETTINGS, ("%s", advice), (NULL));
  if (cut)
    GST_ELEMENT_WARNING (
        self, LIBRARY, SETTINGS,
        ("%u of the labels' prompts are longer than the model's context of %u tokens and were cut", cut,
         clipmoe_engine_get_info (open->engine)->context),
        (NULL));
}

static TagSession *
open_session (GstClipmoeTag *self, GError **error) {
  GST_OBJECT_LOCK (self);
  TagSettings settings = self->settings;
  settings.model = g_strdup (settings.model);
  settings.vocab = g_strdup (settings.vocab);
  settings.prefix = g_strdup (settings.prefix);
  settings.instance = g_strdup (settings.instance);
  settings.source = settings.object_class = NULL;
  tag_texts_copy (&settings.texts, &self->settings.texts);
  self->settings.texts_changed = FALSE;
  self->advised = NULL;
  self->stats = (ClipmoeStatistics){0};
  self->trouble = (TagTrouble){0};
  self->asked_latency = FALSE;
  GST_OBJECT_UNLOCK (self);

  TagSession *open = tag_session_open (&settings, tag_look_answered, GST_ELEMENT (self), error);
  if (open) {
    GstClockTime took = 0;
    post_assumed (self, clipmoe_engine_get_info (open->engine));
    post_progress (self, GST_PROGRESS_TYPE_CONTINUE, "Making the labels' vectors");
    ClipmoeLabels *labels = tag_label_maker_make (open->maker, &settings.texts, error);
    if (labels)
      set_labels (self, open, labels);
    if (!labels || (settings.mode != TAG_MODE_LATEST && !tag_session_warm_up (open, &took, error)))
      g_clear_pointer (&open, tag_session_unref);
    GST_OBJECT_LOCK (self);
    self->stats.latency = took;
    GST_OBJECT_UNLOCK (self);
    GST_INFO_OBJECT (
        self,
        "mode %s, rate %g, interval %u, threshold %g, top-k %u, smoothing %g s, hold %g s, settle %g s, "
        "a look takes %" GST_TIME_FORMAT,
        tag_mode_name (settings.mode), settings.rate, settings.interval, settings.rules.threshold,
        settings.rules.top_k, settings.rules.smoothing, settings.rules.hold, settings.rules.settle,
        GST_TIME_ARGS (took));
  }
  tag_settings_clear (&settings);
  return open;
}

gboolean
tag_model_open (GstClipmoeTag *self) {
  GError *error = NULL;
  tag_stream_reset (self);
  g_atomic_int_set (&self->failed, FALSE);
  post_progress (self, GST_PROGRESS_TYPE_START, "Opening the model");
  TagSession *open = open_session (self, &error);
  if (open) {
    tag_open_set (self, open); /* a handler of the messages so far may have opened too */
    tag_model_describe (self, open, TRUE);
    post_progress (self, GST_PROGRESS_TYPE_COMPLETE, "The model is open");
    return TRUE;
  }
  gboolean io = g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  char *text = bus_text (error);
  post_progress (self, GST_PROGRESS_TYPE_ERROR, text);
  if (io)
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ, ("%s", text), (NULL));
  else
    GST_ELEMENT_ERROR (self, LIBRARY, SETTINGS, ("%s", text), (NULL));
  g_free (text);
  return FALSE;
}

void
tag_model_close (GstClipmoeTag *self) {
  tag_open_set (self, NULL);
  tag_stream_reset (self);
  tag_control_forget (self);
  tag_stream_drop_events (self);
  g_clear_pointer (&self->stream_id, g_free);
}

void
tag_model_follow_texts (GstClipmoeTag *self, TagSession *open) {
  TagTexts texts;
  GError *error = NULL;
  guint version = clipmoe_engine_get_version (open->engine);
  gboolean exchanged = version != open->version;
  open->version = version;
  GST_OBJECT_LOCK (self);
  gboolean changed = self->settings.texts_changed;
  self->settings.texts_changed = FALSE;
  if (changed)
    tag_texts_copy (&texts, &self->settings.texts);
  GST_OBJECT_UNLOCK (self);
  if (exchanged) {
    GST_INFO_OBJECT (self, "a verdict about the precision has come");
    tag_model_describe (self, open, TRUE);
  }
  if (changed) {
    tag_label_maker_request (open->maker, &texts);
    tag_texts_clear (&texts);
  } else if (exchanged) {
    tag_label_maker_repeat (open->maker);
  }
  self->asked_texts |= changed;
  ClipmoeLabels *labels = tag_label_maker_take (open->maker, &error);
  if (labels) {
    set_labels (self, open, labels);
    if (self->asked_texts)
      self->schedule = (ClipmoeSchedule){0}; /* who asks for other labels waits for them */
    self->asked_texts = FALSE;
  }
  if (error) {
    char *text = bus_text (error);
    GST_ELEMENT_WARNING (self, LIBRARY, SETTINGS, ("%s", text), ("the labels before it stay"));
    g_free (text);
  }
}
