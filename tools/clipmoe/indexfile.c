#include "indexfile.h"

#include <string.h>
#include <base/error.h>
#include "indexdate.h"
#include "indexidentity.h"
#include "indexstop.h"
#include "inputs.h"
#include "media.h"
#include "picture.h"
#include "smallimage.h"

#define SECOND ((gint64)G_USEC_PER_SEC)
#define MOST_PENDING 64        /* moments that are put at once */
#define PUT_EVERY (2 * SECOND) /* so old are those that a killed run loses */
#define BEAT_EVERY (10 * SECOND)
#define COUNT_EVERY (30 * SECOND) /* what others add is heard of so often: it is summed up over all files */

/* A file at work. */
typedef struct {
  ClipmoeIndexRun *run;
  const ClipmoeIndexInput *input;
  ClipmoeStoreFile file;
  gint64 handed; /* its number, if it was handed out; 0: it was not */
  gint64 take, begun, last_put, last_beat;
  guint64 moments; /* that were put */
  ClipmoeMoments *maker;
  GMutex lock;
  GArray *pending; /* (element-type ClipmoeMoment) with vectors and thumbnails of its own; under the lock */
  gboolean lost;   /* the take was given to another worker */
  gboolean other;  /* found in a folder, and plainly no picture and no video, or skipped before */
  GError *trouble; /* of the store */
} Work;

static void
moment_clear (gpointer data) {
  ClipmoeMoment *moment = data;
  g_free ((gpointer)moment->vector);
  g_clear_pointer (&moment->thumbnail, g_bytes_unref);
}

static gboolean
keep_moment (const ClipmoeMoment *moment, gpointer data) {
  Work *work = data;
  ClipmoeMoment own = *moment;
  own.vector = g_memdup2 (moment->vector, work->run->embed * sizeof *moment->vector);
  if (own.thumbnail)
    g_bytes_ref (own.thumbnail);
  g_mutex_lock (&work->lock);
  g_array_append_val (work->pending, own);
  g_mutex_unlock (&work->lock);
  return TRUE;
}

static gboolean
take_look (const ClipmoeMomentLook *look, gpointer data) {
  return clipmoe_moments_add (((Work *)data)->maker, look);
}

/* Others may have got the file meanwhile, if this worker was stopped or its server gone for too long: no
 * trouble. */
static gboolean
passed (Work *work, gboolean ok) {
  if (!ok && work->run->lease && g_error_matches (work->trouble, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY)) {
    g_clear_error (&work->trouble);
    work->lost = TRUE;
  }
  return ok;
}

/* What has ended goes into the store. FALSE: work->lost or work->trouble. */
static gboolean
put (Work *work) {
  g_mutex_lock (&work->lock);
  GArray *ready = work->pending;
  work->pending = g_array_new (FALSE, FALSE, sizeof (ClipmoeMoment));
  g_array_set_clear_func (work->pending, moment_clear);
  g_mutex_unlock (&work->lock);
  gboolean ok = passed (work, !ready->len || clipmoe_store_put (work->run->store, work->take,
                                                                (ClipmoeMoment *)(gpointer)ready->data,
                                                                ready->len, &work->trouble));
  if (ok)
    work->moments += ready->len;
  g_array_unref (ready);
  work->last_put = g_get_monotonic_time ();
  return ok;
}

static gboolean
beat (Work *work) {
  work->last_beat = g_get_monotonic_time ();
  if (clipmoe_store_beat (work->run->store, work->take, &work->trouble))
    return TRUE;
  work->lost = !work->trouble;
  return FALSE;
}

/* How often the store hears that the file is at work. */
static gint64
beat_every (const Work *work) {
  gint64 often = work->run->lease * SECOND / 4;
  return often ? MIN (often, BEAT_EVERY) : BEAT_EVERY;
}

static gboolean
tick (gint64 position, gpointer data) {
  Work *work = data;
  gint64 now = g_get_monotonic_time ();
  g_mutex_lock (&work->lock);
  guint pending = work->pending->len;
  g_mutex_unlock (&work->lock);
  clipmoe_index_report_progress (work->run->report, work->input->path, position, work->file.duration,
                                 work->file.size);
  if (clipmoe_index_stopped)
    return FALSE;
  if ((pending >= MOST_PENDING || (pending && now - work->last_put >= PUT_EVERY)) && !put (work))
    return FALSE;
  return now - work->last_beat < beat_every (work) || beat (work);
}

