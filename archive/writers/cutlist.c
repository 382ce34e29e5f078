#include "cutlist.h"

#include "shown.h"

static gboolean
rate_of (const ClipmoeSpan *span, ClipmoeRate *rate) {
  return clipmoe_rate_from_fraction (span->rate_n, span->rate_d, rate);
}

static void
note_assumed (const GPtrArray *spans, ClipmoeNotes *notes) {
  const ClipmoeSpan *odd = NULL;
  for (guint i = 0; i < spans->len && !odd; i++)
    if (((const ClipmoeSpan *)spans->pdata[i])->rate_d)
      odd = spans->pdata[i];
  if (!odd) {
    g_ptr_array_add (notes,
                     g_strdup_printf ("the frame rate of the files is not known: %d frames a second are "
                                      "assumed, --fps says another rate",
                                      CLIPMOE_CUTLIST_RATE));
    return;
  }
  char *base = clipmoe_shown_base (odd->file);
  g_ptr_array_add (notes,
                   g_strdup_printf ("%s: timecode does not count its %u/%u frames a second: %d are taken, "
                                    "--fps says another rate",
                                    base, odd->rate_n, odd->rate_d, CLIPMOE_CUTLIST_RATE));
  g_free (base);
}

ClipmoeRate
clipmoe_cutlist_rate (const GPtrArray *spans, const ClipmoeCutListOptions *options, ClipmoeNotes *notes) {
  ClipmoeRate rate = options->rate, other;
  for (guint i = 0; i < spans->len && !rate.n; i++)
    if (rate_of (spans->pdata[i], &other))
      rate = other;
  if (!rate.n) {
    rate = (ClipmoeRate){CLIPMOE_CUTLIST_RATE, 1, FALSE};
    if (notes && spans->len)
      note_assumed (spans, notes);
    return rate;
  }
  for (guint i = 0; notes && i < spans->len; i++) {
    const ClipmoeSpan *s = spans->pdata[i];
    if (!rate_of (s, &other) || (other.n == rate.n && other.d == rate.d))
      continue;
    char a[16], b[16], *base = clipmoe_shown_base (s->file);
    g_ptr_array_add (
        notes, g_strdup_printf ("%s has %s frames a second and the list %s: cuts may be off by a frame, "
                                "--fps chooses",
                                base, clipmoe_rate_name (&other, a), clipmoe_rate_name (&rate, b)));
    g_free (base);
    break; /* one is enough to know */
  }
  return rate;
}

ClipmoeCut
clipmoe_cutlist_cut (const ClipmoeSpan *span, const ClipmoeRate *rate) {
  ClipmoeCut cut = {clipmoe_rate_frame (rate, span->start), clipmoe_rate_frame (rate, span->end),
                    clipmoe_rate_frame (rate, span->time)};
  if (span->length > 0) /* the last look stands as long as the one before, which may be past the end */
    cut.end = MIN (cut.end, clipmoe_rate_frame (rate, span->length));
  cut.end = MAX (cut.end, cut.start + 1);
  cut.best = CLAMP (cut.best, cut.start, cut.end - 1);
  return cut;
}
