#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <html.h>

static const struct {
  const char *what, *bytes; /* fewer than 64 */
  gsize at;
} kinds[] = {
    [CLIPMOE_OUTPUT_PNG] = {"a PNG picture", "\x89PNG\r\n\x1a\n", 0},
    [CLIPMOE_OUTPUT_MP4] = {"an MP4 video", "ftyp", 4},
    [CLIPMOE_OUTPUT_NPY] = {"a NumPy array", "\x93NUMPY", 0},
    [CLIPMOE_OUTPUT_ROWS] = {"lines of rows", "{\"row\":", 0},
    [CLIPMOE_OUTPUT_HTML] = {"a report of clipmoe's", CLIPMOE_HTML_BEGIN, 0},
};

/* `--npy *.jpg` names the first picture as the file to write; its content shows that this was not meant. */
static gboolean
may_replace (const char *path, ClipmoeOutputKind kind, GError **error) {
  const char *bytes = kinds[kind].bytes;
  gsize at = kinds[kind].at, length = strlen (bytes);
  char begin[64];
  struct stat st;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  gboolean ok = fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode) &&
                (st.st_size == 0 || (pread (fd, begin, at + length, 0) == (ssize_t)(at + length) &&
                                     memcmp (begin + at, bytes, length) == 0));
  if (fd < 0)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is there already and cannot be opened: %s",
                 path, g_strerror (errno));
  else if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: is there already and is not %s: it is not replaced", path, kinds[kind].what);
  /* root may write to everything, but somebody took the right away */
  if (ok && (!(st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) || g_access (path, W_OK) != 0)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: is there already and may not be written to: it is not replaced", path);
    ok = FALSE;
  }
  if (fd >= 0)
    close (fd);
  return ok;
}

gboolean
clipmoe_output_check (const char *path, ClipmoeOutputKind kind, GError **error) {
  char *folder = g_path_get_dirname (path);
  gboolean ok = g_access (folder, W_OK | X_OK) == 0;
  struct stat st;
  if (g_str_equal (path, "-")) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "-: %s is not written to standard output, expected the name of a file", kinds[kind].what);
    ok = FALSE;
  } else if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot create: %s", path, g_strerror (errno));
  } else if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: a folder, expected the name of a file", path);
    ok = FALSE;
  } else if (stat (path, &st) == 0) {
    ok = may_replace (path, kind, error);
  }
  g_free (folder);
  return ok;
}

gboolean
clipmoe_output_check_apart (const char *path, const GPtrArray *names, GError **error) {
  struct stat own, st;
  if (stat (path, &own) != 0)
    return TRUE;
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    int r = g_str_equal (name, "-") ? fstat (STDIN_FILENO, &st) : stat (name, &st);
    if (r == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "%s: is also what is looked at (%s): it is not replaced", path, name);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
clipmoe_output_is_same (const char *a, const char *b) {
  char *folder_a = g_path_get_dirname (a), *folder_b = g_path_get_dirname (b),
       *name_a = g_path_get_basename (a), *name_b = g_path_get_basename (b);
  struct stat in_a, in_b;
  gboolean same = g_str_equal (name_a, name_b) && stat (folder_a, &in_a) == 0 &&
                  stat (folder_b, &in_b) == 0 && in_a.st_dev == in_b.st_dev && in_a.st_ino == in_b.st_ino;
  g_free (folder_a);
  g_free (folder_b);
  g_free (name_a);
  g_free (name_b);
  return same || g_str_equal (a, b);
}