/* @result of a file that is no failure of the run. FALSE: it cannot be said. */
static gboolean
report (const Work *work, ClipmoeIndexResult result, const char *reason) {
  ClipmoeIndexLine line = {.path = work->input->path,
                           .result = result,
                           .reason = reason,
                           .moments = result == CLIPMOE_INDEXED ? work->moments : 0,
                           .seconds = (double)(g_get_monotonic_time () - work->begun) / G_USEC_PER_SEC,
                           .duration = work->file.duration};
  line.other = work->other;
  return clipmoe_index_report_add (work->run->report, &line, work->file.size);
}

/* What became of a file before, which is not looked at now. */
static gboolean
report_before (Work *work, ClipmoeFileState state) {
  if (state == CLIPMOE_FILE_FAILED)
    return report (work, CLIPMOE_INDEX_FAILED_BEFORE, "it failed in an earlier run; --retry looks again");
  if (state != CLIPMOE_FILE_SKIPPED)
    return report (work, CLIPMOE_INDEX_UNCHANGED, NULL);
  work->other = !work->input->named;
  return report (work, CLIPMOE_INDEX_SKIPPED, "no video was found in an earlier run; --retry looks again");
}

/* What @error says of the file, without its name in front. */
static const char *
reason_of (const Work *work, const GError *error) {
  const char *path = work->input->path;
  gsize n = strlen (path);
  return strncmp (error->message, path, n) == 0 && g_str_has_prefix (error->message + n, ": ")
             ? error->message + n + 2
             : error->message;
}

/* Takes @why. */
static gboolean
report_failure (const Work *work, ClipmoeIndexResult result, GError *why) {
  gboolean ok = report (work, result, reason_of (work, why));
  g_error_free (why);
  return ok;
}

/* The same before the file was claimed: if it was handed out, it waits no longer. FALSE: also work->trouble.
 */
static gboolean
refuse (Work *work, ClipmoeIndexResult result, GError *why) {
  if (!work->handed ||
      clipmoe_store_give_back (work->run->store, work->handed, reason_of (work, why), &work->trouble))
    return report_failure (work, result, why);
  g_error_free (why);
  return FALSE;
}

/* When stream time 0 was. */
static void
find_recorded (ClipmoeStoreFile *file, gint64 by_container) {
  char *name = g_path_get_basename (file->path);
  file->recorded_by = CLIPMOE_RECORDED_CONTAINER;
  file->recorded = by_container;
  if (!by_container) {
    file->recorded_by = CLIPMOE_RECORDED_NAME;
    if (!clipmoe_index_date (name, &file->recorded)) {
      file->recorded_by = CLIPMOE_RECORDED_MTIME;
      file->recorded = file->mtime / 1000;
    }
  }
  g_free (name);
}

/* --- its looks --- */

static ClipmoeIndexVideoResult
run_picture (Work *work, const ClipmoeMedia *media, gint64 *taken, GError **error) {
  if (!clipmoe_index_date_taken (media->date.taken, media->date.offset, taken))
    *taken = 0;
  ClipmoeImage image = clipmoe_media_image (media);
  ClipmoeSmall *small = clipmoe_small_from_image (&image);
  work->file.picture = TRUE;
  clipmoe_index_looks_begin (work->run->looks, take_look, work);
  gboolean ok =
      clipmoe_index_looks_add (work->run->looks, &image, CLIPMOE_ORIENTATION_IDENTITY, 0, small, error) &&
      clipmoe_index_looks_drain (work->run->looks, error);
  clipmoe_small_unref (small);
  return ok ? CLIPMOE_INDEX_VIDEO_DONE : CLIPMOE_INDEX_VIDEO_FAILED;
}

