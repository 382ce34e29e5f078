#include "forms.h"

#include <base/file.h>
#include "common.h"
#include "interrupt.h"

void
clipmoe_forms_clear (ClipmoeForms *self) {
  g_clear_pointer (&self->fps, g_free);
  g_clear_pointer (&self->start, g_free);
}

int
clipmoe_forms_read (const ClipmoeForms *self, const char *command, gboolean *table, ClipmoeForm *form,
                    ClipmoeCutListOptions *cut) {
  int forms = self->json + self->csv + self->vtt + self->chapters + self->edl + self->otio;
  GError *error = NULL;
  if (forms > 1)
    return clipmoe_usage (command, "expected one of --json, --csv, --vtt, --chapters, --edl and --otio");
  if ((self->fps || self->start) && !self->edl && !self->otio)
    return clipmoe_usage (command, "--%s is for --edl and --otio", self->fps ? "fps" : "start-timecode");
  if (self->start && !self->fps)
    return clipmoe_usage (command, "--start-timecode counts frames: expected --fps, too");
  if ((self->fps && !clipmoe_rate_parse ("--fps", self->fps, &cut->rate, &error)) ||
      (self->start &&
       !clipmoe_timecode_parse ("--start-timecode", self->start, &cut->rate, &cut->start, &error))) {
    clipmoe_usage (command, "%s", error->message);
    g_error_free (error);
    return 2;
  }
  *table = !forms;
  *form = self->vtt        ? CLIPMOE_FORM_VTT
          : self->chapters ? CLIPMOE_FORM_CHAPTERS
          : self->edl      ? CLIPMOE_FORM_EDL
          : self->otio     ? CLIPMOE_FORM_OTIO
                           : CLIPMOE_FORM_CSV;
  return 0;
}

void
clipmoe_forms_say (ClipmoeNotes *notes) {
  for (guint i = 0; i < notes->len; i++)
    clipmoe_say (notes->pdata[i]);
  g_ptr_array_unref (notes);
}

int
clipmoe_forms_print (ClipmoeForm form, const ClipmoeFormOptions *options, const ClipmoeSpan *spans, guint n) {
  ClipmoeNotes *notes = g_ptr_array_new_with_free_func (g_free);
  GString *out = g_string_new (NULL);
  GError *error = NULL;
  gboolean ok = clipmoe_form_write (form, out, spans, n, options, notes, &error);
  int r = ok ? clipmoe_print (out) : clipmoe_fail (error);
  g_string_free (out, TRUE);
  clipmoe_forms_say (notes);
  return r;
}

int
clipmoe_forms_write_html (const char *path, const ClipmoeSpan *spans, guint n,
                          const ClipmoeHtmlOptions *options, const char *more) {
  ClipmoeNotes *notes = g_ptr_array_new_with_free_func (g_free);
  GString *out = g_string_new (NULL);
  GError *error = NULL;
  clipmoe_write_html (out, spans, n, options, notes);
  if (more)
    g_ptr_array_add (notes, g_strdup (more));
  clipmoe_interrupt_hold ();
  gboolean ok = clipmoe_file_write (path, out->str, out->len, &error);
  clipmoe_interrupt_release ();
  clipmoe_forms_say (notes);
  g_string_free (out, TRUE);
  return ok ? 0 : clipmoe_fail (error);
}

int
clipmoe_forms_check_distinct (const ClipmoeFormFile *files, guint n, const char *command) {
  for (guint i = 0; i < n; i++)
    for (guint j = i + 1; j < n; j++)
      if (files[i].path && files[j].path && clipmoe_output_is_same (files[i].path, files[j].path))
        return clipmoe_usage (command, "--%s and --%s need two files, not %s twice", files[i].option,
                              files[j].option, files[j].path);
  return 0;
}

gboolean
clipmoe_forms_check_files (const ClipmoeFormFile *files, guint n, const GPtrArray *names, GError **error) {
  for (guint i = 0; i < n; i++)
    if (files[i].path && !(names ? clipmoe_output_check_apart (files[i].path, names, error)
                                 : clipmoe_output_check (files[i].path, files[i].kind, error)))
      return FALSE;
  return TRUE;
}
