/**
 * SECTION:element-clipmoesrc
 * @title: clipmoesrc
 *
 * A camera as a live source of raw video that does not end: rtsp://, http(s)://, v4l2:/dev/video0, or a file
 * that is played over and over in its own time. Whatever happens to the camera, it is late, gone, refuses the
 * login, sends what cannot be decoded, changes size or format, or stands still, is noticed by the pictures
 * that do not come. It is then closed and connected anew after one second, two, and so on up to thirty;
 * pictures go on in the same segment, in running time. Downstream sees neither an error nor an end, unless
 * `retry` is false. One that does not answer at all is tried again every three seconds at most.
 *
 * It posts the element message `clipmoe-source` when the camera comes and goes, with the fields `state`
 * ("online" or "offline"), `reason` (why it is offline), `uri` (without login), `since` (µs UTC) and
 * `reconnects`. `stats` has the same. An out-of-band event downstream has the same name and fields, from
 * which publishers know of it.
 *
 * The pad `encoded`, where it is requested, brings the video as the camera sends it, with the same times: for
 * recording without decoding or encoding.
 *
 * User name and password belong into `login-file`, one line USER:PASSWORD, since programs that list processes
 * show what stands in a command line. They appear in no message, log line, statistic or dot file of this
 * element.
 *
 * ## Example
 * |[
 * gst-launch-1.0 -m clipmoesrc uri=rtsp://camera.example/stream1 login-file=door.login !
 *     clipmoetag labels="person,empty room" post-messages=changes ! fakesink
 * ]|
 */
#include "gstclipmoesrc.h"

#include <base/error.h>
#include <base/uri.h>
#include "clipmoecontrol.h"
#include "srclink.h"
#include "srcpush.h"
#include "srcwhy.h"

#define GST_CAT_DEFAULT clipmoe_src_debug

#define MOST_PICTURES 4              /* that wait for a slow pipeline */
#define MOST_CODED 1000              /* buffers that wait … */
#define MOST_CODED_BYTES (32u << 20) /* … and their bytes */
#define STOP_PATIENCE (1500 * G_TIME_SPAN_MILLISECOND)

enum {
  PROP_0,
  PROP_URI,
  PROP_USER_ID,
  PROP_USER_PW,
  PROP_LOGIN_FILE,
  PROP_TIMEOUT,
  PROP_CONNECT_TIMEOUT,
  PROP_RETRY,
  PROP_RETRY_INTERVAL,
  PROP_RETRY_MOST,
  PROP_LATENCY,
  PROP_PROTOCOLS,
  PROP_STATS
};

struct _GstClipmoeSrc {
  GstBin parent;
  SrcLane *pictures, *coded;
  SrcPush *push; /* the bin's: brings the pictures */
  /* under the object lock */
  char *uri, *user, *password, *login_file, *protocols;
  double timeout, connect_timeout, retry_interval, retry_most;
  gboolean retry;
  guint latency;
  GstElement *encoded; /* brings the coded video; NULL: not requested */
  SrcLink *link;       /* above READY */
  SrcLinkStats stats;  /* of a run that is over */
};

G_DEFINE_TYPE (GstClipmoeSrc, gst_clipmoe_src, GST_TYPE_BIN)
GST_ELEMENT_REGISTER_DEFINE (clipmoesrc, "clipmoesrc", GST_RANK_NONE, GST_TYPE_CLIPMOE_SRC)

static guint source_setup;

static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw"));
static GstStaticPadTemplate encoded_template =
    GST_STATIC_PAD_TEMPLATE ("encoded", GST_PAD_SRC, GST_PAD_REQUEST, GST_STATIC_CAPS_ANY);

/* --- properties --- */

static char **
text_of (GstClipmoeSrc *self, guint id) {
  return id == PROP_URI          ? &self->uri
         : id == PROP_USER_ID    ? &self->user
         : id == PROP_USER_PW    ? &self->password
         : id == PROP_LOGIN_FILE ? &self->login_file
         : id == PROP_PROTOCOLS  ? &self->protocols
                                 : NULL;
}

