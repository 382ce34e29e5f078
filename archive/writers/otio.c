#include "otio.h"

#include <math.h>
#include <base/jsontext.h>
#include "shown.h"

/* Shown, since a name with invalid UTF-8 is no JSON. */
static void
append_text (GString *out, const char *text) {
  char *shown = clipmoe_shown (text);
  clipmoe_json_string (out, shown);
  g_free (shown);
}

static void
append_time (GString *out, gint64 frames, const ClipmoeRate *rate) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (
      out, "{\"OTIO_SCHEMA\": \"RationalTime.1\", \"rate\": %s%s, \"value\": %" G_GINT64_FORMAT ".0}",
      g_ascii_dtostr (text, sizeof text, (double)rate->n / rate->d), rate->d == 1 ? ".0" : "", frames);
}

static void
append_range (GString *out, const char *key, gint64 start, gint64 length, const ClipmoeRate *rate) {
  g_string_append_printf (out, "\"%s\": {\"OTIO_SCHEMA\": \"TimeRange.1\", \"duration\": ", key);
  append_time (out, length, rate);
  g_string_append (out, ", \"start_time\": ");
  append_time (out, start, rate);
  g_string_append_c (out, '}');
}

static void
append_figure (GString *out, const char *key, double value, guint decimals) {
  if (!isfinite (value))
    return;
  g_string_append_printf (out, ", \"%s\": ", key);
  clipmoe_shown_number (out, value, decimals);
}

static void
append_metadata (GString *out, const ClipmoeSpan *s) {
  g_string_append (out, "\"metadata\": {\"clipmoe\": {\"file\": ");
  append_text (out, s->file);
  g_string_append (out, ", \"label\": ");
  append_text (out, s->label);
  append_figure (out, "start", s->start, 3);
  append_figure (out, "end", s->end, 3);
  append_figure (out, "time", s->time, 3);
  append_figure (out, "score", s->score, 6);
  append_figure (out, "cosine", s->cosine, 6);
  append_figure (out, "distance", s->distance, 3);
  if (s->stands_out >= 0)
    g_string_append_printf (out, ", \"stands_out\": %s", s->stands_out ? "true" : "false");
  if (s->at) {
    g_string_append (out, ", \"at\": ");
    append_text (out, s->at);
  }
  g_string_append (out, "}}");
}

static void
append_media (GString *out, const ClipmoeSpan *s, const ClipmoeCut *cut, const ClipmoeCutListOptions *options,
              const ClipmoeRate *rate) {
  char *uri = s->path ? g_filename_to_uri (s->path, NULL, NULL) : NULL, *base = clipmoe_shown_base (s->file);
  g_string_append_printf (
      out,
      "\"media_references\": {\"DEFAULT_MEDIA\": {\"OTIO_SCHEMA\": \"%s.1\", \"metadata\": {}, \"name\": ",
      uri ? "ExternalReference" : "MissingReference");
  clipmoe_json_string (out, base);
  g_string_append (out, ", ");
  if (s->length > 0)
    append_range (out, "available_range", options->start,
                  MAX (clipmoe_rate_frame (rate, s->length), cut->end), rate);
  else
    g_string_append (out, "\"available_range\": null");
  g_string_append (out, ", \"available_image_bounds\": null");
  if (uri) {
    g_string_append (out, ", \"target_url\": ");
    clipmoe_json_string (out, uri);
  }
  g_string_append (out, "}}, \"active_media_reference_key\": \"DEFAULT_MEDIA\"");
  g_free (uri);
  g_free (base);
}

static void
append_clip (GString *out, const ClipmoeSpan *s, const ClipmoeCutListOptions *options,
             const ClipmoeRate *rate) {
  ClipmoeCut cut = clipmoe_cutlist_cut (s, rate);
  g_string_append (out, "        {\n          \"OTIO_SCHEMA\": \"Clip.2\", ");
  append_metadata (out, s);
  g_string_append (out, ", \"name\": ");
  append_text (out, s->label);
  g_string_append (out, ",\n          ");
  append_range (out, "source_range", options->start + cut.start, cut.end - cut.start, rate);
  g_string_append (
      out, ",\n          \"effects\": [], \"enabled\": true, \"markers\": [{\"OTIO_SCHEMA\": \"Marker.2\", "
           "\"metadata\": {}, \"name\": ");
  append_text (out, s->label);
  g_string_append (out, ", \"color\": \"GREEN\", ");
  append_range (out, "marked_range", options->start + cut.best, 1, rate);
  g_string_append (out, "}],\n          ");
  append_media (out, s, &cut, options, rate);
  g_string_append (out, "\n        }");
}

void
clipmoe_write_otio (GString *out, const ClipmoeSpan *spans, guint n, const ClipmoeCutListOptions *options,
                    ClipmoeNotes *notes) {
  GPtrArray *sorted = clipmoe_order_by_time (spans, n, notes);
  ClipmoeRate rate = clipmoe_cutlist_rate (sorted, options, notes);
  g_string_append (out, "{\n  \"OTIO_SCHEMA\": \"Timeline.1\", \"metadata\": {}, \"name\": ");
  append_text (out, options->title ? options->title : "clipmoe");
  g_string_append (
      out,
      ", \"global_start_time\": null,\n  \"tracks\": {\n    \"OTIO_SCHEMA\": \"Stack.1\", \"metadata\": {}, "
      "\"name\": \"tracks\", \"source_range\": null, \"effects\": [], \"markers\": [], \"enabled\": true,\n"
      "    \"children\": [{\n      \"OTIO_SCHEMA\": \"Track.1\", \"metadata\": {}, \"name\": \"clipmoe\", "
      "\"source_range\": null, \"effects\": [], \"markers\": [], \"enabled\": true, \"kind\": \"Video\",\n"
      "      \"children\": [");
  for (guint i = 0; i < sorted->len; i++) {
    g_string_append (out, i ? ",\n" : "\n");
    append_clip (out, sorted->pdata[i], options, &rate);
  }
  g_string_append (out, sorted->len ? "\n      ]\n    }]\n  }\n}\n" : "]\n    }]\n  }\n}\n");
  g_ptr_array_unref (sorted);
}
