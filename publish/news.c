#include "news.h"

gboolean
clipmoe_sink_news_is_trouble (ClipmoeSinkNews news) {
  return news != CLIPMOE_SINK_READER && news != CLIPMOE_SINK_WORKS && news != CLIPMOE_SINK_CONNECTED;
}

char *
clipmoe_sink_news_describe (ClipmoeSinkNews news, const char *target, int failed) {
  static const char *const sentences[CLIPMOE_SINK_NOTICE + 1] = {
      [CLIPMOE_SINK_NO_READER] = "nobody reads this named pipe yet, its lines wait",
      [CLIPMOE_SINK_LEFT] = "the reader left, lines wait for the next one",
      [CLIPMOE_SINK_READER] = "has a reader",
      [CLIPMOE_SINK_SLOW] = "the reader is too slow or not there, the oldest lines are dropped",
      [CLIPMOE_SINK_WAITS] = "nothing is read, the stream waits",
      [CLIPMOE_SINK_WORKS] = "can be written again",
  };
  if (news == CLIPMOE_SINK_FAILED)
    return g_strdup_printf ("%s: cannot be written: %s; lines are dropped until it can", target,
                            g_strerror (failed));
  return g_strdup_printf ("%s%s %s", target, clipmoe_sink_news_is_trouble (news) ? ":" : "", sentences[news]);
}
