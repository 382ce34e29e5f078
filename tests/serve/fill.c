/* fill STORE MODEL: puts into an archive what standard input says, for tests of what shows one. Lines, fields
 * between tabs, paths percent-encoded:
 *   file PATH DURATION RECORDED   a video (seconds, seconds since 1970), or with a duration of 0 a picture
 *   live SOURCE RECORDED          a live stream
 *   moment START END TIME JPEG    a moment of the last one, that the picture in JPEG stands for
 *   end                           the file is finished */
#include <embedder.h>
#include <store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <glib/gstdio.h>

typedef struct {
  ClipmoeStore *store;
  ClipmoeEmbedder *model;
  ClipmoeStoreFile file;
  gint64 take, moments;
} Fill;

static gint64
ns (const char *seconds) {
  return (gint64)(g_ascii_strtod (seconds, NULL) * 1e9 + 0.5);
}

static gboolean
begin (Fill *self, char **field, gboolean live, GError **error) {
  struct stat st = {0};
  ClipmoeClaim claim;
  self->file = (ClipmoeStoreFile){.recorded_by = live ? CLIPMOE_RECORDED_LIVE : CLIPMOE_RECORDED_CONTAINER};
  char *name = g_uri_unescape_string (field[1], NULL);
  self->file.recorded = g_ascii_strtoll (field[live ? 2 : 3], NULL, 10) * G_USEC_PER_SEC;
  if (live) {
    self->file.source = name;
  } else {
    if (g_stat (name, &st) != 0) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not there", name);
      return FALSE;
    }
    self->file.path = name;
    self->file.duration = ns (field[2]);
    self->file.picture = self->file.duration == 0;
    self->file.device = st.st_dev;
    self->file.inode = st.st_ino;
    self->file.size = (guint64)st.st_size;
    self->file.mtime = st.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + st.st_mtim.tv_nsec;
  }
  char *digest = g_compute_checksum_for_string (G_CHECKSUM_MD5, name, -1);
  memcpy (self->file.digest, digest, 16);
  g_free (digest);
  return clipmoe_store_claim (self->store, &self->file, FALSE, &claim, &self->take, error);
}

static gboolean
put (Fill *self, char **field, GError **error) {
  char *data = NULL, *path = g_uri_unescape_string (field[4], NULL);
  gsize length = 0;
  float *vector = g_new0 (float, clipmoe_embedder_get_embed (self->model));
  gboolean ok = g_file_get_contents (path, &data, &length, error);
  GBytes *picture = g_bytes_new_take (data, length);
  ClipmoeMoment m = {.start = ns (field[1]),
                     .end = ns (field[2]),
                     .time = ns (field[3]),
                     .why = CLIPMOE_WHY_ONLY,
                     .looks = 1,
                     .vector = vector,
                     .thumbnail = picture};
  m.at = self->file.source ? self->file.recorded + m.time / 1000 : 0;
  ok = ok && clipmoe_embedder_add_picture (self->model, picture, vector, error) &&
       clipmoe_store_put (self->store, self->take, &m, 1, error);
  g_bytes_unref (picture);
  g_free (vector);
  g_free (path);
  return ok;
}

static gboolean
obey (Fill *self, char **field, GError **error) {
  guint n = g_strv_length (field);
  if (n == 4 && strcmp (field[0], "file") == 0)
    return begin (self, field, FALSE, error);
  if (n == 3 && strcmp (field[0], "live") == 0)
    return begin (self, field, TRUE, error);
  if (n == 5 && strcmp (field[0], "moment") == 0)
    return put (self, field, error);
  if (n == 1 && strcmp (field[0], "end") == 0)
    return clipmoe_store_finish (self->store, self->take, &self->file, error);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "no such line: %s", field[0]);
  return FALSE;
}

int
main (int argc, char **argv) {
  static const struct {
    void *model, *vocab, *activation;
    int numbers[5];
  } arguments = {0}; /* ClipmoeModelArguments, all by default: its header and the store's do not go together */
  GError *error = NULL;
  Fill self = {0};
  char line[8192];
  if (argc != 3)
    return 2;
  self.model = clipmoe_embedder_open (&arguments, NULL, argv[2], &error);
  self.store = self.model ? clipmoe_store_open (argv[1], CLIPMOE_STORE_WRITE, 5, &error) : NULL;
  gboolean ok = self.store && clipmoe_store_set_model (self.store, clipmoe_embedder_get_id (self.model), argv[2],
                                                       clipmoe_embedder_get_embed (self.model), FALSE, &error);
  while (ok && fgets (line, sizeof line, stdin)) {
    char **field = g_strsplit (g_strchomp (line), "\t", -1);
    ok = obey (&self, field, &error);
    g_strfreev (field);
  }
  if (!ok)
    fprintf (stderr, "fill: %s\n", error->message);
  clipmoe_store_close (self.store);
  clipmoe_embedder_close (self.model);
  return !ok;
}
