/* Shards: tar archives, perhaps compressed, read as a stream. Nothing is ever extracted, so names are names
 * and not paths; links, devices and folders are passed over. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include "raw.h"

#define MAX_MEMBERS 50000000

/* The members of one key so far. */
typedef struct {
  char *key, *label, *source;
  GBytes *picture;
  GPtrArray *captions;
  gboolean text; /* a .txt was there */
} Group;

static void
group_clear (Group *g) {
  g_clear_pointer (&g->key, g_free);
  g_clear_pointer (&g->label, g_free);
  g_clear_pointer (&g->source, g_free);
  g_clear_pointer (&g->picture, g_bytes_unref);
  g_ptr_array_set_size (g->captions, 0);
  g->text = FALSE;
}

static gboolean
group_finish (Group *g, const char *set, const DmuSink *sink, GError **error) {
  gboolean ok = TRUE;
  if (g->key && (g->picture || g->text || g->captions->len || g->label)) {
    gsize n = g->captions->len;
    g_ptr_array_add (g->captions, NULL);
    DmuRaw raw = {.key = g->key,
                  .picture = g->picture,
                  .captions = n ? (char **)g->captions->pdata : NULL,
                  .label = g->label,
                  .source = g->source ? g->source : set};
    ok = dmu_sink_pair (sink, &raw, error);
  }
  group_clear (g);
  return ok;
}

static gboolean
is_picture (const char *ending) {
  static const char *const endings[] = {"jpg", "jpeg", "png", "webp", "bmp", "gif", "ppm", "tif", "tiff"};
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    if (g_ascii_strcasecmp (ending, endings[i]) == 0)
      return TRUE;
  return FALSE;
}

/* All of one member, or NULL when it is too large or the archive ends inside it. */
static GBytes *
read_member (struct archive *a) {
  GByteArray *bytes = g_byte_array_new ();
  guint8 piece[16384];
  for (;;) {
    la_ssize_t n = archive_read_data (a, piece, sizeof piece);
    if (n == 0)
      return g_byte_array_free_to_bytes (bytes);
    if (n < 0 || bytes->len + (gsize)n > DMU_MAX_MEMBER)
      break;
    g_byte_array_append (bytes, piece, (guint)n);
  }
  g_byte_array_unref (bytes);
  return NULL;
}

/* What the member @ending of the group's key holds. */
static void
take_member (Group *g, const char *path, const char *ending, GBytes *bytes, const DmuSink *sink) {
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);
  if (is_picture (ending)) {
    if (g->picture)
      dmu_counts_note (sink->counts, &sink->counts->doubled, "%s: %s has a second picture", path, g->key);
    else
      g->picture = g_bytes_ref (bytes);
  } else if (strcmp (ending, "txt") == 0) {
    if (g->text) {
      dmu_counts_note (sink->counts, &sink->counts->doubled, "%s: %s has a second text", path, g->key);
      return;
    }
    g->text = TRUE;
    char **captions = dmu_captions_split (text, n);
    for (char **c = captions; *c; c++)
      g_ptr_array_add (g->captions, *c);
    g_free (captions);
  } else if (strcmp (ending, "json") == 0) {
    GPtrArray *none = g_ptr_array_new_with_free_func (g_free);
    /* img2dataset writes the caption into both files */
    dmu_json_read (text, n, g->text ? none : g->captions, &g->label, &g->source);
    g_ptr_array_unref (none);
  } else if (strcmp (ending, "cls") == 0 && !g->label && n && n < 1024) {
    g->label = g_strstrip (g_strndup (text, n));
  }
}

static gboolean
read_entry (struct archive *a, struct archive_entry *entry, Group *g, const char *path, const char *set,
            const DmuSink *sink, GError **error) {
  const char *name = archive_entry_pathname (entry);
  const char *slash = name ? strrchr (name, '/') : NULL, *base = slash ? slash + 1 : name,
             *dot = base ? strchr (base, '.') : NULL;
  if (archive_entry_filetype (entry) != AE_IFREG || archive_entry_hardlink (entry) || !dot || dot == base) {
    if (archive_entry_filetype (entry) != AE_IFDIR)
      dmu_counts_note (sink->counts, &sink->counts->unnamed,
                       "%s: a member that is no file with a name and an ending", path);
    return TRUE;
  }
  gsize stem = (gsize)(dot - name);
  if (!g->key || strlen (g->key) != stem || strncmp (g->key, name, stem) != 0) {
    if (!group_finish (g, set, sink, error))
      return FALSE;
    g->key = g_strndup (name, stem);
  }
  GBytes *bytes = archive_entry_size_is_set (entry) && archive_entry_size (entry) > DMU_MAX_MEMBER
                      ? NULL
                      : read_member (a);
  if (!bytes) {
    dmu_counts_note (sink->counts, &sink->counts->unnamed, "%s: %.200s is larger than %u MiB or cut", path,
                     name, DMU_MAX_MEMBER >> 20);
    return TRUE;
  }
  char *ending = g_ascii_strdown (dot + 1, -1);
  take_member (g, path, ending, bytes, sink);
  g_free (ending);
  g_bytes_unref (bytes);
  return TRUE;
}

/* "flickr8k" for ".../flickr8k-0000.tar.xz": what shards of one set share. */
static char *
set_of (const char *path) {
  char *base = g_path_get_basename (path), *dot = strstr (base, ".tar");
  if (dot)
    *dot = 0;
  gsize n = strlen (base);
  while (n && g_ascii_isdigit (base[n - 1]))
    n--;
  if (n > 1 && base[n] && (base[n - 1] == '-' || base[n - 1] == '_'))
    base[n - 1] = 0;
  return base;
}

gboolean
dmu_archive_read (const char *path, const DmuSink *sink, GError **error) {
  struct archive *a = archive_read_new ();
  archive_read_support_filter_gzip (a);
  archive_read_support_filter_xz (a);
  archive_read_support_filter_zstd (a);
  archive_read_support_filter_bzip2 (a);
  archive_read_support_format_tar (a);
  archive_read_support_format_gnutar (a);
  char *set = set_of (path);
  Group g = {.captions = g_ptr_array_new_with_free_func (g_free)};
  gboolean ok = TRUE;
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not a regular file", path);
    ok = FALSE;
  } else if (archive_read_open_filename (a, path, 1 << 16) != ARCHIVE_OK) {
    dmu_counts_note (sink->counts, &sink->counts->broken, "%s: cannot be read: %s", path,
                     archive_error_string (a) ? archive_error_string (a) : "no archive");
  } else {
    for (guint64 members = 0; ok; members++) {
      struct archive_entry *entry;
      int r = archive_read_next_header (a, &entry);
      if (r == ARCHIVE_EOF)
        break;
      if (r == ARCHIVE_FATAL || r == ARCHIVE_FAILED || members >= MAX_MEMBERS) {
        const char *why = archive_error_string (a);
        dmu_counts_note (sink->counts, &sink->counts->broken, "%s: not readable to its end: %s", path,
                         r == ARCHIVE_OK ? "too many members"
                         : why           ? why
                                         : "damaged");
        break;
      }
      if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
        ok = read_entry (a, entry, &g, path, set, sink, error);
    }
    ok = ok && group_finish (&g, set, sink, error);
  }
  group_clear (&g);
  g_ptr_array_unref (g.captions);
  archive_read_free (a);
  g_free (set);
  return ok;
}
