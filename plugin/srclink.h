/* Keeps a camera connected: watches that pictures come, and connects anew where they do not, after a delay
 * that grows. */
#ifndef CLIPMOE_SRC_LINK_H
#define CLIPMOE_SRC_LINK_H

#include "srclane.h"

typedef struct {
  char *uri, *user, *password, *login_file, *protocols;
  guint latency;                  /* ms */
  gint64 timeout, connect;        /* µs without a picture, and until the first one */
  gint64 retry_least, retry_most; /* µs */
  gboolean retry;                 /* FALSE: a camera that is lost, or a file that ends, ends the stream */
} SrcLinkSettings;

void src_link_settings_clear (SrcLinkSettings *self);

typedef struct {
  gboolean online;
  guint64 reconnects; /* how often it was online again */
  guint64 pictures;
  gint64 since; /* UTC in µs of the last change between online and offline */
  char *reason; /* why it was offline last; NULL: it never was. Free it. */
} SrcLinkStats;

typedef struct _SrcLink SrcLink;

typedef struct {
  /* Online or not has changed, or the reason why not. In the link's thread; may stop the link. */
  void (*changed) (gpointer data, gboolean online, const char *reason);
  void (*setup) (gpointer data, GstElement *source);
  /* The stream is over: retry was FALSE. @reason: what was lost, or NULL when a file ended. */
  void (*over) (gpointer data, const char *reason);
} SrcLinkCalls;

/* Begins to connect. @settings (transfer full); FALSE with a sentence: it can never work. @owner: passed to
 * the calls, and held while the link's thread lives. @coded may be NULL. */
SrcLink *src_link_new (SrcLinkSettings *settings, GstElement *owner, const SrcLinkCalls *calls,
                       SrcLane *pictures, SrcLane *coded, GError **error);
/* Connects by this clock, or, with NULL, does not. Running times begin at @base_time. */
void src_link_run (SrcLink *self, GstClock *clock, GstClockTime base_time);
void src_link_get_stats (SrcLink *self, SrcLinkStats *stats);
/* Ends it within @patience µs; a camera's network code that hangs is left to end by itself: FALSE then. */
gboolean src_link_free (SrcLink *self, gint64 patience);

#endif
