#include "writers.h"

#include "../../core/clipmoe/error.h"
#include "chapters.h"
#include "edl.h"
#include "otio.h"
#include "vtt.h"

static const struct {
  const char *name;
  gboolean one_file, frames;
} forms[] = {
    [CLIPMOE_FORM_CSV] = {"csv", FALSE, FALSE},          [CLIPMOE_FORM_VTT] = {"vtt", TRUE, FALSE},
    [CLIPMOE_FORM_CHAPTERS] = {"chapters", TRUE, FALSE}, [CLIPMOE_FORM_EDL] = {"edl", FALSE, TRUE},
    [CLIPMOE_FORM_OTIO] = {"otio", FALSE, TRUE},
};

const char *
clipmoe_form_name (ClipmoeForm form) {
  return forms[form].name;
}

gboolean
clipmoe_form_is_of_one_file (ClipmoeForm form) {
  return forms[form].one_file;
}

gboolean
clipmoe_form_has_frames (ClipmoeForm form) {
  return forms[form].frames;
}

gboolean
clipmoe_form_write (ClipmoeForm form, GString *out, const ClipmoeSpan *spans, guint n,
                    const ClipmoeFormOptions *options, ClipmoeNotes *notes, GError **error) {
  guint files = forms[form].one_file ? clipmoe_order_count_files (spans, n) : 1;
  if (files > 1) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "--%s is for one file, and these are times of %u files", forms[form].name, files);
    return FALSE;
  }
  switch (form) {
  case CLIPMOE_FORM_CSV:
    g_string_append (out, options->header ? clipmoe_csv_header (options->columns) : "");
    clipmoe_write_csv (out, spans, n, options->columns);
    break;
  case CLIPMOE_FORM_VTT:
    clipmoe_write_vtt (out, spans, n);
    break;
  case CLIPMOE_FORM_CHAPTERS:
    clipmoe_write_chapters (out, spans, n, notes);
    break;
  case CLIPMOE_FORM_EDL:
    clipmoe_write_edl (out, spans, n, &options->cut, notes);
    break;
  case CLIPMOE_FORM_OTIO:
    clipmoe_write_otio (out, spans, n, &options->cut, notes);
    break;
  }
  return TRUE;
}
