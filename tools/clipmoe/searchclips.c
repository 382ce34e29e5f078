#include "searchclips.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <hitspans.h>
#include <string.h>
#include <unistd.h>
#include <base/error.h>
#include <base/plain.h>
#include <base/temporary.h>
#include "common.h"
#include "cutter.h"
#include "indexidentity.h"
#include "partial.h"

#define SECOND G_GINT64_CONSTANT (1000000000)
#define LEAST SECOND      /* a hit of a single frame becomes a clip that long */
#define MOST_STEM 100     /* bytes of the file's name in a clip's */
#define MOST_NUMBER 10000 /* of clips with one name */
#define MOST_ENDING 8
#define PIECE (1 << 20)

typedef struct {
  const char *folder;
  gboolean exact;
  GHashTable *files; /* (element-type gint64 ClipmoeStoreFile) */
  int digits;
} Clips;

gboolean
clipmoe_search_clips_check (const char *folder, GError **error) {
  if (g_mkdir (folder, 0777) != 0 && errno != EEXIST)
    return clipmoe_error_set_errno (error, folder, "cannot create");
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    return clipmoe_error_set (error, CLIPMOE_ERROR_IO, folder,
                              "is there and no folder, expected one for clips");
  return g_access (folder, W_OK | X_OK) == 0 ||
         clipmoe_error_set_errno (error, folder, "cannot be written in");
}

/* --- names --- */

/* The last part of a path without its ending, as any file system and shell takes it. */
static char *
stem_of (const char *path) {
  char *base = g_path_get_basename (path), *dot = strrchr (base, '.');
  if (dot && dot != base)
    *dot = '\0';
  GString *out = g_string_new (NULL);
  for (const char *c = base; *c && out->len < MOST_STEM;) {
    gunichar u = g_utf8_get_char_validated (c, -1);
    gboolean valid = u != (gunichar)-1 && u != (gunichar)-2;
    if (valid && g_unichar_isgraph (u) && !(u < 128 && strchr ("/\\:*?\"<>|'`$&;!()[]{}#~%^=", (int)u)))
      g_string_append_unichar (out, u);
    else
      g_string_append_c (out, '_');
    c = valid ? g_utf8_next_char (c) : c + 1;
  }
  g_free (base);
  return g_string_free (out, FALSE);
}

/* Of a picture; "" where it has none that says something. With its dot; @text is returned. */
static const char *
ending_of (const char *path, char text[MOST_ENDING + 2]) {
  const char *dot = strrchr (path, '.'), *slash = strrchr (path, '/');
  *text = '\0';
  if (!dot || (slash && dot < slash) || strlen (dot) > MOST_ENDING + 1)
    return text;
  for (const char *c = dot + 1; *c; c++)
    if (!g_ascii_isalnum (*c))
      return text;
  return strcpy (text, dot);
}

/* 01-street-00h00m12s.mp4, from the second on with a number before the ending. @ending has its dot. */
static char *
name_of (const Clips *self, const ClipmoeHit *hit, guint rank, const char *ending, guint number) {
  char *stem = stem_of (hit->found->path), more[16] = "", time[32] = "";
  gint64 s = MAX (hit->start, 0) / SECOND;
  if (number > 1)
    g_snprintf (more, sizeof more, "-%u", number);
  if (!hit->found->picture)
    g_snprintf (time, sizeof time, "-%02" G_GINT64_FORMAT "h%02dm%02ds", s / 3600, (int)(s / 60 % 60),
                (int)(s % 60));
  char *name = g_strdup_printf ("%0*u-%s%s%s%s", self->digits, rank, stem, time, more, ending);
  char *path = g_build_filename (self->folder, name, NULL);
  g_free (stem);
  g_free (name);
  return path;
}

/* Under the first name that is free. Frees @partial. */
static gboolean
publish (const Clips *self, ClipmoePartial *partial, const ClipmoeHit *hit, guint rank, const char *ending,
         GError **error) {
  gboolean ok = FALSE, taken = TRUE;
  for (guint number = 1; taken && number <= MOST_NUMBER; number++) {
    char *path = name_of (self, hit, rank, ending, number);
    ok = clipmoe_partial_finish_new (partial, path, &taken, error);
    g_free (path);
  }
  if (taken) {
    clipmoe_partial_finish (partial, FALSE, NULL);
    clipmoe_error_set (error, CLIPMOE_ERROR_LIMIT, self->folder, "too many clips of one name");
  }
  return ok;
}

/* --- content --- */

