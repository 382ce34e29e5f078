/* Shards: tar archives, perhaps compressed, read as a stream. Nothing is ever extracted, so names are names
 * and not paths; links, devices and folders are passed over. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <base/file.h>
#include "raw.h"

#define BLOCK 65536

#define MAX_MEMBERS 50000000

/* The members of one key so far. */
typedef struct {
  char *key, *label, *source;
  GBytes *picture;
  gboolean lies; /* uncompressed in the shard, at … */
  guint64 offset;
  GPtrArray *captions, *other; /* of the .txt; of the .json, where img2dataset writes the same once more */
  gboolean text;               /* a .txt was there */
} Group;

/* A shard being read. */
typedef struct {
  const char *path;
  char *set;
  ClipmoeFile *file;
  guint64 at;
  guint8 *block;
  struct archive *archive;
  Group group;
  const DmuSink *sink;
} Shard;

static la_ssize_t
next_block (struct archive *a, void *data, const void **block) {
  Shard *s = data;
  gsize n = (gsize)MIN (clipmoe_file_get_size (s->file) - s->at, BLOCK);
  GError *e = NULL;
  if (n && !clipmoe_file_pread (s->file, s->at, s->block, n, &e)) {
    archive_set_error (a, EIO, "%s", e->message);
    g_error_free (e);
    return -1;
  }
  s->at += n;
  *block = s->block;
  return (la_ssize_t)n;
}

/* Whether these very bytes stand at @offset of the file: so they do in a shard that is not compressed, unless
 * the member is of a form with holes. */
static gboolean
stands_at (Shard *s, guint64 offset, GBytes *bytes) {
  gsize n;
  const void *data = g_bytes_get_data (bytes, &n);
  if (archive_filter_count (s->archive) != 1 || archive_filter_code (s->archive, 0) != ARCHIVE_FILTER_NONE)
    return FALSE;
  guint8 *there = n ? g_try_malloc (n) : NULL;
  gboolean yes =
      there && clipmoe_file_pread (s->file, offset, there, n, NULL) && memcmp (there, data, n) == 0;
  g_free (there);
  return yes;
}

static void
group_clear (Group *g) {
  g_clear_pointer (&g->key, g_free);
  g_clear_pointer (&g->label, g_free);
  g_clear_pointer (&g->source, g_free);
  g_clear_pointer (&g->picture, g_bytes_unref);
  g_ptr_array_set_size (g->captions, 0);
  g_ptr_array_set_size (g->other, 0);
  g->text = FALSE;
}

static gboolean
group_finish (Shard *s, GError **error) {
  Group *g = &s->group;
  gboolean ok = TRUE;
  if (g->key && (g->picture || g->text || g->other->len || g->label)) {
    GPtrArray *captions = g->captions->len ? g->captions : g->other;
    g_ptr_array_add (captions, NULL);
    DmuRaw raw = {.key = g->key,
                  .picture = g->picture,
                  .shard = g->lies ? s->path : NULL,
                  .offset = g->offset,
                  .captions = (char **)captions->pdata,
                  .label = g->label,
                  .source = g->source ? g->source : s->set};
    ok = dmu_sink_pair (s->sink, &raw, error);
  }
  group_clear (g);
  return ok;
}

static gboolean
is_picture (const char *ending) {
  return g_strv_contains (dmu_picture_endings, ending);
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

/* What the member @ending of the group's key holds; it may stand at @offset of the shard. */
static void
take_member (Shard *s, const char *ending, GBytes *bytes, guint64 offset) {
  Group *g = &s->group;
  DmuCounts *counts = s->sink->counts;
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);
  if (is_picture (ending)) {
    if (g->picture) {
      dmu_counts_note (counts, &counts->doubled, "%s: %s has a second picture", s->path, g->key);
      return;
    }
    g->picture = g_bytes_ref (bytes);
    g->lies = stands_at (s, offset, bytes);
    g->offset = offset;
  } else if (strcmp (ending, "txt") == 0) {
    if (g->text) {
      dmu_counts_note (counts, &counts->doubled, "%s: %s has a second text", s->path, g->key);
      return;
    }
    g->text = TRUE;
    char **captions = dmu_captions_split (text, n);
    for (char **c = captions; *c; c++)
      g_ptr_array_add (g->captions, *c);
    g_free (captions);
  } else if (strcmp (ending, "json") == 0) {
    dmu_json_read (text, n, g->other, &g->label, &g->source);
  } else if (strcmp (ending, "cls") == 0 && !g->label && n && n < 1024) {
    g->label = g_strstrip (g_strndup (text, n));
  }
}

