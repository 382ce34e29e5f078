#include "srcwhy.h"

#include <string.h>
#include <base/plain.h>
#include <base/uri.h>

GST_DEBUG_CATEGORY (clipmoe_src_debug);

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