static double *
number_of (GstClipmoeSrc *self, guint id) {
  return id == PROP_TIMEOUT           ? &self->timeout
         : id == PROP_CONNECT_TIMEOUT ? &self->connect_timeout
         : id == PROP_RETRY_INTERVAL  ? &self->retry_interval
         : id == PROP_RETRY_MOST      ? &self->retry_most
                                      : NULL;
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  GstClipmoeSrc *self = GST_CLIPMOE_SRC (object);
  GST_OBJECT_LOCK (self);
  char **text = text_of (self, id);
  double *number = number_of (self, id);
  if (text) {
    g_free (*text);
    *text = g_value_dup_string (value);
  } else if (number) {
    *number = g_value_get_double (value);
  } else if (id == PROP_RETRY) {
    self->retry = g_value_get_boolean (value);
  } else if (id == PROP_LATENCY) {
    self->latency = g_value_get_uint (value);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* Copies the statistics; free their reason. */
static void
read_stats (GstClipmoeSrc *self, SrcLinkStats *stats) {
  GST_OBJECT_LOCK (self);
  if (self->link) {
    src_link_get_stats (self->link, stats);
  } else {
    *stats = self->stats;
    stats->reason = g_strdup (stats->reason);
  }
  GST_OBJECT_UNLOCK (self);
}

static GstStructure *
describe (GstClipmoeSrc *self, const char *name) {
  SrcLinkStats stats;
  read_stats (self, &stats);
  GstStructure *s = gst_structure_new (name, "state", G_TYPE_STRING, stats.online ? "online" : "offline",
                                       "since", G_TYPE_INT64, stats.since, "reconnects", G_TYPE_UINT64,
                                       stats.reconnects, "pictures", G_TYPE_UINT64, stats.pictures, "dropped",
                                       G_TYPE_UINT64, src_lane_get_dropped (self->pictures), NULL);
  if (stats.reason)
    gst_structure_set (s, "reason", G_TYPE_STRING, stats.reason, NULL);
  g_free (stats.reason);
  return s;
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoeSrc *self = GST_CLIPMOE_SRC (object);
  if (id == PROP_STATS) {
    g_value_take_boxed (value, describe (self, "stats"));
    return;
  }
  GST_OBJECT_LOCK (self);
  char **text = text_of (self, id);
  double *number = number_of (self, id);
  if (id == PROP_URI) /* dot files print it */
    g_value_take_string (value, clipmoe_uri_without_login (self->uri));
  else if (text && id != PROP_USER_PW)
    g_value_set_string (value, *text);
  else if (number)
    g_value_set_double (value, *number);
  else if (id == PROP_RETRY)
    g_value_set_boolean (value, self->retry);
  else if (id == PROP_LATENCY)
    g_value_set_uint (value, self->latency);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  GST_OBJECT_UNLOCK (self);
}

/* --- the link's calls --- */

static void
changed (gpointer data, gboolean online, const char *reason) {
  GstClipmoeSrc *self = data;
  GstStructure *s = describe (self, CLIPMOE_CAMERA_NAME);
  GST_OBJECT_LOCK (self);
  char *uri = clipmoe_uri_without_login (self->uri);
  GST_OBJECT_UNLOCK (self);
  gst_structure_set (s, "uri", G_TYPE_STRING, uri, NULL);
  if (online)
    gst_structure_remove_field (s, "reason");
  GST_INFO_OBJECT (self, "%s is %s%s%s", uri, online ? "online" : "offline", reason ? ": " : "",
                   reason ? reason : "");
  g_free (uri);
  src_push_set_silent (self->push, !online);
  /* publishers hear it, too; it does not wait for pictures, of which there are none */
  GstPad *src = gst_element_get_static_pad (GST_ELEMENT (self->push), "src");
  gst_pad_push_event (src, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM_OOB, gst_structure_copy (s)));
  gst_object_unref (src);
  gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), s));
}

