/* Where looks and events go (a look is one inference on one frame, an event a label of a stream from start to
 * end): one interface for every kind of target. target.h opens one.
 *
 * A sink has a queue, so that a slow reader does not hold up video. Every function may be called from any
 * thread by whoever holds a reference. */
#ifndef CLIPMOE_SINK_H
#define CLIPMOE_SINK_H

#include <stream/event.h>
#include <stream/look.h>
#include "camera.h"
#include "news.h"

typedef struct _ClipmoeSink ClipmoeSink;

typedef struct {
  guint64 written, dropped;
} ClipmoeSinkCounts;

typedef struct {
  ClipmoeSinkCounts looks, events;
  guint64 waiting; /* looks and events that a broker's outbox has */
} ClipmoeSinkStats;

/* TRUE: for a live stream, which cannot wait: when the queue is full its oldest entry is dropped, and a
 * failed write drops what it was of. FALSE, the default: adding waits, and a failed write ends the sink. */
void clipmoe_sink_set_live (ClipmoeSink *self, gboolean live);
/* Sends a copy of @look. FALSE with @error: writing failed, now or before (G_FILE_ERROR). FALSE without: it
 * was cancelled, or finished meanwhile. */
gboolean clipmoe_sink_add (ClipmoeSink *self, const ClipmoeLook *look, GError **error);
/* The same for an event; looks and events are sent in the order in which they were added. */
gboolean clipmoe_sink_add_event (ClipmoeSink *self, const ClipmoeEvent *event, GError **error);
/* What is not sent itself, but changes the state of its stream that a broker shows. Either may be NULL. */
void clipmoe_sink_see (ClipmoeSink *self, const ClipmoeLook *look, const ClipmoeEvent *event);
/* The labels of the stream @source from now on, for the state that a broker shows. @groups: for each the
 * group that it is in, or NULL; may be NULL. */
void clipmoe_sink_set_labels (ClipmoeSink *self, const char *source, const char *const *names,
                              const char *const *groups, guint n);
/* Whether the camera of the stream @source is there, for its availability and state at a broker. */
void clipmoe_sink_set_camera (ClipmoeSink *self, const char *source, const ClipmoeCamera *camera);
/* The newest picture of the stream @source, for those brokers that keep one. */
void clipmoe_sink_set_picture (ClipmoeSink *self, const char *source, GBytes *jpeg);
/* The size in pixels of the frames that looks are of from now on, for those formats that say it. */
void clipmoe_sink_set_frame (ClipmoeSink *self, guint width, guint height);
/* Waits until the queue is sent: for a live stream two seconds at most, else until nothing was taken for ten
 * seconds. Returns how many looks and events still wait; @error: writing failed. */
guint clipmoe_sink_drain (ClipmoeSink *self, GError **error);
/* TRUE: the functions above return at once; FALSE: they may wait again. */
void clipmoe_sink_cancel (ClipmoeSink *self, gboolean cancel);
/* For log rotation: the target is opened again under its name. Does nothing where there is no such name. */
void clipmoe_sink_reopen (ClipmoeSink *self);
/* Waits up to two seconds for the queue to be sent; afterwards nothing is told, added or sent, and the
 * statistics are final. Returns how many looks and events were lost. Call it once, before the last unref. */
guint64 clipmoe_sink_finish (ClipmoeSink *self);
void clipmoe_sink_get_stats (ClipmoeSink *self, ClipmoeSinkStats *stats);
ClipmoeSink *clipmoe_sink_ref (ClipmoeSink *self);
void clipmoe_sink_unref (ClipmoeSink *self);

/* The rest is for implementations. Each member does what is said above of the function of its name. */
typedef struct {
  void (*set_live) (ClipmoeSink *self, gboolean live);
  gboolean (*add) (ClipmoeSink *self, const ClipmoeLook *look, GError **error);
  gboolean (*add_event) (ClipmoeSink *self, const ClipmoeEvent *event, GError **error);
  void (*see) (ClipmoeSink *self, const ClipmoeLook *look, const ClipmoeEvent *event); /* may be NULL */
  void (*set_labels) (ClipmoeSink *self, const char *source, const char *const *names,
                      const char *const *groups, guint n); /* may be NULL, like the next two */
  void (*set_camera) (ClipmoeSink *self, const char *source, const ClipmoeCamera *camera);
  void (*set_picture) (ClipmoeSink *self, const char *source, GBytes *jpeg);
  void (*set_frame) (ClipmoeSink *self, guint width, guint height);
  guint (*drain) (ClipmoeSink *self, GError **error);
  void (*cancel) (ClipmoeSink *self, gboolean cancel);
  void (*reopen) (ClipmoeSink *self);
  guint64 (*finish) (ClipmoeSink *self);
  void (*get_stats) (ClipmoeSink *self, ClipmoeSinkStats *stats);
  void (*free) (ClipmoeSink *self); /* the last reference is gone */
} ClipmoeSinkClass;

/* The first member of an implementation's struct, which its open function fills in with one reference. */
struct _ClipmoeSink {
  const ClipmoeSinkClass *class;
  gint refs;
};

#endif
