#include "tagsession.h"

#include "clipmoeframe.h"

TagSession *
tag_session_open (const TagSettings *settings, ClipmoeStream *stream, GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options,
                                 .vocab = settings->vocab,
                                 .activation = settings->activation,
                                 .experts = settings->experts,
                                 .heads = settings->heads,
                                 .text_heads = settings->text_heads};
  ClipmoeEncoderOptions how = {
      .struct_size = sizeof how, .precision = settings->precision, .threads = settings->threads};
  TagEngine *engine = tag_engine_open (settings->model, &options, &how, error);
  if (!engine)
    return NULL;
  TagSession *self = g_new0 (TagSession, 1);
  self->refs = 1;
  self->engine = engine;
  self->version = tag_engine_get_version (engine);
  const ClipmoeModelInfo *info = tag_engine_get_info (engine);
  self->pixels = g_new0 (float, 3 * (gsize)info->image_size * info->image_size);
  self->preprocessor = clipmoe_preprocessor_new (info->image_size, info->mean, info->std);
  self->looker = tag_looker_new (engine, stream);
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
  tag_looker_free (self->looker);
  clipmoe_labels_unref (self->labels);
  clipmoe_preprocessor_free (self->preprocessor);
  g_free (self->pixels);
  tag_engine_unref (self->engine);
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
  float *out = g_new (float, tag_engine_get_info (self->engine)->embed);
  gint64 time = 0;
  gboolean ok = TRUE;
  for (guint i = 0; i < 2 && ok && time < G_USEC_PER_SEC / 10; i++) {
    gint64 begin = g_get_monotonic_time ();
    ok = tag_engine_look (self->engine, self->pixels, out, error);
    time = g_get_monotonic_time () - begin;
  }
  g_free (out);
  *took = (GstClockTime)time * GST_USECOND;
  return ok;
}

gboolean
tag_session_preprocess (TagSession *self, GstBuffer *buffer, const GstVideoInfo *info,
                        ClipmoeGeometry geometry, GstVideoOrientationMethod direction, float *pixels,
                        GError **error) {
  GstVideoFrame frame;
  ClipmoeImage image;
  if (direction > GST_VIDEO_ORIENTATION_UR_LL)
    direction = GST_VIDEO_ORIENTATION_IDENTITY;
  if (!clipmoe_frame_map (&frame, info, buffer, error))
    return FALSE;
  gboolean ok = clipmoe_image_from_frame (&image, &frame, info);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "pixel format %s",
                 GST_VIDEO_INFO_NAME (info));
  ok = ok && clipmoe_preprocessor_run (self->preprocessor, &image, geometry, (ClipmoeOrientation)direction,
                                       pixels, error);
  gst_video_frame_unmap (&frame);
  return ok;
}
