#include "inputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/plain.h>
#include "picture.h"

#define DEPTH 100 /* of folders in folders */

static const char *const endings[] = {
    /* pictures */
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib", "tif", "tiff", "heic", "heif",
    "hif", "avif", "jxl", "jp2", "j2k", "ppm", "pgm", "pbm", "pnm",
    /* videos */
    "mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "divx", "ts", "m2ts", "mts", "mpg", "mpeg", "m2v", "vob",
    "wmv", "asf", "flv", "f4v", "ogv", "ogm", "3gp", "3g2", "mxf", "rm", "rmvb", "dv", "y4m", "ivf", "h264",
    "264", "h265", "265", "hevc", "mjpg", "mjpeg", "nut"};

typedef struct {
  ClipmoeInputs *inputs;
  guint passed_over;
} Walk;

static void
say (const char *path, const char *what) {
  char *plain = clipmoe_plain (path, -1);
  fprintf (stderr, "clipmoe: %s: %s\n", plain, what);
  g_free (plain);
}

gboolean
clipmoe_inputs_is_media_name (const char *path) {
  const char *dot = strrchr (path, '.');
  for (guint i = 0; dot && i < G_N_ELEMENTS (endings); i++)
    if (g_ascii_strcasecmp (dot + 1, endings[i]) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_wanted (const char *path) {
  if (clipmoe_inputs_is_media_name (path))
    return TRUE;
  ClipmoePictureSort sort;
  return clipmoe_picture_sort (path, &sort, NULL) && sort == CLIPMOE_PICTURE_STILL;
}

static int
by_bytes (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
walk (Walk *w, const char *folder, guint depth) {
  GError *e = NULL;
  GDir *dir = depth < DEPTH ? g_dir_open (folder, 0, &e) : NULL;
  if (!dir) {
    say (folder, e ? e->message : "folders in folders, more than " G_STRINGIFY (DEPTH));
    g_clear_error (&e);
    w->inputs->failed++;
    return;
  }
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name; (name = g_dir_read_name (dir));)
    if (*name != '.')
      g_ptr_array_add (names, g_strdup (name));
  g_dir_close (dir);
  g_ptr_array_sort (names, by_bytes);
  for (guint i = 0; i < names->len; i++) {
    char *path = g_build_filename (folder, names->pdata[i], NULL);
    struct stat here, there;
    if (lstat (path, &here) == 0 && S_ISDIR (here.st_mode)) {
      walk (w, path, depth + 1);
    } else if (stat (path, &there) == 0 && S_ISREG (there.st_mode) && is_wanted (path)) {
      g_ptr_array_add (w->inputs->names, g_steal_pointer (&path));
    } else {
      w->passed_over++;
    }
    g_free (path);
  }
  g_ptr_array_unref (names);
}

void
clipmoe_inputs_init (ClipmoeInputs *self, char **arguments) {
  self->names = g_ptr_array_new_with_free_func (g_free);
  self->failed = 0;
  for (; *arguments; arguments++) {
    if (!g_file_test (*arguments, G_FILE_TEST_IS_DIR)) {
      g_ptr_array_add (self->names, g_strdup (*arguments));
      continue;
    }
    Walk w = {self, 0};
    guint before = self->names->len, failed = self->failed;
    walk (&w, *arguments, 0);
    if (self->names->len == before && self->failed == failed) {
      say (*arguments, "a folder without pictures or videos");
      self->failed++;
    } else if (w.passed_over) {
      char *what = g_strdup_printf ("%u pictures and videos; passed over: %u that are neither",
                                    self->names->len - before, w.passed_over);
      say (*arguments, what);
      g_free (what);
    }
  }
}

void
clipmoe_inputs_clear (ClipmoeInputs *self) {
  g_clear_pointer (&self->names, g_ptr_array_unref);
}

void
clipmoe_inputs_progress (const ClipmoeInputs *self, guint done, gint64 begun) {
  guint n = self->names->len;
  double took = (double)(g_get_monotonic_time () - begun) / G_USEC_PER_SEC, rate = done / MAX (took, 1e-6);
  if (n > 1 && done < n && isatty (2))
    fprintf (stderr, "\r\033[K%u of %u files  %.1f a second, %.0f s left", done, n, rate, (n - done) / rate);
}

void
clipmoe_inputs_quiet (const ClipmoeInputs *self) {
  if (self->names->len > 1 && isatty (2))
    fputs ("\r\033[K", stderr);
}

int
clipmoe_inputs_finish (const ClipmoeInputs *self, guint failed) {
  if (failed && self->names->len > 1)
    fprintf (stderr, "clipmoe: %u of %u files failed\n", failed, self->names->len);
  return failed || self->failed;
}
