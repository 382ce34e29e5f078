/* Shards: tar archives, perhaps compressed, read as a stream. Nothing is extracted to the file system, so
 * names of members are never used as paths; links, devices and folders are skipped. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <base/file.h>
#include "plainfile.h"
#include "readers.h"

#define MAX_MEMBERS 50000000

/* One member of a key. */
typedef struct {
  GBytes *bytes;
  char *ending;     /* all behind the first dot */
  gboolean inexact; /* told by its last part only */
  gboolean two;     /* a second one of the same kind was seen */
  gboolean lies;    /* stored uncompressed in the shard, at … */
  guint64 offset;
} Part;

enum { PICTURE, TEXT, JSON, CLASS, N_PARTS };

/* The members of one key so far. */
typedef struct {
  char *key;
  Part parts[N_PARTS];
} Group;

/* A shard being read. */
typedef struct {
  const char *path;
  char *set, *folder;
  DmuPlainFile *file;
  struct archive *archive;
  Group group;
  const DmuSink *sink;
} Shard;

static la_ssize_t
next_block (struct archive *a, void *data, const void **block) {
  Shard *s = data;
  GError *e = NULL;
  gssize n = dmu_plain_file_next (s->file, block, &e);
  if (n < 0) {
    archive_set_error (a, EIO, "%s", e->message);
    g_error_free (e);
  }
  return n;
}

/* Whether these bytes are in the file at @offset. They are if the shard is not compressed, except for sparse
 * members. */
static gboolean
stands_at (Shard *s, guint64 offset, GBytes *bytes) {
  gsize n;
  const void *data = g_bytes_get_data (bytes, &n);
  ClipmoeFile *file = dmu_plain_file_get (s->file);
  if (!file || archive_filter_count (s->archive) != 1 ||
      archive_filter_code (s->archive, 0) != ARCHIVE_FILTER_NONE)
    return FALSE;
  guint8 *there = n ? g_try_malloc (n) : NULL;
  gboolean yes = there && clipmoe_file_pread (file, offset, there, n, NULL) && memcmp (there, data, n) == 0;
  g_free (there);
  return yes;
}

static void
part_clear (Part *p) {
  if (p->bytes)
    g_bytes_unref (p->bytes);
  g_free (p->ending);
  *p = (Part){0};
}

static void
group_clear (Group *g) {
  g_clear_pointer (&g->key, g_free);
  for (guint i = 0; i < N_PARTS; i++)
    part_clear (&g->parts[i]);
}

/* Captions of the .txt, else those of the .json: img2dataset writes the same into both. */
static void
read_words (Shard *s, const char *name, GPtrArray *captions, char **label, char **source) {
  const Part *p = s->group.parts;
  DmuCounts *counts = s->sink->counts;
  gsize n;
  if (p[TEXT].bytes) {
    const char *text = g_bytes_get_data (p[TEXT].bytes, &n);
    char **lines = dmu_captions_split (text, n, name, counts);
    for (char **c = lines; *c; c++)
      g_ptr_array_add (captions, *c);
    g_free (lines);
  }
  if (p[JSON].bytes) {
    const char *text = g_bytes_get_data (p[JSON].bytes, &n);
    char *json = g_strdup_printf ("%s.%s", name, p[JSON].ending);
    json_t *root = dmu_json_open (json, text, n, counts);
    if (root)
      dmu_json_read (root, name, s->sink, captions->len ? NULL : captions, label, source);
    json_decref (root);
    g_free (json);
  }
  if (p[CLASS].bytes) {
    const char *text = g_bytes_get_data (p[CLASS].bytes, &n);
    dmu_class_read (text, n, name, s->sink->counts, label);
  }
}

