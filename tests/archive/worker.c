/* What postgres.py runs several of: a worker over the store's interface, with made-up moments. A file's text
 * is "NUMBER COUNT": COUNT moments of a second each, with vectors NUMBER, NUMBER + 1, … (place.h).
 *
 *   worker register PLACE FILE…       the files wait
 *   worker work PLACE LEASE PAUSE     works until nothing waits; PAUSE ms after each three moments. Prints a
 * line a step: "take PATH", "done PATH", "lost PATH" worker index PLACE FILE…          claims and indexes
 * these worker answers PLACE              prints what is found, the same for each store with the same moments
 *   worker verify PLACE               prints faults */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <store.h>
#include "place.h"

#define MODEL "tiny@0123456789ab"
#define EMBED 24
#define SECOND G_GINT64_CONSTANT (1000000000)
#define AT_ONCE 3

static void
check (GError *error) {
  if (error)
    g_error ("%s", error->message);
}

static ClipmoeStore *
open_store (const char *where, ClipmoeStoreAccess access) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, access, 60, &error);
  check (error);
  if (access == CLIPMOE_STORE_WRITE)
    clipmoe_store_set_model (store, MODEL, NULL, EMBED, FALSE, &error);
  check (error);
  return store;
}

static ClipmoeStoreFile *
look_at (const char *path, guint64 *number, guint *count) {
  char *text = NULL;
  guint8 sum[32];
  gsize length, size = sizeof sum;
  struct stat st;
  unsigned long long first;
  g_assert_true (g_file_get_contents (path, &text, &length, NULL) && stat (path, &st) == 0);
  g_assert_cmpint (sscanf (text, "%llu %u", &first, count), ==, 2);
  *number = first;
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (checksum, (const guchar *)text, (gssize)length);
  g_checksum_get_digest (checksum, sum, &size);
  g_checksum_free (checksum);
  ClipmoeStoreFile *file = g_new0 (ClipmoeStoreFile, 1);
  file->path = g_strdup (path);
  file->device = st.st_dev;
  file->inode = st.st_ino;
  file->size = (guint64)st.st_size;
  file->mtime = (gint64)st.st_mtim.tv_sec * SECOND + st.st_mtim.tv_nsec;
  memcpy (file->digest, sum, sizeof file->digest);
  g_free (text);
  return file;
}

static void
say (const char *what, const char *path) {
  printf ("%s %s\n", what, path);
  fflush (stdout);
}

/* FALSE: the take was given to another. */
static gboolean
passed (gboolean ok, GError *error) {
  if (ok || g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY)) {
    g_clear_error (&error);
    return ok;
  }
  check (error);
  return FALSE;
}

static gboolean
put (ClipmoeStore *store, gint64 take, guint64 number, guint from, guint n) {
  GError *error = NULL;
  ClipmoeMoment moments[AT_ONCE] = {{0}};
  float *vectors = place_vectors (number + from, n, EMBED);
  for (guint i = 0; i < n; i++) {
    char *text = g_strdup_printf ("picture %u", (guint)number + from + i);
    moments[i] = (ClipmoeMoment){.start = (from + i) * SECOND,
                                 .end = (from + i + 1) * SECOND,
                                 .time = (from + i) * SECOND + SECOND / 2,
                                 .why = CLIPMOE_WHY_MEDOID,
                                 .looks = 2,
                                 .vector = vectors + (gsize)i * EMBED,
                                 .thumbnail = g_bytes_new_take (text, strlen (text))};
  }
  gboolean ok = clipmoe_store_put (store, take, moments, n, &error);
  for (guint i = 0; i < n; i++)
    g_bytes_unref (moments[i].thumbnail);
  g_free (vectors);
  return passed (ok, error);
}