/* @error names the path, or not. */
static ClipmoeIndexVideoResult
run_file (Work *work, ClipmoePictureSort sort, GError **error) {
  const char *path = work->input->path;
  ClipmoeIndexVideoFacts facts = {0};
  ClipmoeIndexVideoResult result = CLIPMOE_INDEX_VIDEO_FAILED;
  if (sort == CLIPMOE_PICTURE_STILL) {
    ClipmoeMedia media;
    if (clipmoe_media_open (&media, path, error))
      result = run_picture (work, &media, &facts.recorded, error);
    clipmoe_media_clear (&media);
  } else {
    clipmoe_index_looks_begin (work->run->looks, take_look, work);
    result = clipmoe_index_video (path, &work->run->sampling, work->run->looks, tick, work, &facts, error);
    work->file.duration = facts.duration;
  }
  find_recorded (&work->file, facts.recorded);
  if (result != CLIPMOE_INDEX_VIDEO_DONE)
    return result;
  clipmoe_moments_finish (work->maker, work->file.picture ? -1 : facts.duration);
  if (!clipmoe_index_is_same (path, &work->file)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: it changed while it was looked at", path);
    return CLIPMOE_INDEX_VIDEO_FAILED;
  }
  return result;
}

/* What became of the file is noted and said. FALSE: work->lost, work->trouble, or standard output. */
static gboolean
end_take (Work *work, ClipmoeIndexVideoResult result, GError *why) {
  ClipmoeStore *store = work->run->store;
  if (result == CLIPMOE_INDEX_VIDEO_STOPPED)
    return put (work);
  if (result == CLIPMOE_INDEX_VIDEO_DONE)
    return put (work) &&
           passed (work, clipmoe_store_finish (store, work->take, &work->file, &work->trouble)) &&
           report (work, CLIPMOE_INDEXED, NULL);
  gboolean none = result == CLIPMOE_INDEX_VIDEO_NONE;
  return passed (work,
                 clipmoe_store_fail (store, work->take, none ? CLIPMOE_FILE_SKIPPED : CLIPMOE_FILE_FAILED,
                                     reason_of (work, why), &work->trouble)) &&
         report (work, none ? CLIPMOE_INDEX_SKIPPED : CLIPMOE_INDEX_FAILED, reason_of (work, why));
}

/* FALSE: work->trouble, or standard output. Takes @why. */
static gboolean
settle (Work *work, ClipmoeIndexVideoResult result, GError *why) {
  /* not where the store does not take what was found, or others do this file */
  gboolean ok = !work->trouble && !work->lost && end_take (work, result, why);
  g_clear_error (&why);
  return ok || (work->lost && !work->trouble);
}

/* How many moments there are, counted once there is nothing of this run's own in the store. */
static gboolean
count (ClipmoeIndexRun *run, GError **error) {
  if (run->counted)
    return TRUE;
  GPtrArray *models = clipmoe_store_get_models (run->store, error);
  if (!models)
    return FALSE;
  run->counted = TRUE;
  run->moments = models->len ? ((ClipmoeStoreModel *)models->pdata[0])->moments : 0;
  g_ptr_array_unref (models);
  return TRUE;
}

static gboolean
measure (ClipmoeIndexRun *run, GError **error) {
  /* of a model that is being filled there is no archive to measure yet */
  return run->filling ||
         (count (run, error) && clipmoe_index_usual_update (&run->usual, run->store, &run->moments, error));
}

gboolean
clipmoe_index_prepare (ClipmoeIndexRun *run, GError **error) {
  gint64 now = g_get_monotonic_time (); /* others work, too */
  if (now - run->counted_at >= COUNT_EVERY) {
    run->counted = FALSE;
    run->counted_at = now;
  }
  return measure (run, error);
}

static gboolean
look_at (Work *work, ClipmoePictureSort sort) {
  ClipmoeIndexRun *run = work->run;
  GError *why = NULL;
  if (!measure (run, &work->trouble))
    return FALSE;
  ClipmoeMomentRules rules = {.same = run->same, .unrelated = run->usual.unrelated};
  work->maker = clipmoe_moments_new (run->embed, &rules, keep_moment, work);
  work->last_put = work->last_beat = g_get_monotonic_time ();
  ClipmoeIndexVideoResult result = run_file (work, sort, &why);
  if (!settle (work, result, why))
    return FALSE;
  run->moments += result == CLIPMOE_INDEX_VIDEO_DONE && !work->lost ? work->moments : 0;
  return TRUE;
}