static void
setup (gpointer data, GstElement *source) {
  g_signal_emit (data, source_setup, 0, source);
}

static void
over (gpointer data, const char *reason) {
  GstClipmoeSrc *self = data;
  if (reason)
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("%s", reason), ("retry is false"));
  src_lane_end (self->pictures);
  src_lane_end (self->coded);
}

/* --- start and stop --- */

static gboolean
open_link (GstClipmoeSrc *self) {
  static const SrcLinkCalls calls = {changed, setup, over};
  GError *error = NULL;
  GST_OBJECT_LOCK (self);
  SrcLinkSettings settings = {.uri = g_strdup (self->uri),
                              .user = g_strdup (self->user),
                              .password = g_strdup (self->password),
                              .login_file = g_strdup (self->login_file),
                              .protocols = g_strdup (self->protocols),
                              .latency = self->latency,
                              .timeout = (gint64)(self->timeout * G_USEC_PER_SEC),
                              .connect = (gint64)(self->connect_timeout * G_USEC_PER_SEC),
                              .retry_least = (gint64)(self->retry_interval * G_USEC_PER_SEC),
                              .retry_most =
                                  (gint64)(MAX (self->retry_most, self->retry_interval) * G_USEC_PER_SEC),
                              .retry = self->retry};
  g_clear_pointer (&self->stats.reason, g_free);
  self->stats = (SrcLinkStats){0};
  GstElement *encoded = self->encoded ? gst_object_ref (self->encoded) : NULL;
  char *uri = clipmoe_uri_without_login (self->uri);
  GstClockTime latency = self->latency * GST_MSECOND;
  GST_OBJECT_UNLOCK (self);
  src_push_set_answers (self->push, uri, latency);
  if (encoded)
    src_push_set_answers (SRC_PUSH (encoded), uri, latency);
  g_free (uri);
  SrcLink *link = src_link_new (&settings, GST_ELEMENT (self), &calls, self->pictures,
                                encoded ? self->coded : NULL, &error);
  g_clear_object (&encoded);
  if (!link) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    g_error_free (error);
    return FALSE;
  }
  GST_OBJECT_LOCK (self);
  self->link = link;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static void
close_link (GstClipmoeSrc *self) {
  GST_OBJECT_LOCK (self);
  SrcLink *link = g_steal_pointer (&self->link);
  if (link)
    src_link_get_stats (link, &self->stats);
  self->stats.online = FALSE;
  GST_OBJECT_UNLOCK (self);
  if (link && !src_link_free (link, STOP_PATIENCE))
    GST_WARNING_OBJECT (self, "the camera's connection does not close in time and is left to itself");
}

static void
run_link (GstClipmoeSrc *self, gboolean playing) {
  GstClock *clock = playing ? gst_element_get_clock (GST_ELEMENT (self)) : NULL;
  GstClockTime base_time = gst_element_get_base_time (GST_ELEMENT (self));
  GST_OBJECT_LOCK (self);
  if (self->link)
    src_link_run (self->link, clock, base_time);
  GST_OBJECT_UNLOCK (self);
  if (clock)
    gst_object_unref (clock);
}

/* A camera is connected in PLAYING alone: it cannot be paused, and there is a clock then. */
static GstStateChangeReturn
change_state (GstElement *element, GstStateChange change) {
  GstClipmoeSrc *self = GST_CLIPMOE_SRC (element);
  if (change == GST_STATE_CHANGE_READY_TO_PAUSED && !open_link (self))
    return GST_STATE_CHANGE_FAILURE;
  if (change == GST_STATE_CHANGE_PLAYING_TO_PAUSED)
    run_link (self, FALSE);
  GstStateChangeReturn r = GST_ELEMENT_CLASS (gst_clipmoe_src_parent_class)->change_state (element, change);
  gboolean failed = r == GST_STATE_CHANGE_FAILURE;
  if (change == GST_STATE_CHANGE_PAUSED_TO_PLAYING && !failed)
    run_link (self, TRUE);
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY || (change == GST_STATE_CHANGE_READY_TO_PAUSED && failed))
    close_link (self);
  return r;
}