static gboolean
group_finish (Shard *s, GError **error) {
  static const char *const what[] = {"pictures", "texts", ".json", ".cls"};
  Group *g = &s->group;
  DmuCounts *counts = s->sink->counts;
  gboolean ok = TRUE, any = FALSE;
  char *label = NULL, *source = NULL, *name = g_strdup_printf ("%s: %.200s", s->path, g->key ? g->key : "");
  GPtrArray *captions = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < N_PARTS; i++) {
    any |= g->parts[i].bytes != NULL;
    if (!g->parts[i].two)
      continue;
    dmu_counts_note (counts, &counts->doubled,
                     "%s has several %s, .%.100s among them: image-key or caption-key must say which", name,
                     what[i], g->parts[i].ending);
    part_clear (&g->parts[i]);
  }
  read_words (s, name, captions, &label, &source);
  g_ptr_array_add (captions, NULL);
  const Part *picture = &g->parts[PICTURE];
  DmuRaw raw = {.key = name,
                .member = name + strlen (s->path) + strlen (": "),
                .picture = picture->bytes,
                .shard = picture->lies ? s->path : NULL,
                .offset = picture->offset,
                .captions = (char **)captions->pdata,
                .label = label,
                .folder = s->folder,
                .source = source ? source : s->set};
  if (any)
    ok = dmu_sink_pair (s->sink, &raw, error);
  g_ptr_array_unref (captions);
  g_free (label);
  g_free (source);
  g_free (name);
  group_clear (g);
  return ok;
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

/* Adds a member to its key. Its kind is told by its whole ending, else by the last part: "input.jpg" is a
 * jpg, but a plain "jpg" of the same key is preferred. */
static void
take_member (Shard *s, guint part, const char *ending, gboolean inexact, GBytes *bytes, guint64 offset) {
  static const char *const what[] = {"picture", "text", ".json", ".cls"};
  Part *p = &s->group.parts[part];
  DmuCounts *counts = s->sink->counts;
  if (p->bytes && inexact == p->inexact && inexact) {
    p->two = TRUE;
    return;
  }
  if (p->bytes && inexact == p->inexact) {
    dmu_counts_note (counts, &counts->doubled, "%s: %.200s has a second %s", s->path, s->group.key,
                     what[part]);
    return;
  }
  if (p->bytes)
    dmu_counts_note (counts, &counts->unnamed, "%s: %.200s.%.100s is passed over beside a plain .%.100s",
                     s->path, s->group.key, inexact ? ending : p->ending, inexact ? p->ending : ending);
  if (p->bytes && inexact)
    return;
  part_clear (p);
  *p =
      (Part){.bytes = g_bytes_ref (bytes), .ending = g_strdup (ending), .inexact = inexact, .offset = offset};
  p->lies = part == PICTURE && stands_at (s, offset, bytes);
}

/* The dot behind which the ending begins: the first one, but digits between dots belong to the name, as in
 * "frame.0012.jpg". */
static const char *
first_dot (const char *base) {
  const char *dot = base ? strchr (base, '.') : NULL, *last = base ? strrchr (base, '.') : NULL;
  if (dot && dot != base && dot != last && strspn (dot, ".0123456789") >= (gsize)(last - dot))
    return last;
  return dot;
}

/* Which part of a key a member of this ending is, or N_PARTS. */
static guint
part_of (const DmuMemberKeys *keys, const char *ending, gboolean *inexact, gboolean *aside) {
  static const guint parts[] = {[DMU_MEMBER_PICTURE] = PICTURE,
                                [DMU_MEMBER_TEXT] = TEXT,
                                [DMU_MEMBER_JSON] = JSON,
                                [DMU_MEMBER_CLASS] = CLASS};
  const char *last = strrchr (ending, '.');
  DmuMember kind = dmu_keys_member (keys, ending);
  if ((*inexact = kind == DMU_MEMBER_OTHER && last))
    kind = dmu_keys_member (keys, last + 1);
  *inexact &= kind != DMU_MEMBER_OTHER;
  *aside = kind == DMU_MEMBER_ASIDE;
  return kind == DMU_MEMBER_OTHER || *aside ? N_PARTS : parts[kind];
}

static void
pass_over (Shard *s, const char *name) {
  DmuCounts *counts = s->sink->counts;
  char *wanted = counts->unnamed < 100 ? dmu_keys_describe (s->sink->keys) : NULL;
  dmu_counts_note (counts, &counts->unnamed, "%s: %.200s is passed over, expected endings %s", s->path, name,
                   wanted ? wanted : "of pictures and words");
  g_free (wanted);
}

