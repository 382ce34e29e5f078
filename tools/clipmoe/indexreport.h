/* What a run of `clipmoe index` says: a line a file, how far it is, and the sums at the end. */
#ifndef CLIPMOE_INDEX_REPORT_H
#define CLIPMOE_INDEX_REPORT_H

#include <glib.h>

typedef enum {
  CLIPMOE_INDEXED,
  CLIPMOE_INDEX_UNCHANGED,
  CLIPMOE_INDEX_MOVED,
  CLIPMOE_INDEX_SKIPPED, /* no video and no picture */
  CLIPMOE_INDEX_FAILED,
  CLIPMOE_INDEX_FAILED_BEFORE, /* in an earlier run, and was not looked at now */
  CLIPMOE_N_INDEX_RESULTS
} ClipmoeIndexResult;

/* One file. */
typedef struct {
  const char *path;
  ClipmoeIndexResult result;
  const char *reason; /* or NULL */
  guint64 moments;    /* that were found now */
  double seconds;     /* that it took */
  gint64 duration;    /* ns; 0 = not known, or a picture */
  gboolean other; /* skipped, and not worth a line: plainly nothing for an archive, or known from before */
} ClipmoeIndexLine;

typedef struct _ClipmoeIndexReport ClipmoeIndexReport;

/* @json: lines of JSON on standard output (docs/index.schema.json) instead of sums for people. @each: those
 * get a line a file that was looked at, too. @verbose: other files, and those that failed
 * before, are listed at the end, not counted alone. */
ClipmoeIndexReport *clipmoe_index_report_new (gboolean json, gboolean each, gboolean verbose);
void clipmoe_index_report_free (ClipmoeIndexReport *self); /* NULL: nothing */
/* There are so many files to be looked through, and bytes in them. */
void clipmoe_index_report_expect (ClipmoeIndexReport *self, guint files, guint64 bytes);
/* FALSE: standard output cannot be written, said. */
gboolean clipmoe_index_report_add (ClipmoeIndexReport *self, const ClipmoeIndexLine *line, guint64 bytes);
/* Shows on a terminal how far the run is: @position ns of the file at hand, @bytes long, of @duration ns (0:
 * not known). At most twice a second. */
void clipmoe_index_report_progress (ClipmoeIndexReport *self, const char *path, gint64 position,
                                    gint64 duration, guint64 bytes);
/* Clears what progress() shows; before anything else is said. */
void clipmoe_index_report_quiet (ClipmoeIndexReport *self);
/* Prints the sums, by name and reason what was skipped or failed, and how many files were skipped that are
 * not listed. FALSE: as add(). */
gboolean clipmoe_index_report_finish (ClipmoeIndexReport *self);
guint clipmoe_index_report_get_failed (const ClipmoeIndexReport *self);

#endif
