/* Where looks go (a look is one inference on one frame): one interface for every kind of target. target.h
 * opens one.
 *
 * A sink has a queue, so that a slow reader does not hold up video. Every function may be called from any
 * thread by whoever holds a reference. */
#ifndef CLIPMOE_SINK_H
#define CLIPMOE_SINK_H

#include <stream/look.h>
#include "news.h"

typedef struct _ClipmoeSink ClipmoeSink;

typedef struct {
  guint64 written, dropped; /* looks */
} ClipmoeSinkStats;

/* TRUE: for a live stream, which cannot wait: what is too much for the reader is dropped, the oldest first,
 * and a failed write costs what it was to write. FALSE, as at first: clipmoe_sink_add() waits, and a failed
 * write is the end. */
void clipmoe_sink_set_live (ClipmoeSink *self, gboolean live);
/* Sends a copy of @look. FALSE with @error: writing failed, now or before (G_FILE_ERROR). FALSE without: it
 * was cancelled, or finished meanwhile. */
gboolean clipmoe_sink_add (ClipmoeSink *self, const ClipmoeLook *look, GError **error);
/* Waits until all is written, or nobody reads any more: for a live stream two seconds at most, else ten
 * seconds in which nothing moves. Returns how many looks still wait; @error: writing failed. */
guint clipmoe_sink_drain (ClipmoeSink *self, GError **error);
/* Whoever waits in the two above returns; @cancel FALSE lets them wait again. */
void clipmoe_sink_cancel (ClipmoeSink *self, gboolean cancel);
/* Log rotation: what was renamed is opened anew under its name. Targets without a name do nothing. */
void clipmoe_sink_reopen (ClipmoeSink *self);
/* Gives what waits two seconds more; nothing is told, added or written afterwards, and the statistics are
 * final. Returns how many looks were lost by that. To be called once, before the last reference goes. */
guint64 clipmoe_sink_finish (ClipmoeSink *self);
void clipmoe_sink_get_stats (ClipmoeSink *self, ClipmoeSinkStats *stats);
ClipmoeSink *clipmoe_sink_ref (ClipmoeSink *self);
void clipmoe_sink_unref (ClipmoeSink *self);

/* The rest is for implementations. Each member does what is said above of the function of its name. */
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
