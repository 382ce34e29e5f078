#include "tagsession.h"

#include "clipmoeframe.h"

/* Whom the mailbox tells, if it is still there. */
typedef struct {
  GWeakRef owner;
  TagSessionAnswered answered;
  guint embed;
} Listener;

static void
listener_free (gpointer data) {
  Listener *l = data;
  g_weak_ref_clear (&l->owner);
  g_free (l);
}

static void
tell (gpointer data, ClipmoeRequest *request, const float *embedding, gint64 microseconds,
      const GError *error) {
  Listener *l = data;
  GstElement *owner = g_weak_ref_get (&l->owner);
  if (!owner)
    return;
  l->answered (owner, request->extra, embedding, l->embed, microseconds, error);
  gst_object_unref (owner);
}

static void
clear_request (gpointer extra) {
  TagRequest *request = extra;
  clipmoe_labels_unref (request->frame.labels);
  g_free (request->regions);
}

TagSession *
tag_session_open (const TagSettings *settings, TagSessionAnswered answered, GstElement *owner,
                  GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options,
                                 .vocab = settings->vocab,
                                 .prefix = settings->prefix,
                                 .side = settings->side,
                                 .activation = settings->activation,
                                 .experts = settings->experts,
                                 .heads = settings->heads,
                                 .text_heads = settings->text_heads};
  ClipmoeEncoderOptions how = {.struct_size = sizeof how,
                               .precision = settings->precision,
                               .threads = settings->threads,
                               .batch = settings->batch};
  const char *id = settings->instance && *settings->instance ? settings->instance : NULL;
  ClipmoeEngine *engine =
      clipmoe_engine_open_shared (settings->model, &options, &how, id, settings->batch_timeout, error);
  if (!engine)
    return NULL;
  if (!clipmoe_engine_get_info (engine)->image->layers) {
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
        "%s: the text tower alone, so it has vectors of texts only: expected a model with an image tower",
        clipmoe_engine_get_info (engine)->path);
    clipmoe_engine_unref (engine);
    return NULL;
  }
  TagSession *self = g_new0 (TagSession, 1);
  Listener *listener = g_new0 (Listener, 1);
  const ClipmoeModelInfo *info = clipmoe_engine_get_info (engine);
  g_weak_ref_init (&listener->owner, owner);
  listener->answered = answered;
  listener->embed = info->embed;
  self->refs = 1;
  self->engine = engine;
  self->version = clipmoe_engine_get_version (engine);
  self->embed = info->embed;
  self->embedding = g_new0 (float, info->embed);
  self->room = 1;
  self->mailbox =
      clipmoe_mailbox_new (engine, sizeof (TagRequest), clear_request, tell, listener, listener_free);
  self->still = clipmoe_still_new (info->image_size, info->std);
  self->preprocessor = clipmoe_preprocessor_new (info->image_size, info->mean, info->std);
  self->maker = tag_label_maker_new (engine);
  return self;
}

TagSession *
tag_session_ref (TagSession *self) {
  g_atomic_int_inc (&self->refs);
  return self;
}

void
tag_session_unref (TagSession *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->refs))
    return;
  tag_label_maker_free (self->maker);
  clipmoe_mailbox_free (self->mailbox);
  clipmoe_labels_unref (self->labels);
  clipmoe_preprocessor_free (self->preprocessor);
  clipmoe_still_free (self->still);
  g_free (self->embedding);
  clipmoe_engine_unref (self->engine);
  g_free (self);
}

void
tag_session_set_labels (TagSession *self, ClipmoeLabels *labels) {
  clipmoe_labels_unref (self->labels);
  self->labels = labels;
}

gboolean
tag_session_warm_up (TagSession *self, GstClockTime *took, GError **error) {
  /* A first look finds cold caches; where looks are short a second one is worth its time. */
  gint64 time = 0;
  gboolean ok = TRUE;
  for (guint i = 0; i < 2 && ok && time < G_USEC_PER_SEC / 10; i++) {
    gint64 begin = g_get_monotonic_time ();
    ok = tag_session_encode (self, error);
    time = g_get_monotonic_time () - begin;
  }
  *took = (GstClockTime)time * GST_USECOND;
  return ok;
}

/* The request with room for so many pictures, and for their embeddings. */
static ClipmoeRequest *
make_room (TagSession *self, guint n, GError **error) {
  if (n > self->room) {
    float *more = g_try_renew (float, self->embedding, (gsize)n * self->embed);
    if (!more) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for the vectors of %u regions", n);
      return NULL;
    }
    self->embedding = more;
    self->room = n;
  }
  return clipmoe_mailbox_get_requests (self->mailbox, n, error);
}

gboolean
tag_session_preprocess (TagSession *self, GstBuffer *buffer, const GstVideoInfo *info,
                        ClipmoeGeometry geometry, GstVideoOrientationMethod direction, const GArray *regions,
                        GError **error) {
  guint n = regions ? regions->len : 1, side = clipmoe_engine_get_info (self->engine)->image_size;
  ClipmoeRequest *request = make_room (self, n, error);
  GstVideoFrame frame;
  ClipmoeImage image;
  if (geometry == CLIPMOE_GEOMETRY_AUTO)
    geometry = clipmoe_engine_get_info (self->engine)->geometry;
  if (direction > GST_VIDEO_ORIENTATION_UR_LL)
    direction = GST_VIDEO_ORIENTATION_IDENTITY;
  if (!request || !clipmoe_frame_map (&frame, info, buffer, error))
    return FALSE;
  gboolean ok = clipmoe_image_from_frame (&image, &frame, info);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "pixel format %s",
                 GST_VIDEO_INFO_NAME (info));
  for (guint i = 0; i < n && ok; i++) {
    if (regions) {
      const TagRegion *region = &g_array_index (regions, TagRegion, i);
      image.crop_x = region->x;
      image.crop_y = region->y;
      image.crop_width = region->width;
      image.crop_height = region->height;
    }
    ok = clipmoe_preprocessor_run (self->preprocessor, &image, geometry, (ClipmoeOrientation)direction,
                                   request->pixels + (gsize)i * 3 * side * side, error);
  }
  gst_video_frame_unmap (&frame);
  return ok;
}

gboolean
tag_session_encode (TagSession *self, GError **error) {
  return clipmoe_mailbox_encode (self->mailbox, self->embedding, error);
}

gboolean
tag_session_submit (TagSession *self, const ClipmoeStreamFrame *frame, const GArray *regions,
                    gboolean *replaced, GError **error) {
  TagRequest *kept = clipmoe_mailbox_get_request (self->mailbox)->extra;
  kept->frame = *frame;
  clipmoe_labels_ref (frame->labels);
  if (regions) {
    kept->n = regions->len;
    kept->regions = g_memdup2 (regions->data, regions->len * sizeof (TagRegion));
  }
  return clipmoe_mailbox_submit (self->mailbox, replaced, error);
}
