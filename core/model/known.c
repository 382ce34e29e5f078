#include "known.h"

#include <clipmoe/version.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include "../base/cache.h"

#define FIRST_LINE "clipmoe-known 2 " CLIPMOE_VERSION
/* File systems may record times this coarsely: a file changed more recently may change again without a new
 * time. */
#define SETTLED 2 /* seconds */

static void
add_file (GString *key, const char *path, gint64 *newest) {
  struct stat s;
  if (stat (path, &s) != 0 || !S_ISREG (s.st_mode))
    return;
  *newest = MAX (*newest, (gint64)s.st_ctim.tv_sec);
  g_string_append_printf (key,
                          "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                          ".%09ld %" G_GINT64_FORMAT ".%09ld\n",
                          (guint64)s.st_dev, (guint64)s.st_ino, (gint64)s.st_size, (gint64)s.st_mtim.tv_sec,
                          s.st_mtim.tv_nsec, (gint64)s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
}

static int
compare (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Shards lie beside their index. All files of that folder count; an unrelated one that changes only causes
 * one more reading. */
static void
add_folder (GString *key, const char *folder, gint64 *newest) {
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    g_ptr_array_add (names, g_build_filename (folder, name, NULL));
  if (dir)
    g_dir_close (dir);
  g_ptr_array_sort (names, compare);
  for (guint i = 0; i < names->len; i++)
    add_file (key, names->pdata[i], newest);
  g_ptr_array_unref (names);
}

char *
clipmoe_known_key (const char *weights, gboolean *settled) {
  GString *key = g_string_new (NULL);
  gint64 newest = 0, now = g_get_real_time () / G_USEC_PER_SEC;
  add_file (key, weights, &newest);
  if (key->len && g_str_has_suffix (weights, ".json")) {
    char *folder = g_path_get_dirname (weights);
    add_folder (key, folder, &newest);
    g_free (folder);
  }
  char *hex = key->len ? g_compute_checksum_for_string (G_CHECKSUM_SHA256, key->str, (gssize)key->len) : NULL;
  g_string_free (key, TRUE);
  if (settled)
    *settled = now - newest > SETTLED;
  return hex;
}

gboolean
clipmoe_known_find (const char *key, ClipmoeKnown *known) {
  char *name = clipmoe_cache_name (CLIPMOE_CACHE_KNOWN, key);
  char *text = clipmoe_cache_read (name), **lines = text ? g_strsplit (text, "\n", -1) : NULL;
  gboolean ok = FALSE;
  /* the whole key: the file's name has only part of it */
  if (lines && g_strv_length (lines) == 5 && g_str_equal (lines[0], FIRST_LINE) &&
      g_str_equal (lines[1], key) && strlen (lines[2]) == 64 && strspn (lines[2], "0123456789abcdef") == 64) {
    char *end;
    known->logit_scale = (float)g_ascii_strtod (lines[3], &end);
    ok = *lines[3] && !*end && isfinite (known->logit_scale);
    memcpy (known->fingerprint, lines[2], 65);
  }
  g_strfreev (lines);
  g_free (text);
  g_free (name);
  return ok;
}

void
clipmoe_known_add (const char *key, const ClipmoeKnown *known) {
  char number[G_ASCII_DTOSTR_BUF_SIZE], *name = clipmoe_cache_name (CLIPMOE_CACHE_KNOWN, key);
  char *text = g_strdup_printf (FIRST_LINE "\n%s\n%s\n%s\n", key, known->fingerprint,
                                g_ascii_formatd (number, sizeof number, "%.9g", known->logit_scale));
  clipmoe_cache_write (CLIPMOE_CACHE_KNOWN, name, text);
  g_free (text);
  g_free (name);
}
