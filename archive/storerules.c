/* What holds in every store: which arguments are refused, what a claim comes to, what a filter asks. */
#include <base/error.h>
#include "store-private.h"

gboolean
clipmoe_store_check_file (const char *where, gboolean model, const ClipmoeStoreFile *file, GError **error) {
  if (!model)
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, where,
                              "no model was set, expected one before files are claimed");
  if (!file->path == !file->source || (file->path && *file->path != '/'))
    return clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, where,
                              "expected a file with either an absolute path or the name of a live source");
  return TRUE;
}

gboolean
clipmoe_store_check_moments (const char *where, const ClipmoeMoment *moments, guint n, GError **error) {
  for (guint i = 0; i < n; i++)
    if (moments[i].end < moments[i].start || moments[i].at < 0 || !moments[i].vector ||
        (moments[i].start < 0 && moments[i].end > G_MAXINT64 + moments[i].start))
      return clipmoe_error_set (
          error, CLIPMOE_ERROR_ARGUMENT, where,
          "moment %u of %u: expected a vector, an end that is not before the start, and no time before 1970",
          i, n);
  return TRUE;
}

gboolean
clipmoe_store_refuse_ann (const char *where, GError **error) {
  return clipmoe_error_set (error, CLIPMOE_ERROR_UNSUPPORTED, where,
                            "an archive in a folder is searched exactly; --ann is for one in PostgreSQL with "
                            "the extension \"vector\" (--store postgresql://HOST/DATABASE)");
}

ClipmoeClaim
clipmoe_store_judge (gboolean finished, ClipmoeFileState state, gboolean retry, gboolean moved) {
  if (finished)
    return moved ? CLIPMOE_CLAIM_MOVED : CLIPMOE_CLAIM_UNCHANGED;
  if (!retry && state == CLIPMOE_FILE_FAILED)
    return CLIPMOE_CLAIM_FAILED;
  return !retry && state == CLIPMOE_FILE_SKIPPED ? CLIPMOE_CLAIM_SKIPPED : CLIPMOE_CLAIM_AGAIN;
}

gboolean
clipmoe_filter_passes_all (const ClipmoeFilter *f) {
  return !f || (!f->since && !f->until && !f->hours_from && !f->hours_until && !f->path && !f->source &&
                !f->file && f->min_duration <= 0);
}

gint64
clipmoe_filter_offset (GTimeZone *zone, gint64 utc) {
  gint interval = g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, utc / G_USEC_PER_SEC);
  return interval < 0 ? 0 : g_time_zone_get_offset (zone, interval);
}

int
clipmoe_filter_minute (GTimeZone *zone, gint64 utc) {
  gint64 seconds = utc / G_USEC_PER_SEC + clipmoe_filter_offset (zone, utc);
  return (int)(((seconds % 86400) + 86400) % 86400 / 60);
}

gboolean
clipmoe_filter_in_hours (const ClipmoeFilter *filter, int minute) {
  int from = filter->hours_from, until = filter->hours_until;
  return from <= until ? minute >= from && minute < until : minute >= from || minute < until;
}
