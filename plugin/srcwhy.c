#include "srcwhy.h"

#include <string.h>
#include <base/plain.h>
#include <base/uri.h>

char *
src_why (GstMessage *message, gboolean *unreachable) {
  GError *error = NULL;
  char *debug = NULL;
  const char *what = NULL;
  gst_message_parse_error (message, &error, &debug);
  *unreachable = FALSE;
  if (error->domain == GST_RESOURCE_ERROR)
    switch (error->code) {
    case GST_RESOURCE_ERROR_NOT_AUTHORIZED:
      what = "The login was refused";
      break;
    case GST_RESOURCE_ERROR_NOT_FOUND:
      what = "There is nothing at this address";
      break;
    case GST_RESOURCE_ERROR_OPEN_READ:
    case GST_RESOURCE_ERROR_OPEN_READ_WRITE:
    case GST_RESOURCE_ERROR_OPEN_WRITE:
      what = "It cannot be reached";
      *unreachable = TRUE;
      break;
    case GST_RESOURCE_ERROR_READ:
    case GST_RESOURCE_ERROR_WRITE:
    case GST_RESOURCE_ERROR_CLOSE:
      what = "The connection was lost";
      *unreachable = TRUE;
      break;
    default:
      break;
    }
  /* 401 is an error of another kind in some sources */
  if (debug && (strstr (debug, "Unauthorized") || strstr (debug, "(401)")))
    what = "The login was refused";
  char *said = what ? g_strdup_printf ("%s (%s)", what, error->message) : g_strdup (error->message);
  char *shown = clipmoe_uri_without_login (said), *plain = clipmoe_plain (shown, -1);
  g_free (said);
  g_free (shown);
  g_free (debug);
  g_error_free (error);
  return plain;
}

gboolean
src_answers (const char *uri, gint64 patience, GCancellable *cancel) {
  char *scheme = g_uri_parse_scheme (uri), answer[5] = "";
  gboolean rtsp = scheme && g_str_has_prefix (scheme, "rtsp"),
           plain = scheme && (g_str_equal (scheme, "http") || (rtsp && !g_str_equal (scheme, "rtsps")));
  const char *ask = rtsp ? "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" : "OPTIONS * HTTP/1.0\r\n\r\n";
  GSocketClient *client = g_socket_client_new ();
  g_socket_client_set_timeout (client, (guint)MAX (patience / G_USEC_PER_SEC, 1));
  g_socket_client_set_enable_proxy (client, FALSE);
  GSocketConnection *connection =
      g_socket_client_connect_to_uri (client, uri,
                                      rtsp                                      ? 554
                                      : scheme && g_str_equal (scheme, "https") ? 443
                                                                                : 80,
                                      cancel, NULL);
  gboolean answers = connection != NULL;
  if (connection && plain) {
    gsize n = 0;
    answers = g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), ask,
                                         strlen (ask), NULL, cancel, NULL) &&
              g_input_stream_read_all (g_io_stream_get_input_stream (G_IO_STREAM (connection)), answer,
                                       sizeof answer - 1, &n, cancel, NULL) &&
              (g_str_equal (answer, "RTSP") || g_str_equal (answer, "HTTP"));
  }
  g_clear_object (&connection);
  g_object_unref (client);
  g_free (scheme);
  return answers;
}