/* The file of a hit, as it was when it was indexed; -1 with @error. */
static int
open_original (const Clips *self, const ClipmoeHit *hit, GError **error) {
  const ClipmoeStoreFile *file = g_hash_table_lookup (self->files, &hit->found->file);
  if (!hit->found->path || !file) {
    clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, hit->found->source ? hit->found->source : "a hit",
                       hit->found->path ? "is no longer in the archive"
                                        : "a live source leaves no video to cut");
    return -1;
  }
  /* O_PATH neither waits for a pipe nor wakes a device; what is compared is what is read */
  int path = open (hit->found->path, O_PATH | O_CLOEXEC), fd = -1;
  if (path < 0) {
    clipmoe_error_set_errno (error, hit->found->path, "cannot be opened");
  } else if (!clipmoe_index_is_indexed (path, file)) {
    clipmoe_error_set (error, CLIPMOE_ERROR_MISMATCH, hit->found->path,
                       "was changed or replaced since it was indexed: clipmoe index looks at it again");
  } else {
    char *link = g_strdup_printf ("/proc/self/fd/%d", path);
    fd = open (link, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      clipmoe_error_set_errno (error, hit->found->path, "cannot be read");
    g_free (link);
  }
  if (path >= 0)
    close (path);
  return fd;
}

static gboolean
copy (int from, const char *name, const char *path, GError **error) {
  int to = open (path, O_WRONLY | O_CLOEXEC);
  char *piece = g_malloc (PIECE);
  gboolean ok = to >= 0 || clipmoe_error_set_errno (error, path, "cannot write");
  ssize_t n = 0;
  for (guint64 at = 0; ok && (n = pread (from, piece, PIECE, (off_t)at)) > 0; at += (guint64)n)
    ok = clipmoe_write_at (to, piece, (gsize)n, at) || clipmoe_error_set_errno (error, path, "cannot write");
  if (ok && n < 0)
    ok = clipmoe_error_set_errno (error, name, "cannot be read");
  if (to >= 0)
    close (to);
  g_free (piece);
  return ok;
}

/* A temporary file in the folder. */
static ClipmoePartial *
begin (const Clips *self, GError **error) {
  char *any = g_build_filename (self->folder, "clip", NULL);
  ClipmoePartial *partial = clipmoe_partial_new (any, error);
  g_free (any);
  return partial;
}

static gboolean
copy_picture (const Clips *self, const ClipmoeHit *hit, guint rank, int fd, GError **error) {
  char ending[MOST_ENDING + 2];
  ClipmoePartial *partial = begin (self, error);
  if (!partial)
    return FALSE;
  if (copy (fd, hit->found->path, clipmoe_partial_get_name (partial), error))
    return publish (self, partial, hit, rank, ending_of (hit->found->path, ending), error);
  clipmoe_partial_finish (partial, FALSE, NULL);
  return FALSE;
}

static gboolean
cut_video (const Clips *self, const ClipmoeHit *hit, guint rank, int fd, GError **error) {
  char *name = clipmoe_plain (hit->found->path, -1), ending[8];
  gint64 end = MAX (hit->end, hit->start + LEAST);
  ClipmoeCutter *cutter = clipmoe_cutter_open (fd, name, hit->start, self->exact, error);
  ClipmoePartial *partial = cutter ? begin (self, error) : NULL;
  gboolean ok = FALSE;
  if (partial) {
    g_snprintf (ending, sizeof ending, ".%s", clipmoe_cutter_get_ending (cutter));
    ok = clipmoe_cutter_write (cutter, end, clipmoe_partial_get_name (partial), error);
    if (ok && clipmoe_cutter_is_turned (cutter)) {
      char *sentence = g_strdup_printf (
          "%s: players turn its pictures, and not those of a clip: --exact turns them", name);
      clipmoe_say_once (sentence);
      g_free (sentence);
    }
    g_clear_pointer (&cutter, clipmoe_cutter_free); /* closes what it wrote */
    if (ok)
      ok = publish (self, partial, hit, rank, ending, error);
    else
      clipmoe_partial_finish (partial, FALSE, NULL);
  }
  clipmoe_cutter_free (cutter);
  g_free (name);
  return ok;
}

static gboolean
write_one (const Clips *self, const ClipmoeHit *hit, guint rank, GError **error) {
  int fd = open_original (self, hit, error);
  if (fd < 0)
    return FALSE;
  gboolean ok = (hit->found->picture ? copy_picture : cut_video) (self, hit, rank, fd, error);
  close (fd);
  return ok;
}

int
clipmoe_search_clips_write (const char *folder, gboolean exact, const ClipmoeAnswer *answer,
                            ClipmoeStore *store) {
  GError *error = NULL;
  guint good = 0, n = answer->hits->len;
  Clips self = {.folder = folder, .exact = exact, .digits = n > 999 ? 4 : n > 99 ? 3 : 2};
  self.files = gst_init_check (NULL, NULL, &error) ? clipmoe_hit_files (answer, store, &error) : NULL;
  if (!self.files)
    return clipmoe_fail (error);
  for (guint i = 0; i < n; i++) {
    if (write_one (&self, answer->hits->pdata[i], i + 1, &error))
      good++;
    else
      clipmoe_fail (g_steal_pointer (&error));
  }
  char *sentence = g_strdup_printf ("%s: %u of %u hits cut out", folder, good, n);
  clipmoe_say (sentence);
  g_free (sentence);
  g_hash_table_unref (self.files);
  return good < n;
}