/* --- the pad `encoded` --- */

static GstPad *
request_pad (GstElement *element, GstPadTemplate *template, const char *name, const GstCaps *caps) {
  GstClipmoeSrc *self = GST_CLIPMOE_SRC (element);
  GST_OBJECT_LOCK (self);
  gboolean can = !self->encoded && !self->link;
  if (can)
    self->encoded = gst_object_ref_sink (src_push_new ("encoded", self->coded));
  GST_OBJECT_UNLOCK (self);
  if (!can) {
    GST_WARNING_OBJECT (self, "the pad encoded is there already, or was requested while it runs");
    return NULL;
  }
  gst_bin_add (GST_BIN (self), self->encoded);
  GstPad *src = gst_element_get_static_pad (self->encoded, "src"),
         *ghost = gst_ghost_pad_new_from_template ("encoded", src, template);
  gst_object_unref (src);
  gst_element_add_pad (element, ghost);
  return ghost;
}

static void
release_pad (GstElement *element, GstPad *pad) {
  GstClipmoeSrc *self = GST_CLIPMOE_SRC (element);
  GST_OBJECT_LOCK (self);
  GstElement *encoded = g_steal_pointer (&self->encoded);
  GST_OBJECT_UNLOCK (self);
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
  gst_element_set_state (encoded, GST_STATE_NULL);
  GstObject *parent =
      gst_object_get_parent (GST_OBJECT (encoded)); /* while the bin goes itself it has none */
  if (parent) {
    gst_bin_remove (GST_BIN (self), encoded);
    gst_object_unref (parent);
  }
  gst_object_unref (encoded);
}

/* Whatever becomes of the branch behind `encoded`, the pictures go on. */
static void
handle_message (GstBin *bin, GstMessage *message) {
  GstClipmoeSrc *self = GST_CLIPMOE_SRC (bin);
  GST_OBJECT_LOCK (self);
  gboolean aside = self->encoded && GST_MESSAGE_SRC (message) == GST_OBJECT (self->encoded);
  GST_OBJECT_UNLOCK (self);
  if (aside && GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GST_INFO_OBJECT (self, "nobody takes the video as it comes any more");
    gst_message_unref (message);
    return;
  }
  GST_BIN_CLASS (gst_clipmoe_src_parent_class)->handle_message (bin, message);
}

/* --- the class --- */

static void
finalize (GObject *object) {
  GstClipmoeSrc *self = GST_CLIPMOE_SRC (object);
  g_free (self->uri);
  g_free (self->user);
  g_free (self->password);
  g_free (self->login_file);
  g_free (self->protocols);
  g_free (self->stats.reason);
  src_lane_unref (self->pictures);
  src_lane_unref (self->coded);
  G_OBJECT_CLASS (gst_clipmoe_src_parent_class)->finalize (object);
}

static void
gst_clipmoe_src_init (GstClipmoeSrc *self) {
  self->pictures = src_lane_new (MOST_PICTURES, G_MAXSIZE, FALSE);
  self->coded = src_lane_new (MOST_CODED, MOST_CODED_BYTES, TRUE);
  self->timeout = 5;
  self->connect_timeout = 10;
  self->retry = TRUE;
  self->retry_interval = 1;
  self->retry_most = 30;
  self->latency = 200;
  self->protocols = g_strdup ("tcp");
  self->push = SRC_PUSH (src_push_new ("pictures", self->pictures));
  gst_bin_add (GST_BIN (self), GST_ELEMENT (self->push));
  GstPad *src = gst_element_get_static_pad (GST_ELEMENT (self->push), "src");
  GstPadTemplate *template = gst_static_pad_template_get (&src_template);
  gst_element_add_pad (GST_ELEMENT (self), gst_ghost_pad_new_from_template ("src", src, template));
  gst_object_unref (template);
  gst_object_unref (src);
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SOURCE);
}

