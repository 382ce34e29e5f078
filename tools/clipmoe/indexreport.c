#include "indexreport.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <base/jsontext.h>
#include <base/plain.h>
#include <shown.h>
#include "common.h"

#define MOST_LISTED 1000 /* names at the end; all stand in the store */
#define SECOND 1e9

struct _ClipmoeIndexReport {
  gboolean json, each, verbose, terminal, shown;
  gint64 begun, last_shown;
  guint expected;
  guint64 expected_bytes;
  guint n[CLIPMOE_N_INDEX_RESULTS];
  guint64 moments, bytes, bytes_looked_at;
  gint64 duration;   /* of the files that were looked at */
  double seconds;    /* that those took */
  GPtrArray *listed; /* (element-type utf8): "NAME: REASON" */
  guint unlisted;
  guint others; /* of those that were skipped */
};

/* In JSON, and for people. */
static const char *const names[] = {
    [CLIPMOE_INDEXED] = "indexed",     [CLIPMOE_INDEX_UNCHANGED] = "unchanged",
    [CLIPMOE_INDEX_MOVED] = "moved",   [CLIPMOE_INDEX_SKIPPED] = "skipped",
    [CLIPMOE_INDEX_FAILED] = "failed", [CLIPMOE_INDEX_FAILED_BEFORE] = "failed_before",
};
static const char *const words[] = {
    [CLIPMOE_INDEXED] = "indexed",     [CLIPMOE_INDEX_UNCHANGED] = "unchanged",
    [CLIPMOE_INDEX_MOVED] = "moved",   [CLIPMOE_INDEX_SKIPPED] = "skipped",
    [CLIPMOE_INDEX_FAILED] = "failed", [CLIPMOE_INDEX_FAILED_BEFORE] = "failed before",
};

ClipmoeIndexReport *
clipmoe_index_report_new (gboolean json, gboolean each, gboolean verbose) {
  ClipmoeIndexReport *self = g_new0 (ClipmoeIndexReport, 1);
  self->json = json;
  self->each = each;
  self->verbose = verbose;
  self->terminal = isatty (2) && !(json && isatty (1));
  self->begun = g_get_monotonic_time ();
  self->listed = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
clipmoe_index_report_free (ClipmoeIndexReport *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->listed);
  g_free (self);
}

void
clipmoe_index_report_expect (ClipmoeIndexReport *self, guint files, guint64 bytes) {
  self->expected += files;
  self->expected_bytes += bytes;
}

static void
append_number (GString *out, const char *key, double value) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (out, ",\"%s\":%s", key, g_ascii_formatd (text, sizeof text, "%.3f", value));
}

static gboolean
print (GString *line) {
  g_string_append_c (line, '\n');
  gboolean ok = clipmoe_print (line) == 0;
  g_string_free (line, TRUE);
  return ok;
}

static gboolean
print_line (const ClipmoeIndexLine *line) {
  GString *out = g_string_new ("{\"schema\":\"clipmoe.index/1\",\"file\":");
  clipmoe_json_string (out, line->path);
  g_string_append_printf (out, ",\"result\":\"%s\",\"reason\":", names[line->result]);
  clipmoe_json_string (out, line->reason);
  g_string_append_printf (out, ",\"moments\":%" G_GUINT64_FORMAT, line->moments);
  append_number (out, "seconds", line->seconds);
  append_number (out, "duration", (double)line->duration / SECOND);
  g_string_append_c (out, '}');
  return print (out);
}

static gboolean
print_words (const ClipmoeIndexLine *line) {
  char *shown = clipmoe_shown (line->path), *reason = clipmoe_plain (line->reason ? line->reason : "", -1);
  GString *out = g_string_new (shown);
  if (line->result == CLIPMOE_INDEXED)
    g_string_append_printf (out, ": %" G_GUINT64_FORMAT " moments", line->moments);
  else
    g_string_append_printf (out, ": %s: %s", words[line->result], reason);
  g_free (shown);
  g_free (reason);
  return print (out);
}

gboolean
clipmoe_index_report_add (ClipmoeIndexReport *self, const ClipmoeIndexLine *line, guint64 bytes) {
  self->n[line->result]++;
  self->moments += line->moments;
  self->bytes += bytes;
  if (line->result == CLIPMOE_INDEXED) {
    self->bytes_looked_at += bytes;
    self->duration += line->duration;
    self->seconds += line->seconds;
  }
  if (line->other && !self->verbose) {
    self->others++;
  } else if (line->result == CLIPMOE_INDEX_SKIPPED || line->result == CLIPMOE_INDEX_FAILED ||
             (line->result == CLIPMOE_INDEX_FAILED_BEFORE && self->verbose)) {
    if (self->listed->len < MOST_LISTED) {
      char *shown = clipmoe_shown (line->path),
           *reason = clipmoe_plain (line->reason ? line->reason : "", -1);
      g_ptr_array_add (self->listed, g_strdup_printf ("%s: %s: %s", words[line->result], shown, reason));
      g_free (shown);
      g_free (reason);
    } else {
      self->unlisted++;
    }
  }
  gboolean said =
      self->json || (self->each && (line->result == CLIPMOE_INDEXED || line->result == CLIPMOE_INDEX_FAILED));
  if (!said)
    return TRUE;
  clipmoe_index_report_quiet (self);
  return self->json ? print_line (line) : print_words (line);
}

