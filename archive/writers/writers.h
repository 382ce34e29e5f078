/* The forms in which the commands print spans, by the names of their options. HTML (html.h) and contact
 * sheets (sheet.h) are files, and have functions of their own. All are pure: the same spans give the same
 * bytes, whatever the locale and the clock. */
#ifndef CLIPMOE_WRITERS_H
#define CLIPMOE_WRITERS_H

#include "csv.h"
#include "cutlist.h"

typedef enum {
  CLIPMOE_FORM_CSV,
  CLIPMOE_FORM_VTT,
  CLIPMOE_FORM_CHAPTERS,
  CLIPMOE_FORM_EDL,
  CLIPMOE_FORM_OTIO,
} ClipmoeForm;

typedef struct {
  ClipmoeCsvColumns columns; /* csv: which ones; there is no header line unless @header */
  gboolean header;
  ClipmoeCutListOptions cut; /* edl, otio */
} ClipmoeFormOptions;

/* "csv", "vtt", "chapters", "edl", "otio" */
const char *clipmoe_form_name (ClipmoeForm form);
/* Whether the form describes one file: it must not get spans of more than one. */
gboolean clipmoe_form_is_of_one_file (ClipmoeForm form);
/* Whether it counts frames, so that rate and timecode matter. */
gboolean clipmoe_form_has_frames (ClipmoeForm form);
/* @notes (nullable): see order.h. FALSE: ARGUMENT: the form is of one file and the spans are of several; the
 * sentence names the option. Nothing was appended then. */
gboolean clipmoe_form_write (ClipmoeForm form, GString *out, const ClipmoeSpan *spans, guint n,
                             const ClipmoeFormOptions *options, ClipmoeNotes *notes, GError **error);

#endif
