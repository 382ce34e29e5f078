/* What the elements tell each other beside looks and events: which labels a stream has (downstream, sticky),
 * whether its camera is there (downstream, out of band), and commands to whoever looks at it (upstream). For
 * the elements that are built with this library. */
#ifndef CLIPMOE_GST_CONTROL_H
#define CLIPMOE_GST_CONTROL_H

#include <clipmoe/error.h>
#include <gst/gst.h>

typedef struct {
  const char *source;
  GPtrArray *names,
      *groups; /* (element-type utf8), borrowed from the event; a group is NULL where there is none */
} ClipmoeLabelsNews;

/* A sticky event; @groups may be NULL, and each of its elements. */
CLIPMOE_API GstEvent *clipmoe_labels_event_new (const char *source, const char *const *names,
                                                const char *const *groups, guint n);
/* FALSE: none of ours. Else @news is valid as long as @event; clear it. */
CLIPMOE_API gboolean clipmoe_labels_event_read (GstEvent *event, ClipmoeLabelsNews *news);
CLIPMOE_API void clipmoe_labels_news_clear (ClipmoeLabelsNews *news);

#define CLIPMOE_CAMERA_NAME "clipmoe-source" /* of the event, and of the message that says the same */

/* What a camera's source says of itself: an out-of-band event that any thread may send. */
typedef struct {
  const char *source; /* what the stream is called; NULL: nobody has said it yet */
  gboolean online;
  const char *reason; /* why it is offline, or NULL */
  gint64 since;       /* UTC in microseconds, 0 where it is not said */
} ClipmoeCameraNews;

CLIPMOE_API gboolean clipmoe_camera_event_is (GstEvent *event);
/* (transfer full): @event, which is taken, says that it is of the stream @source. */
CLIPMOE_API GstEvent *clipmoe_camera_event_name (GstEvent *event, const char *source);
/* FALSE: none of ours. Strings are borrowed from @event. */
CLIPMOE_API gboolean clipmoe_camera_event_read (GstEvent *event, ClipmoeCameraNews *news);

/* What is NULL (NAN, below 0) is left as it is. */
typedef struct {
  const char *source; /* of the stream that it is for */
  const char *labels;
  double threshold;
  int enable; /* 0: it is not looked at */
} ClipmoeControl;

CLIPMOE_API GstEvent *clipmoe_control_event_new (const ClipmoeControl *control);
/* FALSE: none of ours. Strings are borrowed from @event. */
CLIPMOE_API gboolean clipmoe_control_event_read (GstEvent *event, ClipmoeControl *control);

#endif