static void
append_hours (GString *out, double seconds) {
  if (seconds >= 3600)
    g_string_append_printf (out, "%.1f h", seconds / 3600);
  else if (seconds >= 60)
    g_string_append_printf (out, "%.0f min", seconds / 60);
  else
    g_string_append_printf (out, "%.0f s", seconds);
}

void
clipmoe_index_report_progress (ClipmoeIndexReport *self, const char *path, gint64 position, gint64 duration,
                               guint64 bytes) {
  gint64 now = g_get_monotonic_time ();
  if (!self->terminal || now - self->last_shown < G_USEC_PER_SEC / 2)
    return;
  self->last_shown = now;
  self->shown = TRUE;
  guint done = 0;
  for (guint i = 0; i < CLIPMOE_N_INDEX_RESULTS; i++)
    done += self->n[i];
  double took = (double)(now - self->begun) / G_USEC_PER_SEC,
         part = duration > 0 ? CLAMP ((double)position / (double)duration, 0, 1) : 0,
         looked_at = (double)self->bytes_looked_at + part * (double)bytes,
         left = (double)self->expected_bytes - (double)self->bytes - part * (double)bytes;
  double video = (double)(self->duration + position) / SECOND;
  char *base = g_path_get_basename (path), *name = clipmoe_shown (base);
  *g_utf8_offset_to_pointer (name, MIN (g_utf8_strlen (name, -1), 30)) = 0;
  GString *out = g_string_new ("\r\033[K");
  g_string_append_printf (out, "%u of %u files  ", done, self->expected);
  append_hours (out, video);
  if (took > 0.5)
    g_string_append_printf (out, "  %.0f x real time", video / took);
  if (took > 0.5 && looked_at > 0 && left > 0) {
    g_string_append (out, "  ");
    append_hours (out, took * left / looked_at);
    g_string_append (out, " left");
  }
  g_string_append_printf (out, "  %s", name);
  fputs (out->str, stderr);
  g_string_free (out, TRUE);
  g_free (base);
  g_free (name);
}

void
clipmoe_index_report_quiet (ClipmoeIndexReport *self) {
  if (self->shown)
    fputs ("\r\033[K", stderr);
  self->shown = FALSE;
}

gboolean
clipmoe_index_report_finish (ClipmoeIndexReport *self) {
  double took = (double)(g_get_monotonic_time () - self->begun) / G_USEC_PER_SEC,
         video = (double)self->duration / SECOND;
  GString *out = g_string_new (NULL);
  guint files = 0;
  clipmoe_index_report_quiet (self);
  for (guint i = 0; i < CLIPMOE_N_INDEX_RESULTS; i++)
    files += self->n[i];
  for (guint i = 0; i < self->listed->len; i++)
    fprintf (stderr, "clipmoe: %s\n", (const char *)self->listed->pdata[i]);
  if (self->unlisted)
    fprintf (stderr, "clipmoe: and %u more\n", self->unlisted);
  if (self->others && !self->json)
    fprintf (stderr, "clipmoe: skipped: %u file%s without pictures or video; --verbose lists them\n",
             self->others, self->others == 1 ? "" : "s");
  g_ptr_array_set_size (self->listed, 0);
  self->unlisted = self->others = 0;
  if (self->json) {
    g_string_append_printf (out, "{\"schema\":\"clipmoe.index.sums/1\",\"files\":%u", files);
    for (guint i = 0; i < CLIPMOE_N_INDEX_RESULTS; i++)
      g_string_append_printf (out, ",\"%s\":%u", names[i], self->n[i]);
    g_string_append_printf (out, ",\"moments\":%" G_GUINT64_FORMAT, self->moments);
    append_number (out, "seconds", took);
    append_number (out, "duration", video);
    g_string_append_c (out, '}');
  } else {
    const char *between = "";
    for (guint i = 0; i < CLIPMOE_N_INDEX_RESULTS; i++)
      if (self->n[i] || i == CLIPMOE_INDEXED) {
        g_string_append_printf (out, "%s%u %s%s", between, self->n[i], words[i],
                                i == CLIPMOE_INDEX_FAILED_BEFORE ? " (--retry looks again)" : "");
        between = ", ";
      }
    g_string_append_printf (out, "; %" G_GUINT64_FORMAT " moments of ", self->moments);
    append_hours (out, video);
    g_string_append (out, " in ");
    append_hours (out, took);
    if (self->seconds > 0 && video > 0)
      g_string_append_printf (out, " (%.0f x real time)", video / self->seconds);
  }
  return print (out);
}

guint
clipmoe_index_report_get_failed (const ClipmoeIndexReport *self) {
  return self->n[CLIPMOE_INDEX_FAILED];
}
