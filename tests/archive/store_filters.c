/* Filters of a store beside a plain reading of what each of them means, moment by moment. */
#include "glob.h"
#include "place.h"
#include "store_suite.h"

#define SECOND G_GINT64_CONSTANT (1000000000)
#define DAY_US (G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC)
#define FILES 60

/* Around the end of summer time 2023 in Berlin. */
#define BEGIN (G_GINT64_CONSTANT (1698530400) * G_USEC_PER_SEC)

static gboolean
passes_hours (const ClipmoeFilter *filter, gint64 at) {
  GDateTime *utc = g_date_time_new_from_unix_utc (at / G_USEC_PER_SEC), *local = g_date_time_to_local (utc);
  int minute = g_date_time_get_hour (local) * 60 + g_date_time_get_minute (local);
  gboolean passes = filter->hours_from <= filter->hours_until
                        ? minute >= filter->hours_from && minute < filter->hours_until
                        : minute >= filter->hours_from || minute < filter->hours_until;
  g_date_time_unref (utc);
  g_date_time_unref (local);
  return passes;
}

static gboolean
passes (const ClipmoeFilter *filter, const ClipmoeFound *f) {
  gboolean hours = filter->hours_from || filter->hours_until;
  if ((filter->since || filter->until || hours) && !f->at)
    return FALSE;
  return (!filter->since || f->at >= filter->since) && (!filter->until || f->at < filter->until) &&
         (!hours || passes_hours (filter, f->at)) &&
         (!filter->path || (f->path && clipmoe_glob (filter->path, f->path))) &&
         (!filter->source || g_strcmp0 (filter->source, f->source) == 0) &&
         (!filter->file || filter->file == f->file) &&
         (filter->min_duration <= 0 || f->end - f->start >= filter->min_duration);
}

/* Puts moments, up to @most at a time; @at: UTC of the first, or 0. */
static void
put (ClipmoeStore *store, gint64 take, ClipmoeRandom *r, guint64 number, guint n, guint most, gint64 at) {
  GError *error = NULL;
  float *vectors = place_vectors (number, n, SUITE_EMBED);
  ClipmoeMoment *moments = g_new0 (ClipmoeMoment, n);
  gint64 time = 0;
  for (guint i = 0; i < n; i++) {
    gint64 length = clipmoe_random_below (r, 4) ? (gint64)(1 + clipmoe_random_below (r, 30)) * SECOND : 0;
    moments[i] = (ClipmoeMoment){.start = time,
                                 .end = time + length,
                                 .time = time + (gint64)number + i,
                                 .at = at ? at + time / 1000 : 0,
                                 .why = CLIPMOE_WHY_ONLY,
                                 .looks = 1,
                                 .vector = vectors + (gsize)i * SUITE_EMBED};
    time += length + (gint64)clipmoe_random_below (r, 300) * SECOND;
  }
  for (guint done = 0; done < n;) {
    guint many = 1 + clipmoe_random_below (r, most), some = MIN (n - done, many);
    clipmoe_store_put (store, take, moments + done, some, &error);
    g_assert_no_error (error);
    done += some;
  }
  g_free (moments);
  g_free (vectors);
}

static void
fill (ClipmoeStore *store, ClipmoeRandom *r) {
  guint64 number = 0;
  for (guint i = 0; i < FILES; i++) {
    guint n = 1 + (guint)clipmoe_random_below (r, i % 10 ? 40 : 700);
    gint64 recorded = i % 7 ? BEGIN + (gint64)clipmoe_random_below (r, 3 * 86400) * G_USEC_PER_SEC : 0;
    char *name = g_strdup_printf ("%c%u.mp4", "abc"[i % 3], i), *source = g_strdup_printf ("door %u", i % 2);
    ClipmoeStoreFile *file = i % 5 == 4 ? NULL : suite_file (name, name), live = {.source = source};
    gint64 take =
        suite_claim (store, file ? file : &live, file || i < 10 ? CLIPMOE_CLAIM_NEW : CLIPMOE_CLAIM_AGAIN);
    put (store, take, r, number, n, 90, file ? 0 : recorded);
    if (i % 11 || !file)
      suite_finish (store, take, file ? recorded : 0);
    number += n;
    if (file && i % 13 == 5) { /* dead rows */
      GError *error = NULL;
      GPtrArray *files = clipmoe_store_get_files (store, &error);
      g_assert_no_error (error);
      for (guint k = 0; k < files->len; k++) {
        const ClipmoeStoreFile *one = files->pdata[k];
        if (one->path && g_str_equal (one->path, file->path) && one->state == CLIPMOE_FILE_DONE)
          clipmoe_store_forget_file (store, one->id, &error);
        g_assert_no_error (error);
      }
      g_ptr_array_unref (files);
    }
    clipmoe_store_file_free (file);
    g_free (name);
    g_free (source);
  }
}

