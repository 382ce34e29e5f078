/* What a sink reports while it runs. */
#ifndef CLIPMOE_SINK_NEWS_H
#define CLIPMOE_SINK_NEWS_H

#include <glib.h>

typedef enum {
  CLIPMOE_SINK_NO_READER, /* nobody reads yet: a named pipe without a reader */
  CLIPMOE_SINK_LEFT,      /* its reader went away */
  CLIPMOE_SINK_READER,    /* there is one now */
  CLIPMOE_SINK_SLOW,      /* the reader is too slow, the first line was dropped */
  CLIPMOE_SINK_WAITS,     /* a stream that can wait waits, and nothing is read */
  CLIPMOE_SINK_FAILED,    /* a live stream's line could not be written */
  CLIPMOE_SINK_WORKS,     /* lines can be written again */
  CLIPMOE_SINK_CUT,       /* a broker cannot be reached, or another reason than before why */
  CLIPMOE_SINK_CONNECTED, /* it is connected */
  CLIPMOE_SINK_NOTICE     /* something was refused or should be changed; it works all the same */
} ClipmoeSinkNews;

/* Called from any thread without a lock; each kind once until its opposite. @sentence: for people, with the
 * target's name. The callback may finish and unref the sink. */
typedef void (*ClipmoeSinkTell) (gpointer data, ClipmoeSinkNews news, const char *sentence);

/* Whether it deserves a warning. */
gboolean clipmoe_sink_news_is_trouble (ClipmoeSinkNews news);
/* Returns (transfer full): the sentence, of all kinds before CLIPMOE_SINK_CUT. @failed: the errno of
 * CLIPMOE_SINK_FAILED. */
char *clipmoe_sink_news_describe (ClipmoeSinkNews news, const char *target, int failed);

#endif
