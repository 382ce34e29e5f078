/* What an implementation of a sink provides; for the files of this folder alone. */
#ifndef CLIPMOE_SINK_CLASS_H
#define CLIPMOE_SINK_CLASS_H

#include "sink.h"

/* Each as sink.h says of the function of that name. */
typedef struct {
  void (*set_live) (ClipmoeSink *self, gboolean live);
  gboolean (*add) (ClipmoeSink *self, const ClipmoeLook *look, GError **error);
  guint (*drain) (ClipmoeSink *self, GError **error);
  void (*cancel) (ClipmoeSink *self, gboolean cancel);
  void (*reopen) (ClipmoeSink *self);
  guint64 (*finish) (ClipmoeSink *self);
  void (*get_stats) (ClipmoeSink *self, ClipmoeSinkStats *stats);
  void (*free) (ClipmoeSink *self); /* the last reference went */
} ClipmoeSinkClass;

/* The first member of an implementation's struct, which its open function fills in with one reference. */
struct _ClipmoeSink {
  const ClipmoeSinkClass *class;
  gint refs;
};

#endif
