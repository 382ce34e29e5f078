/* Looks and events: their JSON line, and what is read from structures that somebody else wrote. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "clipmoeevent.h"
#include "clipmoemeta.h"
#include <stream/eventjson.h>
#include <stream/lookjson.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* The line is JSON, on one line, and holds nothing that a terminal obeys. */
static void
check_line (const ClipmoeLook *look) {
  char *line = clipmoe_look_to_json (look);
  json_t *root = json_loads (line, JSON_REJECT_DUPLICATES, NULL);
  if (!root || json_array_size (json_object_get (root, "tags")) != look->n_tags)
    abort ();
  for (const char *p = line; *p; p = g_utf8_next_char (p))
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      abort ();
  ClipmoeLook *back = clipmoe_look_from_json (line, strlen (line), "the line", NULL);
  if (!back || back->n_tags != look->n_tags || back->embed != (look->embedding ? look->embed : 0))
    abort ();
  clipmoe_look_free (back);
  json_decref (root);
  g_free (line);
}

static void
quiet (const char *domain, GLogLevelFlags level, const char *message, gpointer data) {
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static gboolean begun;
  if (!begun) {
    gst_init (NULL, NULL);
    clipmoe_meta_register ();
    begun = TRUE;
  }
  /* Four texts that end with NULs, then numbers. */
  char *text = g_strndup ((const char *)data, size);
  const char *parts[4] = {text, text, text, text};
  gsize at = 0;
  for (guint i = 0; i < 4; i++) {
    const uint8_t *nul = at < size ? memchr (data + at, 0, size - at) : NULL;
    if (!nul)
      break;
    parts[i] = (const char *)data + at;
    at = (gsize)(nul - data) + 1;
  }
  guint64 n[3] = {0};
  memcpy (n, data + at, MIN (size - at, sizeof n));
  double score;
  memcpy (&score, &n[2], sizeof score);
  if (!(score > -1000 && score < 1000)) /* nothing that a model says is beyond */
    score = 0;
  ClipmoeTag tags[2] = {{parts[0], score, 0.5}, {parts[1], 0.25, -score}};
  ClipmoeLook look = {parts[2], parts[3],          n[0], n[1], n[0] & 1,
                      tags,     (guint)(n[1] % 3), NULL, 0,    (gint64)(n[1] >> 1)};
  check_line (&look);

  /* A structure as it came from another process; what GStreamer itself says of the text is not ours. */
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_default_handler (quiet, NULL);
  GstStructure *foreign = g_utf8_validate (text, -1, NULL) ? gst_structure_from_string (text, NULL) : NULL;
  g_log_set_default_handler (g_log_default_handler, NULL);
  g_log_set_always_fatal (fatal);
  const GValue *looks = foreign ? gst_structure_get_value (foreign, "looks") : NULL;
  if (looks) {
    GstBuffer *buffer = gst_buffer_new ();
    GstCustomMeta *meta = gst_buffer_add_custom_meta (buffer, "ClipmoeTags");
    gst_structure_set_value (gst_custom_meta_get_structure (meta), "looks", looks);
    for (guint i = 0; i <= clipmoe_looks_get_n (buffer); i++) {
      ClipmoeLook found;
      guint cls;
      if (clipmoe_looks_get (buffer, i, &found))
        check_line (&found);
      clipmoe_looks_clear (&found);
      if (clipmoe_looks_get_cls (buffer, i, &cls)) /* of which there is none */
        abort ();
    }
    ClipmoeLook own;
    clipmoe_meta_append (buffer, &(ClipmoeLook){.source = "a", .model = "b"});
    if (!clipmoe_looks_get (buffer, clipmoe_looks_get_n (buffer) - 1, &own) || g_strcmp0 (own.source, "a"))
      abort ();
    clipmoe_looks_clear (&own);
    gst_buffer_unref (buffer);
  }
  ClipmoeEvent event;
  const char *tagger;
  guint64 sequence;
  if (foreign && clipmoe_event_read (foreign, &event, &tagger, &sequence)) {
    char *line = clipmoe_event_to_json (&event);
    ClipmoeEvent *back = clipmoe_event_from_json (line, strlen (line), "the line", NULL);
    if (!back || back->type != event.type)
      abort ();
    clipmoe_event_free (back);
    g_free (line);
  }
  if (foreign)
    gst_structure_free (foreign);
  g_free (text);
  return 0;
}
