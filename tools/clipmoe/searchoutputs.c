#include "searchoutputs.h"

#include <hitspans.h>
#include <sheetdraw.h>
#include "common.h"
#include "interrupt.h"
#include "searchclips.h"
#include "sheet.h"

/* What was found, as the writers take it. */
typedef struct {
  const ClipmoeSearchPrint *print;
  const ClipmoeSpan *spans;
  guint n;
  const char *label;
} Hits;

void
clipmoe_search_outputs_clear (ClipmoeSearchOutputs *self) {
  clipmoe_forms_clear (&self->forms);
  g_free (self->html);
  g_free (self->sheet);
  g_free (self->clips);
}

int
clipmoe_search_outputs_check (ClipmoeSearchOutputs *self, char *const *pictures) {
  const ClipmoeFormFile files[] = {{"html", self->html, CLIPMOE_OUTPUT_HTML},
                                   {"sheet", self->sheet, CLIPMOE_OUTPUT_PNG}};
  const guint n = G_N_ELEMENTS (files);
  int r = clipmoe_forms_read (&self->forms, "search", &self->table, &self->form, &self->how.cut);
  if (!r)
    r = clipmoe_forms_check_distinct (files, n, "search");
  if (!r && self->exact && !self->clips)
    r = clipmoe_usage ("search", "--exact is for --clips");
  if (r)
    return r;
  self->how.columns = CLIPMOE_CSV_HITS;
  self->how.header = TRUE;
  GPtrArray *names = g_ptr_array_new ();
  for (; pictures && *pictures; pictures++)
    g_ptr_array_add (names, *pictures);
  GError *error = NULL;
  if (!clipmoe_forms_check_files (files, n, NULL, &error) ||
      !clipmoe_forms_check_files (files, n, names, &error) ||
      (self->clips && !clipmoe_search_clips_check (self->clips, &error)))
    r = clipmoe_fail (error);
  g_ptr_array_unref (names);
  return r;
}

/* One term of words as they are; what is more, as people write it. */
static char *
label_of (const GPtrArray *terms) {
  const ClipmoeTerm *first = terms->pdata[0];
  return terms->len == 1 && first->kind == CLIPMOE_TERM_TEXT && first->weight == 1
             ? g_strdup (first->text)
             : clipmoe_terms_describe (terms);
}

static int
print_spans (const ClipmoeSearchOutputs *self, const Hits *hits) {
  guint files = clipmoe_order_count_files (hits->spans, hits->n);
  if (clipmoe_form_is_of_one_file (self->form) && files > 1) {
    char *sentence = g_strdup_printf ("--%s is for one file, and these are hits in %u: --path chooses one",
                                      clipmoe_form_name (self->form), files);
    clipmoe_say (sentence);
    g_free (sentence);
    return 1;
  }
  ClipmoeFormOptions how = self->how;
  how.cut.title = hits->label;
  return clipmoe_forms_print (self->form, &how, hits->spans, hits->n);
}

static int
print_hits (const ClipmoeSearchOutputs *self, const Hits *hits) {
  if (!self->table && !self->forms.json)
    return print_spans (self, hits);
  GString *out = g_string_new (NULL);
  (self->forms.json ? clipmoe_search_print_json : clipmoe_search_print_table) (out, hits->print);
  int r = clipmoe_print (out);
  g_string_free (out, TRUE);
  return r;
}

static int
write_html (const char *path, const Hits *hits) {
  const ClipmoeAnswer *answer = hits->print->answer;
  char *counts = g_strdup_printf ("%u %s of %" G_GUINT64_FORMAT " %s, by the model %s.", hits->n,
                                  hits->n == 1 ? "hit" : "hits", answer->moments,
                                  answer->moments == 1 ? "moment" : "moments", hits->print->model);
  char *how =
      !answer->approximate ? NULL
      : answer->how.ef_search
          ? g_strdup_printf ("Approximate: the best of %u candidates of an index.", answer->how.candidates)
          : g_strdup ("All moments that pass the filters were compared; distances are by a sample.");
  const char *lines[] = {counts,
                         !hits->n              ? "No moment passes the filters."
                         : !answer->stands_out ? "Nothing stands out; these are the nearest."
                         : how                 ? how
                                               : NULL,
                         !answer->stands_out ? how : NULL, NULL};
  const ClipmoeHtmlOptions options = {hits->label, lines, FALSE};
  int r = clipmoe_forms_write_html (path, hits->spans, hits->n, &options, NULL);
  g_free (counts);
  g_free (how);
  return r;
}

static int
write_sheet (const char *path, const Hits *hits) {
  if (!hits->n) {
    char *sentence = g_strdup_printf ("%s: not written, since there is no hit", path);
    clipmoe_say (sentence);
    g_free (sentence);
    return 1;
  }
  ClipmoeSheet *sheet = clipmoe_sheet_new ();
  for (guint i = 0; i < MIN (hits->n, CLIPMOE_SHEET_MOST); i++)
    clipmoe_sheet_add_span (sheet, &hits->spans[i]);
  GError *error = NULL;
  clipmoe_interrupt_hold ();
  int r = clipmoe_sheet_write (sheet, path, &error) ? 0 : clipmoe_fail (error);
  clipmoe_interrupt_release ();
  clipmoe_sheet_free (sheet);
  if (!r && hits->n > CLIPMOE_SHEET_MOST) {
    char *sentence =
        g_strdup_printf ("%s: a sheet has the first %d of %u hits", path, CLIPMOE_SHEET_MOST, hits->n);
    clipmoe_say (sentence);
    g_free (sentence);
  }
  return r;
}

int
clipmoe_search_outputs_write (const ClipmoeSearchOutputs *self, const ClipmoeSearchPrint *print,
                              ClipmoeStore *store) {
  GError *error = NULL;
  char *label = label_of (print->terms);
  gboolean frames = !self->table && !self->forms.json && self->form != CLIPMOE_FORM_CSV;
  guint damaged;
  GPtrArray *found = clipmoe_hit_spans (print->answer, store, label, self->html || self->sheet,
                                        self->html || frames, &damaged, &error);
  if (!found) {
    g_free (label);
    return clipmoe_fail (error);
  }
  if (damaged) {
    char *sentence = g_strdup_printf ("%u of %u hits have no picture, since theirs in the archive is damaged",
                                      damaged, found->len);
    clipmoe_say (sentence);
    g_free (sentence);
  }
  GArray *spans =
      g_array_sized_new (FALSE, FALSE, sizeof (ClipmoeSpan), found->len); /* borrow from `found` */
  for (guint i = 0; i < found->len; i++)
    g_array_append_vals (spans, found->pdata[i], 1);
  const Hits hits = {print, (const ClipmoeSpan *)(gpointer)spans->data, spans->len, label};
  int r = print_hits (self, &hits);
  if (self->html)
    r = write_html (self->html, &hits) || r;
  if (self->sheet)
    r = write_sheet (self->sheet, &hits) || r;
  if (self->clips)
    r = clipmoe_search_clips_write (self->clips, self->exact, print->answer, store) || r;
  g_array_unref (spans);
  g_ptr_array_unref (found);
  g_free (label);
  return r;
}