static gboolean
index_take (ClipmoeStore *store, gint64 take, guint64 number, guint count, guint pause) {
  GError *error = NULL;
  for (guint i = 0; i < count; i += AT_ONCE) {
    if (!put (store, take, number, i, MIN (AT_ONCE, count - i)))
      return FALSE;
    g_usleep (pause * 1000ul);
    gboolean alive = clipmoe_store_beat (store, take, &error);
    check (error);
    if (!alive)
      return FALSE;
  }
  ClipmoeStoreFile facts = {.recorded = (gint64)(1600000000 + number) * G_USEC_PER_SEC,
                            .recorded_by = CLIPMOE_RECORDED_CONTAINER,
                            .duration = count * SECOND};
  gboolean ok = clipmoe_store_finish (store, take, &facts, &error);
  return passed (ok, error);
}

/* What is looked at while others do is not claimed by them. */
static void
index_file (ClipmoeStore *store, const char *path, gboolean retry, guint pause) {
  GError *error = NULL;
  guint64 number;
  guint count;
  ClipmoeClaim claim;
  gint64 take;
  ClipmoeStoreFile *file = look_at (path, &number, &count);
  clipmoe_store_claim (store, file, retry, &claim, &take, &error);
  check (error);
  if (take) {
    say ("take", path);
    say (index_take (store, take, number, count, pause) ? "done" : "lost", path);
  }
  clipmoe_store_file_free (file);
}

static void
work (const char *where, guint lease, guint pause) {
  GError *error = NULL;
  ClipmoeStore *store = open_store (where, CLIPMOE_STORE_WRITE);
  clipmoe_store_set_lease (store, lease, &error);
  for (guint64 elsewhere = 1; !error;) {
    ClipmoeStoreFile *file;
    clipmoe_store_next (store, &file, &elsewhere, &error);
    check (error);
    if (file)
      index_file (store, file->path, TRUE, pause);
    else if (elsewhere)
      g_usleep (100000);
    else
      break;
    clipmoe_store_file_free (file);
  }
  check (error);
  clipmoe_store_close (store);
}

static void
register_files (const char *where, char **paths) {
  GError *error = NULL;
  ClipmoeStore *store = open_store (where, CLIPMOE_STORE_WRITE);
  for (; *paths; paths++) {
    guint64 number;
    guint count;
    ClipmoeStoreFile *file = look_at (*paths, &number, &count);
    clipmoe_store_register (store, file, FALSE, NULL, &error);
    check (error);
    clipmoe_store_file_free (file);
  }
  clipmoe_store_close (store);
}