/* FALSE: this is nothing for an archive, reported. *said: whether that went well. */
static gboolean
is_media (Work *work, ClipmoePictureSort *sort, gboolean *said) {
  GError *why = NULL;
  const char *path = work->input->path;
  *sort = CLIPMOE_PICTURE_OTHER;
  if (!work->file.size)
    clipmoe_error_set (&why, CLIPMOE_ERROR_FORMAT, path, "it is empty");
  else if (clipmoe_picture_sort (path, sort, &why) && *sort == CLIPMOE_PICTURE_VIDEO && !work->input->named &&
           !clipmoe_inputs_is_media_name (path))
    clipmoe_error_set (&why, CLIPMOE_ERROR_UNSUPPORTED, path, "no picture, and not the name of a video");
  if (!why)
    return TRUE;
  gboolean other = g_error_matches (why, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED) ||
                   (!work->file.size && !clipmoe_inputs_is_media_name (path));
  work->other = other && !work->input->named;
  *said = refuse (work, other ? CLIPMOE_INDEX_SKIPPED : CLIPMOE_INDEX_FAILED, why);
  return FALSE;
}

/* As clipmoe_index_file(); FALSE: work->trouble. */
static gboolean
index_file (Work *work) {
  ClipmoeStore *store = work->run->store;
  const char *path = work->input->path;
  GError *why = NULL;
  gboolean known = FALSE, said = TRUE;
  ClipmoePictureSort sort;
  ClipmoeClaim claim;
  if (!clipmoe_index_stat (path, &work->file, &why))
    return refuse (work, CLIPMOE_INDEX_FAILED, why);
  /* one that was handed out is claimed in any case, so that it waits no longer */
  if (!work->handed && !clipmoe_store_is_known (store, &work->file, &known, &work->trouble))
    return FALSE;
  if (known)
    return report (work, CLIPMOE_INDEX_UNCHANGED, NULL);
  if (!is_media (work, &sort, &said))
    return said;
  if (!clipmoe_index_digest (path, &work->file, &why))
    return refuse (work, CLIPMOE_INDEX_FAILED, why);
  if (!clipmoe_store_claim (store, &work->file, work->handed || work->run->retry, &claim, &work->take,
                            &work->trouble))
    return FALSE;
  switch (claim) {
  case CLIPMOE_CLAIM_UNCHANGED:
    return report (work, CLIPMOE_INDEX_UNCHANGED, NULL);
  case CLIPMOE_CLAIM_FAILED:
    return report_before (work, CLIPMOE_FILE_FAILED);
  case CLIPMOE_CLAIM_SKIPPED:
    return report_before (work, CLIPMOE_FILE_SKIPPED);
  case CLIPMOE_CLAIM_MOVED:
    return report (work, CLIPMOE_INDEX_MOVED, NULL);
  case CLIPMOE_CLAIM_TAKEN:
    return TRUE;
  default:
    return look_at (work, sort);
  }
}

static void
begin (Work *work, ClipmoeIndexRun *run, const ClipmoeIndexInput *input) {
  *work = (Work){.run = run, .input = input, .begun = g_get_monotonic_time ()};
  work->file.path = input->path;
}

gboolean
clipmoe_index_file (ClipmoeIndexRun *run, const ClipmoeIndexInput *input, gint64 handed, GError **error) {
  Work work;
  begin (&work, run, input);
  work.handed = handed;
  work.pending = g_array_new (FALSE, FALSE, sizeof (ClipmoeMoment));
  g_array_set_clear_func (work.pending, moment_clear);
  g_mutex_init (&work.lock);
  gboolean ok = index_file (&work);
  if (work.trouble)
    g_propagate_error (error, work.trouble);
  clipmoe_moments_free (work.maker);
  g_array_unref (work.pending);
  g_mutex_clear (&work.lock);
  return ok && !work.trouble;
}

gboolean
clipmoe_index_register (ClipmoeIndexRun *run, const ClipmoeIndexInput *input, GError **error) {
  Work work;
  GError *why = NULL;
  ClipmoePictureSort sort;
  ClipmoeFileState state;
  gboolean said;
  begin (&work, run, input);
  if (!clipmoe_index_stat (input->path, &work.file, &why))
    return report_failure (&work, CLIPMOE_INDEX_FAILED, why);
  /* the name says enough, or what stands in it decides whether workers are to look at it */
  if (!input->named && !clipmoe_inputs_is_media_name (input->path) && !is_media (&work, &sort, &said))
    return said;
  return clipmoe_store_register (run->store, &work.file, run->retry, &state, error) &&
         (state == CLIPMOE_FILE_WAITING || report_before (&work, state));
}