static gboolean
read_entry (Shard *s, struct archive_entry *entry, GError **error) {
  Group *g = &s->group;
  DmuCounts *counts = s->sink->counts;
  const char *name = archive_entry_pathname (entry);
  const char *slash = name ? strrchr (name, '/') : NULL, *base = slash ? slash + 1 : name,
             *dot = first_dot (base);
  if (archive_entry_filetype (entry) != AE_IFREG || archive_entry_hardlink (entry) || !name || !dot ||
      dot == base) {
    if (archive_entry_filetype (entry) != AE_IFDIR)
      dmu_counts_note (counts, &counts->unnamed, "%s: %.200s is no file with a name and an ending", s->path,
                       name ? name : "a member");
    return TRUE;
  }
  gsize stem = (gsize)(dot - name);
  if (!g->key || strlen (g->key) != stem || strncmp (g->key, name, stem) != 0) {
    if (!group_finish (s, error))
      return FALSE;
    g->key = g_strndup (name, stem);
  }
  gboolean inexact, aside;
  guint part = part_of (s->sink->keys, dot + 1, &inexact, &aside);
  if (part == N_PARTS) {
    if (!aside)
      pass_over (s, name);
    return TRUE;
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
  if (inexact)
    dmu_counts_say (counts, "endings .%.100s are read as %.100s", dot + 1, strrchr (dot, '.'));
  take_member (s, part, dot + 1, inexact, bytes, (guint64)MAX (offset, 0));
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

/* Reads member after member. An error ends the shard and is counted. */
static gboolean
read_members (Shard *s, GError **error) {
  DmuCounts *counts = s->sink->counts;
  gboolean damaged = FALSE;
  for (guint64 members = 0;; members++) {
    struct archive_entry *entry;
    int r = archive_read_next_header (s->archive, &entry);
    if (r == ARCHIVE_EOF)
      return TRUE;
    const char *why = archive_error_string (s->archive);
    if (r == ARCHIVE_FATAL || r == ARCHIVE_FAILED || members >= MAX_MEMBERS) {
      dmu_counts_note (counts, &counts->broken, "%s: not readable to its end: %s", s->path,
                       r == ARCHIVE_OK ? "too many members"
                       : why           ? why
                                       : "damaged");
      return TRUE;
    }
    /* a header with a wrong checksum: skip block by block to the next valid one */
    if (r == ARCHIVE_RETRY && !damaged)
      dmu_counts_note (counts, &counts->broken, "%s: a damaged place behind %.200s: %s", s->path,
                       s->group.key ? s->group.key : "its beginning", why ? why : "no header of a member");
    damaged = r == ARCHIVE_RETRY;
    if ((r == ARCHIVE_OK || r == ARCHIVE_WARN) && !read_entry (s, entry, error))
      return FALSE;
  }
}

gboolean
dmu_archive_read (const char *path, const DmuSink *sink, GError **error) {
  GError *e = NULL;
  Shard s = {.path = path, .sink = sink, .file = dmu_plain_file_open (path, &e)};
  if (!s.file) { /* the other shards can still be read */
    dmu_counts_note (sink->counts, &sink->counts->broken, "%s", e->message);
    g_error_free (e);
    return TRUE;
  }
  s.archive = archive_read_new ();
  archive_read_support_filter_xz (s.archive);
  archive_read_support_filter_zstd (s.archive);
  archive_read_support_filter_bzip2 (s.archive);
  archive_read_support_format_tar (s.archive);
  archive_read_support_format_gnutar (s.archive);
  /* else data after the first end of archive, and a checksum there, would not be read */
  archive_read_set_format_option (s.archive, "tar", "read_concatenated_archives", "1");
  s.set = set_of (path);
  s.folder = g_path_get_dirname (path);
  gboolean ok = TRUE;
  if (archive_read_open (s.archive, &s, NULL, next_block, NULL) != ARCHIVE_OK)
    dmu_counts_note (sink->counts, &sink->counts->broken, "%s: cannot be read: %s", path,
                     archive_error_string (s.archive) ? archive_error_string (s.archive) : "no archive");
  else
    ok = read_members (&s, error) && group_finish (&s, error);
  group_clear (&s.group);
  archive_read_free (s.archive);
  dmu_plain_file_close (s.file);
  g_free (s.set);
  g_free (s.folder);
  return ok;
}
