#include "sink.h"

void
clipmoe_sink_set_live (ClipmoeSink *self, gboolean live) {
  self->class->set_live (self, live);
}

gboolean
clipmoe_sink_add (ClipmoeSink *self, const ClipmoeLook *look, GError **error) {
  return self->class->add (self, look, error);
}

gboolean
clipmoe_sink_add_event (ClipmoeSink *self, const ClipmoeEvent *event, GError **error) {
  return self->class->add_event (self, event, error);
}

void
clipmoe_sink_see (ClipmoeSink *self, const ClipmoeLook *look, const ClipmoeEvent *event) {
  if (self->class->see)
    self->class->see (self, look, event);
}

void
clipmoe_sink_set_labels (ClipmoeSink *self, const char *source, const char *const *names,
                         const char *const *groups, guint n) {
  if (self->class->set_labels)
    self->class->set_labels (self, source, names, groups, n);
}

void
clipmoe_sink_set_camera (ClipmoeSink *self, const char *source, const ClipmoeCamera *camera) {
  if (self->class->set_camera)
    self->class->set_camera (self, source, camera);
}

void
clipmoe_sink_set_picture (ClipmoeSink *self, const char *source, GBytes *jpeg) {
  if (self->class->set_picture)
    self->class->set_picture (self, source, jpeg);
}

void
clipmoe_sink_set_frame (ClipmoeSink *self, guint width, guint height) {
  self->class->set_frame (self, width, height);
}

guint
clipmoe_sink_drain (ClipmoeSink *self, GError **error) {
  return self->class->drain (self, error);
}

void
clipmoe_sink_cancel (ClipmoeSink *self, gboolean cancel) {
  self->class->cancel (self, cancel);
}

void
clipmoe_sink_reopen (ClipmoeSink *self) {
  self->class->reopen (self);
}

guint64
clipmoe_sink_finish (ClipmoeSink *self) {
  return self->class->finish (self);
}

void
clipmoe_sink_get_stats (ClipmoeSink *self, ClipmoeSinkStats *stats) {
  self->class->get_stats (self, stats);
}

ClipmoeSink *
clipmoe_sink_ref (ClipmoeSink *self) {
  g_atomic_int_inc (&self->refs);
  return self;
}

void
clipmoe_sink_unref (ClipmoeSink *self) {
  if (g_atomic_int_dec_and_test (&self->refs))
    self->class->free (self);
}
