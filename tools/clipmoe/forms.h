/* What the commands that print and write spans share: the options that choose a form, and files for people.
 */
#ifndef CLIPMOE_FORMS_H
#define CLIPMOE_FORMS_H

#include <html.h>
#include <writers.h>
#include "outputs.h"

typedef struct {
  gboolean json, csv, vtt, chapters, edl, otio; /* at most one of them; none: a table */
  char *fps, *start;
} ClipmoeForms;

/* Entries for all but --json; @WHAT: "Intervals", "Hits"; @RATE: what --fps is where it is not given. */
#define CLIPMOE_FORM_ENTRIES(F, WHAT, RATE)                                                                   \
  {"csv", 0, 0, G_OPTION_ARG_NONE, &(F).csv, WHAT " as comma-separated values", NULL},                        \
      {"vtt", 0, 0, G_OPTION_ARG_NONE, &(F).vtt, WHAT " as WebVTT subtitles (one file)", NULL},               \
      {"chapters", 0, 0, G_OPTION_ARG_NONE, &(F).chapters, WHAT " as chapters for ffmpeg and mpv (one file)", \
       NULL},                                                                                                 \
      {"edl", 0, 0, G_OPTION_ARG_NONE, &(F).edl, WHAT " as an edit decision list (CMX3600)", NULL},           \
      {"otio", 0, 0, G_OPTION_ARG_NONE, &(F).otio, WHAT " as a timeline of OpenTimelineIO", NULL},            \
      {"fps", 0, 0, G_OPTION_ARG_STRING, &(F).fps, "Frames a second that --edl and --otio count; else " RATE, \
       "RATE"},                                                                                               \
  {                                                                                                           \
    "start-timecode", 0, 0, G_OPTION_ARG_STRING, &(F).start, "Timecode of the first frame of each file",      \
        "HH:MM:SS:FF"                                                                                         \
  }

void clipmoe_forms_clear (ClipmoeForms *self);
/* *table: no form was chosen, nor --json. Returns 0, or 2, said; @command is the command's name. */
int clipmoe_forms_read (const ClipmoeForms *self, const char *command, gboolean *table, ClipmoeForm *form,
                        ClipmoeCutListOptions *cut);
/* Prints @spans and says what there is to say of them. Returns 0, or 1, said. */
int clipmoe_forms_print (ClipmoeForm form, const ClipmoeFormOptions *options, const ClipmoeSpan *spans,
                         guint n);

/* Sentences for people on stderr; frees @notes. */
void clipmoe_forms_say (ClipmoeNotes *notes);
/* Writes a report, whole or not at all; @more (nullable) is said, too. Returns 0, or 1, said. */
int clipmoe_forms_write_html (const char *path, const ClipmoeSpan *spans, guint n,
                              const ClipmoeHtmlOptions *options, const char *more);

/* A file that an option names. */
typedef struct {
  const char *option; /* without -- */
  const char *path;   /* NULL: not asked for */
  ClipmoeOutputKind kind;
} ClipmoeFormFile;
/* The same path for two of @n: 2, said. */
int clipmoe_forms_check_distinct (const ClipmoeFormFile *files, guint n, const char *command);
/* Whether each may be written: @names (element-type filename): also that it is none of them; NULL: that no
 * other file is in the way. */
gboolean clipmoe_forms_check_files (const ClipmoeFormFile *files, guint n, const GPtrArray *names,
                                    GError **error);

#endif
