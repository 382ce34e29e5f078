#include "indexworker.h"

#include "indexstop.h"

#define PAUSE 500000 /* until it is asked again whether something waits */
#define SLICE 50000

static void
pause_for_others (void) {
  for (gint64 slept = 0; slept < PAUSE && !clipmoe_index_stopped; slept += SLICE)
    g_usleep (SLICE);
}

static gboolean
look_at (ClipmoeIndexRun *run, const ClipmoeStoreFile *file, GError **error) {
  /* who registered it has decided that it is one to look at */
  const ClipmoeIndexInput input = {.path = file->path, .size = file->size, .named = TRUE};
  clipmoe_index_report_expect (run->report, 1, file->size);
  return clipmoe_index_file (run, &input, file->id, error);
}

gboolean
clipmoe_index_work (ClipmoeIndexRun *run, GError **error) {
  gboolean ok = TRUE, left = TRUE;
  while (ok && left && !clipmoe_index_stopped) {
    ClipmoeStoreFile *file = NULL;
    guint64 elsewhere = 0;
    /* what may take long is done before a file is handed out, and not while its lease ends */
    ok = clipmoe_index_prepare (run, error) && clipmoe_store_next (run->store, &file, &elsewhere, error);
    left = file || elsewhere;
    if (file && !clipmoe_index_stopped)
      ok = look_at (run, file, error);
    else if (ok && left)
      pause_for_others ();
    clipmoe_store_file_free (file);
  }
  return ok;
}