static void
install_properties (GObjectClass *object) {
  const GParamFlags write = G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY,
                    flags = write | G_PARAM_READABLE;
#define TEXT(ID, NAME, NICK, BLURB, DEFAULT, FLAGS)                                                          \
  g_object_class_install_property (object, ID, g_param_spec_string (NAME, NICK, BLURB, DEFAULT, FLAGS))
#define SECONDS(ID, NAME, NICK, BLURB, DEFAULT)                                                              \
  g_object_class_install_property (object, ID,                                                               \
                                   g_param_spec_double (NAME, NICK, BLURB, 0.05, 86400, DEFAULT, flags))
  TEXT (PROP_URI, "uri", "URI",
        "Where the camera is: rtsp://, http://, https://, v4l2:/dev/video0, or a file, which is played over "
        "and over as a camera; read back without login",
        NULL, flags);
  TEXT (PROP_USER_ID, "user-id", "User", "Name of the login; not set = the one in the URI", NULL, flags);
  TEXT (PROP_USER_PW, "user-pw", "Password", "Password of the login; login-file does not show it to others",
        NULL, write);
  TEXT (PROP_LOGIN_FILE, "login-file", "Login file",
        "A file whose first line is USER:PASSWORD; read anew for each connection", NULL, flags);
  SECONDS (PROP_TIMEOUT, "timeout", "Timeout", "Seconds without a picture after which the camera is lost", 5);
  SECONDS (PROP_CONNECT_TIMEOUT, "connect-timeout", "Connect timeout",
           "Seconds that a connection may take until its first picture", 10);
  g_object_class_install_property (
      object, PROP_RETRY,
      g_param_spec_boolean ("retry", "Retry",
                            "Whether it is connected anew; else a lost camera is an error, and the end of a "
                            "file the end",
                            TRUE, flags));
  SECONDS (PROP_RETRY_INTERVAL, "retry-interval", "Retry interval",
           "Seconds before the first new connection; each that fails doubles it", 1);
  SECONDS (PROP_RETRY_MOST, "retry-interval-most", "Longest retry interval",
           "Seconds between two connections at most", 30);
  g_object_class_install_property (object, PROP_LATENCY,
                                   g_param_spec_uint ("latency", "Latency",
                                                      "Milliseconds that packets of RTSP may be late", 0,
                                                      60000, 200, flags));
  TEXT (PROP_PROTOCOLS, "protocols", "Protocols",
        "How RTSP brings its packets, as rtspsrc has it: tcp, udp, tcp+udp", "tcp", flags);
#undef TEXT
#undef SECONDS
  g_object_class_install_property (
      object, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
                          "state (online, offline), since (UTC in µs), reason (why it was offline last), "
                          "reconnects, pictures, and pictures dropped for a slow pipeline",
                          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
gst_clipmoe_src_class_init (GstClipmoeSrcClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (clipmoe_src_debug, "clipmoesrc", 0, "camera that comes back");
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  install_properties (object);
  /**
   * GstClipmoeSrc::source-setup:
   * @source: the element that connects (rtspsrc, souphttpsrc, …), before it does
   *
   * For settings that clipmoesrc has no property for. In a thread of its own, once a connection.
   */
  source_setup = g_signal_new ("source-setup", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                               NULL, G_TYPE_NONE, 1, GST_TYPE_ELEMENT);
  gst_element_class_set_static_metadata (
      element, "Camera", "Source/Network/Video",
      "Brings the pictures of a camera, and connects it anew when it is lost", "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &src_template);
  gst_element_class_add_static_pad_template (element, &encoded_template);
  element->change_state = change_state;
  element->request_new_pad = request_pad;
  element->release_pad = release_pad;
  GST_BIN_CLASS (klass)->handle_message = handle_message;
}
