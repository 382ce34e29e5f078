/* Lines of JSON from outside: looks and events. What is read is written as a line that reads as the same
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <stream/eventjson.h>
#include <stream/lookjson.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Refused in words, or done; never both. */
static void
judge (gboolean ok, GError *error) {
  if (ok != (error == NULL) || (error && !strstr (error->message, "the line")))
    abort ();
  g_clear_error (&error);
}

/* Takes over both. */
static void
same (char *a, char *b) {
  if (strcmp (a, b) != 0)
    abort ();
  g_free (a);
  g_free (b);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  GError *error = NULL;
  ClipmoeLook *look = clipmoe_look_from_json ((const char *)data, size, "the line", &error);
  judge (look != NULL, error);
  if (look) {
    char *line = clipmoe_look_to_json (look);
    ClipmoeLook *again = clipmoe_look_from_json (line, strlen (line), "the line", NULL);
    if (!again || !clipmoe_look_same_labels (look, again))
      abort ();
    /* times beyond 48 days are as exact as a double, and may be another double after one more turn */
    if (look->time < (guint64)4e15 && look->age < (guint64)4e15)
      same (g_strdup (line), clipmoe_look_to_json (again));
    g_free (line);
    clipmoe_look_free (again);
    clipmoe_look_free (look);
  }
  error = NULL;
  ClipmoeEvent *event = clipmoe_event_from_json ((const char *)data, size, "the line", &error);
  judge (event != NULL, error);
  if (event) {
    char *line = clipmoe_event_to_json (event);
    ClipmoeEvent *again = clipmoe_event_from_json (line, strlen (line), "the line", NULL);
    if (!again || again->type != event->type)
      abort ();
    if (MAX (MAX (event->start, event->end), event->peak_time) < (guint64)4e15)
      same (g_strdup (line), clipmoe_event_to_json (again));
    g_free (line);
    clipmoe_event_free (again);
    clipmoe_event_free (event);
  }
  return 0;
}