static int
by_text (gconstpointer a, gconstpointer b) {
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* One line a moment, in order of paths and times. */
static void
print_moments (ClipmoeStore *store, const ClipmoeFilter *filter, const char *title) {
  GError *error = NULL;
  GArray *ranges = clipmoe_store_select (store, filter, &error), *rows = g_array_new (FALSE, FALSE, 8);
  GPtrArray *lines = g_ptr_array_new_with_free_func (g_free);
  check (error);
  for (guint i = 0; i < ranges->len; i++) {
    ClipmoeRowRange r = g_array_index (ranges, ClipmoeRowRange, i);
    for (guint64 row = r.first; row < r.first + r.n; row++)
      g_array_append_val (rows, row);
  }
  GPtrArray *found = clipmoe_store_find_rows (store, (guint64 *)(gpointer)rows->data, rows->len, &error);
  check (error);
  for (guint i = 0; i < found->len; i++) {
    const ClipmoeFound *f = found->pdata[i];
    GBytes *jpeg = clipmoe_store_get_thumbnail (store, f->id, &error);
    check (error);
    g_ptr_array_add (lines, g_strdup_printf ("%s %02d %d %" G_GINT64_FORMAT " %.*s", f->path,
                                             (int)(f->start / SECOND), (int)(f->end / SECOND), f->at,
                                             (int)g_bytes_get_size (jpeg),
                                             (const char *)g_bytes_get_data (jpeg, NULL)));
    g_bytes_unref (jpeg);
  }
  g_ptr_array_sort (lines, by_text);
  printf ("%s: %u\n", title, lines->len);
  for (guint i = 0; i < lines->len; i++)
    printf ("  %s\n", (char *)lines->pdata[i]);
  g_ptr_array_unref (lines);
  g_ptr_array_unref (found);
  g_array_unref (rows);
  g_array_unref (ranges);
}

#define HITS 5

static void
print_hits (ClipmoeStore *store, guint64 number) {
  GError *error = NULL;
  float query[EMBED];
  ClipmoeScanHit hits[HITS];
  GArray *ranges = clipmoe_store_select (store, NULL, &error);
  check (error);
  place_vector (number, EMBED, query);
  gssize n =
      clipmoe_scan (clipmoe_store_get_vectors (store), query, (ClipmoeRowRange *)(gpointer)ranges->data,
                    ranges->len, HITS, 1, hits, NULL, &error);
  check (error);
  printf ("like %u:\n", (guint)number);
  for (gssize i = 0; i < n; i++) {
    GPtrArray *found = clipmoe_store_find_rows (store, &hits[i].row, 1, &error);
    check (error);
    const ClipmoeFound *f = found->pdata[0];
    printf ("  %.6f %s %d\n", hits[i].cosine, f->path, (int)(f->start / SECOND));
    g_ptr_array_unref (found);
  }
  g_array_unref (ranges);
}

static void
print_answers (const char *where) {
  GError *error = NULL;
  ClipmoeStore *store = open_store (where, CLIPMOE_STORE_READ);
  const gint64 time = G_GINT64_CONSTANT (1600000000) * G_USEC_PER_SEC;
  const ClipmoeFilter filters[] = {
      {.path = "*/f0?"},
      {.since = time + 300 * G_USEC_PER_SEC, .until = time + 905 * G_USEC_PER_SEC},
      {.hours_from = 12 * 60, .hours_until = 12 * 60 + 31},
      {.min_duration = 2 * SECOND}};
  GPtrArray *files = clipmoe_store_get_files (store, &error);
  check (error);
  for (guint i = 0; i < files->len; i++) {
    const ClipmoeStoreFile *f = files->pdata[i];
    printf ("%s state %d, %u moments, %d s\n", f->path, f->state, (guint)f->moments,
            (int)(f->duration / SECOND));
  }
  g_ptr_array_unref (files);
  print_moments (store, NULL, "all");
  for (guint i = 0; i < G_N_ELEMENTS (filters); i++) {
    char *title = g_strdup_printf ("filter %u", i);
    print_moments (store, filters + i, title);
    g_free (title);
  }
  for (guint64 number = 0; number < 2000; number += 105)
    print_hits (store, number);
  clipmoe_store_close (store);
}

static void
print_faults (const char *where) {
  GError *error = NULL;
  GPtrArray *faults = g_ptr_array_new_with_free_func (g_free);
  ClipmoeStore *store = open_store (where, CLIPMOE_STORE_READ);
  clipmoe_store_verify (store, faults, &error);
  check (error);
  for (guint i = 0; i < faults->len; i++)
    puts (faults->pdata[i]);
  g_ptr_array_unref (faults);
  clipmoe_store_close (store);
}

int
main (int argc, char **argv) {
  const char *what = argc > 2 ? argv[1] : "";
  if (g_str_equal (what, "register"))
    register_files (argv[2], argv + 3);
  else if (g_str_equal (what, "work") && argc == 5)
    work (argv[2], (guint)atoi (argv[3]), (guint)atoi (argv[4]));
  else if (g_str_equal (what, "answers"))
    print_answers (argv[2]);
  else if (g_str_equal (what, "verify"))
    print_faults (argv[2]);
  else if (g_str_equal (what, "index")) {
    ClipmoeStore *store = open_store (argv[2], CLIPMOE_STORE_WRITE);
    for (int i = 3; i < argc; i++)
      index_file (store, argv[i], FALSE, 0);
    clipmoe_store_close (store);
  } else {
    g_error ("see the first lines of worker.c");
  }
  return 0;
}
