#include "watchclips.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <base/error.h>
#include <base/file.h>
#include <base/json.h>
#include <base/steadyclock.h>
#include <base/temporary.h>

#define LIST "clips.jsonl"
#define SCHEMA "clipmoe.clip/1"
#define MOST_LIST (64u << 20)
#define MOST_LINE (1u << 20)

typedef struct {
  char *line;            /* as it stands in the list */
  char *file, *snapshot; /* names in the folder; snapshot may be NULL */
  guint64 bytes, snapshot_bytes;
  gint64 end; /* UTC, µs */
} Clip;

struct _WatchClips {
  char *folder, *list;
  double days, bytes;
  GPtrArray *clips; /* Clip, oldest first */
};

static void
clip_free (gpointer data) {
  Clip *clip = data;
  g_free (clip->line);
  g_free (clip->file);
  g_free (clip->snapshot);
  g_free (clip);
}

static gboolean
is_name (const char *name) {
  return name && *name && *name != '.' && !strchr (name, '/');
}

/* NULL: no line of ours. */
static Clip *
parse (const char *path, const char *line) {
  json_t *o = clipmoe_json_parse_within (path, line, strlen (line), MOST_LINE, NULL);
  const char *schema = NULL, *file = NULL, *snapshot = NULL, *end = NULL;
  json_int_t bytes = 0, snapshot_bytes = 0;
  Clip *clip = NULL;
  if (o &&
      json_unpack (o, "{s:s, s:s, s:I, s?s, s?I, s:s}", "schema", &schema, "file", &file, "bytes", &bytes,
                   "snapshot", &snapshot, "snapshot_bytes", &snapshot_bytes, "end", &end) == 0 &&
      g_str_equal (schema, SCHEMA) && is_name (file) && (!snapshot || is_name (snapshot))) {
    GDateTime *time = g_date_time_new_from_iso8601 (end, NULL);
    clip = g_new0 (Clip, 1);
    *clip = (Clip){g_strdup (line),
                   g_strdup (file),
                   g_strdup (snapshot),
                   (guint64)MAX (bytes, 0),
                   (guint64)MAX (snapshot_bytes, 0),
                   time ? g_date_time_to_unix (time) * G_USEC_PER_SEC : 0};
    if (time)
      g_date_time_unref (time);
  }
  json_decref (o);
  return clip;
}

/* Deletes a file of ours, unless it is another by now. */
static void delete (const WatchClips *self, const char *name, guint64 bytes) {
  char *path = g_build_filename (self->folder, name, NULL);
  struct stat st;
  if (lstat (path, &st) == 0 && S_ISREG (st.st_mode) && (guint64)st.st_size == bytes)
    g_unlink (path);
  g_free (path);
}

static gboolean
write_list (const WatchClips *self, GError **error) {
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < self->clips->len; i++)
    g_string_append_printf (text, "%s\n", ((Clip *)self->clips->pdata[i])->line);
  gboolean ok = clipmoe_file_write (self->list, text->str, text->len, error);
  g_string_free (text, TRUE);
  return ok;
}

/* Returns whether something went. */
static gboolean
prune (WatchClips *self) {
  guint before = self->clips->len;
  gboolean ages = self->days > 0 && clipmoe_clock_is_steady (); /* one that jumped makes everything old */
  gint64 oldest = g_get_real_time () - (gint64)(self->days * 86400 * G_USEC_PER_SEC);
  double all = 0;
  gsize list = 0;
  for (guint i = 0; i < self->clips->len; i++) {
    const Clip *clip = self->clips->pdata[i];
    all += (double)(clip->bytes + clip->snapshot_bytes);
    list += strlen (clip->line) + 1;
  }
  /* an end may lie in the future, where the clock was wrong, so all are looked at */
  for (guint i = 0; i < self->clips->len;) {
    const Clip *clip = self->clips->pdata[i];
    gboolean late = ages && clip->end<oldest, much = self->bytes> 0 && all > self->bytes;
    if (!late && !much && list <= MOST_LIST) {
      i++;
      continue;
    }
    all -= (double)(clip->bytes + clip->snapshot_bytes);
    list -= strlen (clip->line) + 1;
    if (late || much) /* else it stays, and a list that could not be read any more does not come to be */
      delete (self, clip->file, clip->bytes);
    if ((late || much) && clip->snapshot)
      delete (self, clip->snapshot, clip->snapshot_bytes);
    g_ptr_array_remove_index (self->clips, i);
  }
  return self->clips->len != before;
}

gboolean
watch_clips_prune (WatchClips *self, GError **error) {
  return !prune (self) || write_list (self, error);
}

