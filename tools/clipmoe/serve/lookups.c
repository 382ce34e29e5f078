#include "lookups.h"

#include <string.h>
#include <base/jsontext.h>
#include "figures.h"
#include "original.h"

#define MOST_NEIGHBOURS 1000 /* moments of its file that come with one */
#define KEPT 300             /* s: long enough for going back and forth; a new store may use ids again */

gpointer
clipmoe_lookup_open (gpointer place, GError **error) {
  return clipmoe_reader_open (place, error);
}

void
clipmoe_lookup_close (gpointer reader) {
  clipmoe_reader_close (reader);
}

/* A thing that is not there is 404, whatever else is wrong as usual. */
static void
fail (ClipmoeHttpReply *reply, GError *error) {
  gboolean missing = g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT) ||
                     g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED);
  clipmoe_http_reply_error (reply, error);
  if (missing)
    reply->status = 404;
}

/* FALSE: replied. */
static gboolean
no_params (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply) {
  static const char *const none[] = {NULL};
  GError *error = NULL;
  if (clipmoe_http_ask_check (ask, none, &error))
    return TRUE;
  clipmoe_http_reply_error (reply, error);
  return FALSE;
}

/* Whether the file's name as it is shown has @part in it, whatever its case. */
static gboolean
is_named (const ClipmoeStoreFile *f, const char *part) {
  char *name = g_utf8_make_valid (f->source ? f->source : f->path, -1), *folded = g_utf8_casefold (name, -1),
       *wanted = g_utf8_casefold (part, -1);
  gboolean is = strstr (folded, wanted) != NULL;
  g_free (name);
  g_free (folded);
  g_free (wanted);
  return is;
}

void
clipmoe_lookup_files (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  static const char *const known[] = {"name", "offset", "limit", NULL};
  ClipmoeReader *reader = data;
  GError *error = NULL;
  gint64 offset = 0, limit = 100;
  GPtrArray *files = NULL, *models = NULL;
  if (clipmoe_http_ask_check (ask, known, &error) &&
      clipmoe_http_ask_number (ask, "offset", 0, G_MAXINT32, &offset, &error) &&
      clipmoe_http_ask_number (ask, "limit", 1, 500, &limit, &error) &&
      clipmoe_reader_refresh (reader, &error) && (models = clipmoe_store_get_models (reader->store, &error)))
    files = clipmoe_store_get_files (reader->store, &error);
  if (files) {
    const char *part = clipmoe_http_ask_get (ask, "name");
    const ClipmoeStoreModel *model = models->len ? models->pdata[0] : NULL;
    GString *out = g_string_new ("{\"schema\":\"clipmoe.files/1\",\"model\":"), *list = g_string_new (NULL);
    guint64 moments = 0, total = 0;
    double seconds = 0;
    for (guint i = 0; i < files->len; i++) {
      const ClipmoeStoreFile *f = files->pdata[i];
      moments += f->moments;
      seconds += (double)f->duration / 1e9;
      if (part && !is_named (f, part))
        continue;
      if (total >= (guint64)offset && total < (guint64)(offset + limit)) {
        if (list->len)
          g_string_append_c (list, ',');
        clipmoe_figures_file (list, f);
      }
      total++;
    }
    clipmoe_json_string (out, model ? model->id : NULL);
    g_string_append_printf (out, ",\"files\":%u,\"moments\":%" G_GUINT64_FORMAT ",\"seconds\":", files->len,
                            moments);
    clipmoe_figures_number (out, seconds, 3);
    g_string_append_printf (out, ",\"matching\":%" G_GUINT64_FORMAT ",\"list\":[%s]}\n", total, list->str);
    g_string_free (list, TRUE);
    clipmoe_http_reply_json (reply, out);
  } else {
    clipmoe_http_reply_error (reply, error);
  }
  g_clear_pointer (&files, g_ptr_array_unref);
  g_clear_pointer (&models, g_ptr_array_unref);
}