static gboolean
read_entry (Shard *s, struct archive_entry *entry, GError **error) {
  Group *g = &s->group;
  DmuCounts *counts = s->sink->counts;
  const char *name = archive_entry_pathname (entry);
  const char *slash = name ? strrchr (name, '/') : NULL, *base = slash ? slash + 1 : name,
             *dot = base ? strchr (base, '.') : NULL;
  if (archive_entry_filetype (entry) != AE_IFREG || archive_entry_hardlink (entry) || !dot || dot == base) {
    if (archive_entry_filetype (entry) != AE_IFDIR)
      dmu_counts_note (counts, &counts->unnamed, "%s: a member that is no file with a name and an ending",
                       s->path);
    return TRUE;
  }
  gsize stem = (gsize)(dot - name);
  if (!g->key || strlen (g->key) != stem || strncmp (g->key, name, stem) != 0) {
    if (!group_finish (s, error))
      return FALSE;
    g->key = g_strndup (name, stem);
  }
  la_int64_t offset = archive_filter_bytes (s->archive, 0);
  GBytes *bytes = archive_entry_size_is_set (entry) && archive_entry_size (entry) > DMU_MAX_MEMBER
                      ? NULL
                      : read_member (s->archive);
  if (!bytes) {
    dmu_counts_note (counts, &counts->unnamed, "%s: %.200s is larger than %u MiB or cut", s->path, name,
                     DMU_MAX_MEMBER >> 20);
    return TRUE;
  }
  char *ending = g_ascii_strdown (dot + 1, -1);
  take_member (s, ending, bytes, (guint64)MAX (offset, 0));
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

/* Member after member; what cannot be read ends the shard, and is counted. */
static gboolean
read_members (Shard *s, GError **error) {
  DmuCounts *counts = s->sink->counts;
  for (guint64 members = 0;; members++) {
    struct archive_entry *entry;
    int r = archive_read_next_header (s->archive, &entry);
    if (r == ARCHIVE_EOF)
      return TRUE;
    if (r == ARCHIVE_FATAL || r == ARCHIVE_FAILED || members >= MAX_MEMBERS) {
      const char *why = archive_error_string (s->archive);
      dmu_counts_note (counts, &counts->broken, "%s: not readable to its end: %s", s->path,
                       r == ARCHIVE_OK ? "too many members"
                       : why           ? why
                                       : "damaged");
      return TRUE;
    }
    if ((r == ARCHIVE_OK || r == ARCHIVE_WARN) && !read_entry (s, entry, error))
      return FALSE;
  }
}

gboolean
dmu_archive_read (const char *path, const DmuSink *sink, GError **error) {
  GError *e = NULL;
  Shard s = {.path = path, .sink = sink, .file = clipmoe_file_open (path, &e)};
  if (!s.file) { /* the other shards can still be read */
    dmu_counts_note (sink->counts, &sink->counts->broken, "%s", e->message);
    g_error_free (e);
    return TRUE;
  }
  s.archive = archive_read_new ();
  archive_read_support_filter_gzip (s.archive);
  archive_read_support_filter_xz (s.archive);
  archive_read_support_filter_zstd (s.archive);
  archive_read_support_filter_bzip2 (s.archive);
  archive_read_support_format_tar (s.archive);
  archive_read_support_format_gnutar (s.archive);
  s.set = set_of (path);
  s.block = g_malloc (BLOCK);
  s.group.captions = g_ptr_array_new_with_free_func (g_free);
  s.group.other = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = TRUE;
  if (archive_read_open (s.archive, &s, NULL, next_block, NULL) != ARCHIVE_OK)
    dmu_counts_note (sink->counts, &sink->counts->broken, "%s: cannot be read: %s", path,
                     archive_error_string (s.archive) ? archive_error_string (s.archive) : "no archive");
  else
    ok = read_members (&s, error) && group_finish (&s, error);
  group_clear (&s.group);
  g_ptr_array_unref (s.group.captions);
  g_ptr_array_unref (s.group.other);
  archive_read_free (s.archive);
  clipmoe_file_close (s.file);
  g_free (s.block);
  g_free (s.set);
  return ok;
}
