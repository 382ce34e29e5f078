/* Moments, hits and files as the JSON of the page. */
#ifndef CLIPMOE_FIGURES_H
#define CLIPMOE_FIGURES_H

#include <search.h>

/* Appends `"moment":17,"file":…` up to the thumbnail's address, without braces. */
void clipmoe_figures_moment (GString *out, const ClipmoeFound *found);
/* Appends a hit as `clipmoe search --json` has it, with what the page needs besides. @model: its id. */
void clipmoe_figures_hit (GString *out, const ClipmoeHit *hit, const char *model);
void clipmoe_figures_file (GString *out, const ClipmoeStoreFile *file);
/* Appends seconds with at most nine decimals, null for -1. */
void clipmoe_figures_time (GString *out, gint64 ns);
/* Appends @value with @decimals, null where it is not finite. */
void clipmoe_figures_number (GString *out, double value, guint decimals);

#define CLIPMOE_CLIP_LEAD (2 * G_GINT64_CONSTANT (1000000000))
#define CLIPMOE_CLIP_LONGEST (60 * G_GINT64_CONSTANT (1000000000))
/* The stretch of its file that a clip of @found shows, which its frame is in, in ns. */
void clipmoe_figures_clip (const ClipmoeFound *found, gint64 *start, gint64 *end);

#endif