static ClipmoeFilter
some_filter (ClipmoeRandom *r, const GPtrArray *all) {
  static const char *const paths[] = {"*/a*", "*.mp4", "*/?1[0-9].mp4", "*/b1.mp4", "none"};
  ClipmoeFilter f = {0};
  const ClipmoeFound *one = all->pdata[clipmoe_random_below (r, all->len)];
  guint kinds = 1 + (guint)clipmoe_random_below (r, 63);
  if (kinds & 1)
    f.since = BEGIN + (gint64)clipmoe_random_below (r, 4 * 86400) * G_USEC_PER_SEC;
  if (kinds & 2)
    f.until = BEGIN + (gint64)clipmoe_random_below (r, 5 * 86400) * G_USEC_PER_SEC;
  if (kinds & 4) {
    f.hours_from = (int)clipmoe_random_below (r, 1440);
    f.hours_until = (int)clipmoe_random_below (r, 1441);
  }
  if (kinds & 8 && clipmoe_random_below (r, 2))
    f.path = paths[clipmoe_random_below (r, G_N_ELEMENTS (paths))];
  if (kinds & 16 && clipmoe_random_below (r, 2) == 0)
    f.source = "door 1";
  if (kinds & 32)
    f.min_duration = (gint64)clipmoe_random_below (r, 40) * SECOND;
  if (clipmoe_random_below (r, 8) == 0)
    f.file = one->file;
  return f;
}

/* Filters, those with a shortest duration alone if @long_ones, beside a plain reading. Returns how many
 * divide the moments. */
static guint
compare (ClipmoeStore *store, ClipmoeRandom *r, guint rounds, gboolean long_ones) {
  guint some = 0;
  GPtrArray *all = suite_found (store, NULL);
  for (guint i = 0; i < rounds; i++) {
    ClipmoeFilter filter = some_filter (r, all);
    if (long_ones) {
      filter.min_duration = (gint64)(1 + clipmoe_random_below (r, 30)) * SECOND;
      filter.file = 0;
      if (i % 2)
        filter = (ClipmoeFilter){.min_duration = filter.min_duration};
    }
    GPtrArray *found = suite_found (store, &filter);
    guint at = 0;
    for (guint k = 0; k < all->len; k++)
      if (passes (&filter, all->pdata[k])) {
        g_assert_cmpuint (at, <, found->len);
        g_assert_cmpint (((ClipmoeFound *)found->pdata[at++])->id, ==, ((ClipmoeFound *)all->pdata[k])->id);
      }
    g_assert_cmpuint (at, ==, found->len);
    some += at > 0 && at < all->len;
    g_ptr_array_unref (found);
  }
  g_ptr_array_unref (all);
  return some;
}

void
store_filters_test (const char *where) {
  ClipmoeRandom r = clipmoe_random_for (19, 1, 0);
  ClipmoeStore *store = suite_write (where);
  fill (store, &r);
  suite_verify (store);
  g_assert_cmpuint (suite_count (store), >, 1000);
  g_assert_cmpuint (compare (store, &r, 400, FALSE), >, 100);
  /* so many that a store may go another way */
  for (guint i = 0; i < 4; i++) {
    char *name = g_strdup_printf ("long %u", i);
    ClipmoeStoreFile *file = suite_file (name, name);
    gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
    put (store, take, &r, 100000 + 10000 * i, 2500, 1000, 0);
    suite_finish (store, take, BEGIN + i * DAY_US);
    clipmoe_store_file_free (file);
    g_free (name);
  }
  g_assert_cmpuint (suite_count (store), >, 11000);
  g_assert_cmpuint (compare (store, &r, 30, TRUE), >, 15);
  clipmoe_store_close (store);
}