/* The moments of its file on both sides of @found, in time order: [id, start, end, time]. */
static gboolean
put_neighbours (GString *out, ClipmoeReader *reader, const ClipmoeFound *found, GError **error) {
  GPtrArray *all = clipmoe_store_find_beside (reader->store, found, MOST_NEIGHBOURS / 2, error);
  if (!all)
    return FALSE;
  g_string_append (out, ",\"neighbours\":[");
  for (guint i = 0; i < all->len; i++) {
    const ClipmoeFound *f = all->pdata[i];
    g_string_append_printf (out, "%s[%" G_GINT64_FORMAT ",", i ? "," : "", f->id);
    clipmoe_figures_time (out, f->start);
    g_string_append_c (out, ',');
    clipmoe_figures_time (out, f->end);
    g_string_append_c (out, ',');
    clipmoe_figures_time (out, f->time);
    g_string_append_c (out, ']');
  }
  g_string_append_c (out, ']');
  g_ptr_array_unref (all);
  return TRUE;
}

void
clipmoe_lookup_moment (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  ClipmoeReader *reader = data;
  GError *error = NULL;
  if (!no_params (ask, reply))
    return;
  ClipmoeFound *found = clipmoe_reader_find (reader, ask->id, &error);
  const ClipmoeStoreFile *file = found ? clipmoe_reader_find_file (reader, found->file, &error) : NULL;
  GString *out = g_string_new ("{\"schema\":\"clipmoe.moment/1\",");
  if (file) {
    gint64 start, end;
    clipmoe_figures_moment (out, found);
    g_string_append_printf (out, ",\"moments_of_file\":%" G_GUINT64_FORMAT ",\"why\":\"%s\",\"duration\":",
                            file->moments, clipmoe_why_name (found->why));
    clipmoe_figures_time (out, file->duration ? file->duration : -1);
    clipmoe_figures_clip (found, &start, &end);
    g_string_append (out, ",\"video\":");
    if (file->path)
      g_string_append_printf (out, "\"/video/%" G_GINT64_FORMAT "\"", found->file);
    else
      g_string_append (out, "null");
    g_string_append (out, ",\"clip\":");
    if (file->path && !found->picture) {
      g_string_append_printf (out, "{\"url\":\"/clip/%" G_GINT64_FORMAT ".webm\",\"start\":", found->id);
      clipmoe_figures_time (out, start);
      g_string_append (out, ",\"end\":");
      clipmoe_figures_time (out, end);
      g_string_append_c (out, '}');
    } else {
      g_string_append (out, "null");
    }
  }
  if (file && put_neighbours (out, reader, found, &error)) {
    g_string_append (out, "}\n");
    clipmoe_http_reply_json (reply, g_steal_pointer (&out));
  } else {
    fail (reply, error);
  }
  if (out)
    g_string_free (out, TRUE);
  g_clear_pointer (&found, clipmoe_found_free);
}

static gboolean
is_jpeg (GBytes *bytes) {
  gsize n;
  const guint8 *data = g_bytes_get_data (bytes, &n);
  return n > 3 && memcmp (data, "\xff\xd8\xff", 3) == 0;
}

void
clipmoe_lookup_thumbnail (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  ClipmoeReader *reader = data;
  GError *error = NULL;
  if (!no_params (ask, reply))
    return;
  if (clipmoe_reader_refresh (reader, &error)) /* another archive that lies there by now has other pictures */
    reply->body = clipmoe_store_get_thumbnail (reader->store, ask->id, &error);
  if (error)
    fail (reply, error);
  else if (!reply->body)
    clipmoe_http_reply_fail (reply, 404, "this moment has no thumbnail");
  else if (!is_jpeg (reply->body))
    clipmoe_http_reply_fail (reply, 500, "the archive is damaged: the picture of this moment is no JPEG");
  else {
    reply->type = "image/jpeg";
    reply->keep = KEPT;
    char *digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, reply->body);
    reply->etag = g_strdup_printf ("\"%.24s\"", digest);
    g_free (digest);
  }
}

void
clipmoe_lookup_video (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  ClipmoeOriginal original;
  GError *error = NULL;
  if (!no_params (ask, reply))
    return;
  if (!clipmoe_original_open (&original, data, ask->id, &error)) {
    fail (reply, error);
    return;
  }
  reply->fd = original.fd;
  reply->size = original.size;
  reply->etag = g_steal_pointer (&original.etag);
  reply->type = original.type ? original.type : "application/octet-stream";
  reply->download = original.type == NULL;
  reply->changes = TRUE;
  original.fd = -1;
  clipmoe_original_clear (&original);
}
