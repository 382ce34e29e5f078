#include "taglooker.h"

struct _TagLooker {
  TagEngine *engine;
  ClipmoeStream *stream;
  float *embedding;
};

TagLooker *
tag_looker_new (TagEngine *engine, ClipmoeStream *stream) {
  TagLooker *self = g_new0 (TagLooker, 1);
  self->engine = tag_engine_ref (engine);
  self->stream = stream;
  self->embedding = g_new0 (float, tag_engine_get_info (engine)->embed);
  return self;
}

void
tag_looker_free (TagLooker *self) {
  if (!self)
    return;
  tag_engine_unref (self->engine);
  g_free (self->embedding);
  g_free (self);
}

ClipmoeStreamLook *
tag_looker_look (TagLooker *self, const float *pixels, const ClipmoeStreamFrame *frame, GError **error) {
  if (!tag_engine_look (self->engine, pixels, self->embedding, error))
    return NULL;
  return clipmoe_stream_add (self->stream, self->embedding, tag_engine_get_info (self->engine)->embed, frame);
}
