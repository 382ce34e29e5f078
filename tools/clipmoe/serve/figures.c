#include "figures.h"

#include <math.h>
#include <string.h>
#include <base/jsontext.h>
#include <when.h>

#define SECOND G_GINT64_CONSTANT (1000000000)

void
clipmoe_figures_number (GString *out, double value, guint decimals) {
  char text[G_ASCII_DTOSTR_BUF_SIZE], format[8];
  if (!isfinite (value)) {
    g_string_append (out, "null");
    return;
  }
  g_snprintf (format, sizeof format, "%%.%uf", decimals);
  g_string_append (out, g_ascii_formatd (text, sizeof text, format, value));
}

void
clipmoe_figures_time (GString *out, gint64 ns) {
  if (ns < 0) {
    g_string_append (out, "null");
    return;
  }
  g_string_append_printf (out, "%" G_GINT64_FORMAT ".%09" G_GINT64_FORMAT, ns / SECOND, ns % SECOND);
  while (out->str[out->len - 1] == '0')
    g_string_truncate (out, out->len - 1);
  if (out->str[out->len - 1] == '.')
    g_string_append_c (out, '0');
}

/* UTC µs as RFC 3339, or null for 0. */
static void
put_at (GString *out, gint64 at) {
  char *text = at ? clipmoe_when_utc (at) : NULL;
  clipmoe_json_string (out, text);
  g_free (text);
}

static const char *
recorded_by_name (ClipmoeRecordedBy by) {
  switch (by) {
  case CLIPMOE_RECORDED_CONTAINER:
    return "container";
  case CLIPMOE_RECORDED_NAME:
    return "name";
  case CLIPMOE_RECORDED_MTIME:
    return "mtime";
  case CLIPMOE_RECORDED_LIVE:
    return "live";
  default:
    return NULL;
  }
}

void
clipmoe_figures_moment (GString *out, const ClipmoeFound *f) {
  char *name = f->path ? g_path_get_basename (f->path) : NULL;
  g_string_append_printf (out, "\"moment\":%" G_GINT64_FORMAT ",\"file\":", f->id);
  clipmoe_json_string (out, f->path);
  g_string_append (out, ",\"source\":");
  clipmoe_json_string (out, f->source);
  g_string_append (out, ",\"start\":");
  clipmoe_figures_time (out, f->start);
  g_string_append (out, ",\"end\":");
  clipmoe_figures_time (out, f->end);
  g_string_append (out, ",\"time\":");
  clipmoe_figures_time (out, f->time);
  g_string_append (out, ",\"at\":");
  put_at (out, f->at);
  g_string_append (out, ",\"recorded_by\":");
  clipmoe_json_string (out, f->at ? recorded_by_name (f->recorded_by) : NULL);
  g_string_append_printf (out, ",\"file_id\":%" G_GINT64_FORMAT ",\"name\":", f->file);
  clipmoe_json_string (out, f->source ? f->source : name);
  g_string_append_printf (out, ",\"picture\":%s,\"thumb\":", f->picture ? "true" : "false");
  if (f->has_thumbnail)
    g_string_append_printf (out, "\"/thumb/%" G_GINT64_FORMAT ".jpg\"", f->id);
  else
    g_string_append (out, "null");
  g_free (name);
}

void
clipmoe_figures_hit (GString *out, const ClipmoeHit *hit, const char *model) {
  ClipmoeFound f = *hit->found;
  f.start = hit->start; /* of all that became one hit */
  f.end = hit->end;
  g_string_append (out, "{\"schema\":\"clipmoe.hit/1\",");
  clipmoe_figures_moment (out, &f);
  g_string_append_printf (out, ",\"moments\":%u,\"cosine\":", hit->moments);
  clipmoe_figures_number (out, hit->cosine, 6);
  g_string_append (out, ",\"score\":");
  clipmoe_figures_number (out, hit->score, 6);
  g_string_append (out, ",\"distance\":");
  clipmoe_figures_number (out, hit->distance, 3);
  g_string_append_printf (out, ",\"stands_out\":%s,\"model\":", hit->stands_out ? "true" : "false");
  clipmoe_json_string (out, model);
  g_string_append_c (out, '}');
}

void
clipmoe_figures_file (GString *out, const ClipmoeStoreFile *f) {
  static const char *const states[] = {
      [CLIPMOE_FILE_RUNNING] = "running", [CLIPMOE_FILE_DONE] = "done",
      [CLIPMOE_FILE_FAILED] = "failed",   [CLIPMOE_FILE_SKIPPED] = "skipped",
      [CLIPMOE_FILE_WAITING] = "waiting",
  };
  char *name = f->path ? g_path_get_basename (f->path) : NULL;
  g_string_append_printf (out, "{\"file_id\":%" G_GINT64_FORMAT ",\"file\":", f->id);
  clipmoe_json_string (out, f->path);
  g_string_append (out, ",\"source\":");
  clipmoe_json_string (out, f->source);
  g_string_append (out, ",\"name\":");
  clipmoe_json_string (out, f->source ? f->source : name);
  g_string_append_printf (out, ",\"size\":%" G_GUINT64_FORMAT ",\"duration\":", f->size);
  clipmoe_figures_time (out, f->duration ? f->duration : -1);
  g_string_append (out, ",\"recorded\":");
  put_at (out, f->recorded);
  g_string_append (out, ",\"recorded_by\":");
  clipmoe_json_string (out, recorded_by_name (f->recorded_by));
  g_string_append_printf (out, ",\"picture\":%s,\"state\":", f->picture ? "true" : "false");
  clipmoe_json_string (out, (guint)f->state < G_N_ELEMENTS (states) ? states[f->state] : NULL);
  g_string_append (out, ",\"reason\":");
  clipmoe_json_string (out, f->reason);
  g_string_append_printf (out, ",\"moments\":%" G_GUINT64_FORMAT "}", f->moments);
  g_free (name);
}

void
clipmoe_figures_clip (const ClipmoeFound *found, gint64 *start, gint64 *end) {
  *start = MAX (found->start - CLIPMOE_CLIP_LEAD, 0);
  *end = MAX (found->end, found->time) + CLIPMOE_CLIP_LEAD;
  if (*end - *start > CLIPMOE_CLIP_LONGEST) {
    *start = MAX (*start, found->time - CLIPMOE_CLIP_LONGEST / 6);
    *end = MIN (*end, *start + CLIPMOE_CLIP_LONGEST);
  }
}