WatchClips *
watch_clips_open (const char *folder, double days, double bytes, GError **error) {
  if (g_mkdir_with_parents (folder, 0777) != 0) {
    clipmoe_error_set_errno (error, folder, "cannot make the folder");
    return NULL;
  }
  clipmoe_temporary_sweep (folder, 0);
  WatchClips *self = g_new0 (WatchClips, 1);
  *self = (WatchClips){g_strdup (folder), g_build_filename (folder, LIST, NULL), days, bytes,
                       g_ptr_array_new_with_free_func (clip_free)};
  if (!clipmoe_file_is_there (self->list))
    return self;
  gsize length;
  char *text = clipmoe_file_read (self->list, MOST_LIST, &length, error);
  if (!text) {
    watch_clips_free (self);
    return NULL;
  }
  char **lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    Clip *clip = *lines[i] ? parse (self->list, lines[i]) : NULL;
    if (clip) {
      g_ptr_array_add (self->clips, clip);
    } else if (*lines[i]) {
      clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->list, "line %u is none that a recorder writes",
                         i + 1);
      watch_clips_free (self);
      self = NULL;
      break;
    }
  }
  g_strfreev (lines);
  g_free (text);
  if (self && !watch_clips_prune (self, error)) {
    watch_clips_free (self);
    self = NULL;
  }
  return self;
}

void
watch_clips_free (WatchClips *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->clips);
  g_free (self->folder);
  g_free (self->list);
  g_free (self);
}

const char *
watch_clips_get_folder (const WatchClips *self) {
  return self->folder;
}

char *
watch_clips_path (const WatchClips *self, gint64 utc, const char *ending, guint n) {
  GDateTime *time = g_date_time_new_from_unix_utc (utc / G_USEC_PER_SEC);
  char *stamp = g_date_time_format (time, "%Y%m%dT%H%M%SZ"),
       *end = n ? g_strdup_printf ("-%u", n) : g_strdup (""),
       *name = g_strdup_printf ("%s%s.%s", stamp, end, ending),
       *path = g_build_filename (self->folder, name, NULL);
  g_date_time_unref (time);
  g_free (stamp);
  g_free (end);
  g_free (name);
  return path;
}

static char *
utc_text (gint64 utc) {
  GDateTime *second = g_date_time_new_from_unix_utc (utc / G_USEC_PER_SEC),
            *time = g_date_time_add (second, utc % G_USEC_PER_SEC);
  char *text = g_date_time_format_iso8601 (time);
  g_date_time_unref (second);
  g_date_time_unref (time);
  return text;
}

static char *
describe (const char *file, guint64 bytes, const char *snapshot, guint64 snapshot_bytes, gint64 start,
          gint64 end, const char *const *labels, const char *const *events) {
  json_t *names = json_array (), *ids = json_array ();
  for (guint i = 0; labels[i]; i++)
    json_array_append_new (names, clipmoe_json_text (labels[i]));
  for (guint i = 0; events[i]; i++)
    json_array_append_new (ids, clipmoe_json_text (events[i]));
  char *from = utc_text (start), *to = utc_text (end);
  json_t *o = json_pack ("{s:s, s:s, s:I, s:s*, s:o*, s:s, s:s, s:o, s:o}", "schema", SCHEMA, "file", file,
                         "bytes", (json_int_t)bytes, "snapshot", snapshot, "snapshot_bytes",
                         snapshot ? json_integer ((json_int_t)snapshot_bytes) : NULL, "start", from, "end",
                         to, "labels", names, "events", ids);
  char *dumped = json_dumps (o, JSON_COMPACT), *line = g_strdup (dumped);
  free (dumped);
  json_decref (o);
  g_free (from);
  g_free (to);
  return line;
}

gboolean
watch_clips_add (WatchClips *self, const char *clip, guint64 bytes, GBytes *snapshot, gint64 start,
                 gint64 end, const char *const *labels, const char *const *events, GError **error) {
  char *file = g_path_get_basename (clip), *picture = NULL;
  guint64 picture_bytes = snapshot ? g_bytes_get_size (snapshot) : 0;
  GError *why = NULL;
  if (snapshot) {
    char *stem = g_strndup (clip, (gsize)(strrchr (clip, '.') - clip)),
         *path = g_strconcat (stem, ".jpg", NULL);
    if (clipmoe_file_is_there (path)) /* not ours */
      clipmoe_error_set (&why, CLIPMOE_ERROR_IO, path, "is there already, the snapshot is not written");
    else if (clipmoe_file_write (path, g_bytes_get_data (snapshot, NULL), picture_bytes, &why))
      picture = g_path_get_basename (path);
    g_free (stem);
    g_free (path);
  }
  char *line = describe (file, bytes, picture, picture_bytes, start, end, labels, events);
  Clip *entry = parse (self->list, line);
  if (entry)
    g_ptr_array_add (self->clips, entry);
  prune (self);
  gboolean ok = write_list (self, why ? NULL : &why) && !why;
  g_free (line);
  g_free (file);
  g_free (picture);
  if (why)
    g_propagate_error (error, why);
  return ok;
}
