/* The background bank: vectors of everyday words for one model. A search compares what a picture has to do
 * with the query to what it has to do with these. Immutable; any thread. */
#ifndef CLIPMOE_BANK_H
#define CLIPMOE_BANK_H

#include "../core/clipmoe/labels.h"

typedef struct _ClipmoeBank ClipmoeBank;

/* The installed list of its words. */
#define CLIPMOE_BANK_LIST "background"

/* The words of the installed list, encoded with @templates (NULL-terminated) by @encoder, or read from the
 * cache folder, where they are kept; failing to keep them is no error. *encoded (optional): whether they had
 * to be encoded. NULL with @error. */
ClipmoeBank *clipmoe_bank_open (ClipmoeEncoder *encoder, const char *const *templates, gboolean *encoded,
                                GError **error);
/* Whether the cache folder seems to have them, so that opening them takes no time worth telling. */
gboolean clipmoe_bank_is_kept (ClipmoeEncoder *encoder, const char *const *templates);
/* Of @n vectors, float32 [n][embed], unit vectors that are copied; for tests and benches. @n >= 2. */
ClipmoeBank *clipmoe_bank_new (const float *vectors, guint n, guint embed);
void clipmoe_bank_free (ClipmoeBank *self);
guint clipmoe_bank_get_n (const ClipmoeBank *self);
guint clipmoe_bank_get_embed (const ClipmoeBank *self);
const float *clipmoe_bank_get_vector (const ClipmoeBank *self, guint i);

/* Words whose text lies close to the query are left out, since they describe the same pictures. The unit is
 * that of the bank: how many spreads above the mean of all its pairs of words a cosine lies. */
#define CLIPMOE_BANK_NEAR 3.0

/* @kept: [n]: which words are used. *common: how near the query is to all words, in spreads of pairs: some
 * queries are near everything. Returns how many are used. */
guint clipmoe_bank_keep (const ClipmoeBank *self, const float *query, gboolean *kept, double *common);

/* The cosines of one picture, float32 [embed], with all words: @cosines [n]. */
void clipmoe_bank_cosines (const ClipmoeBank *self, const float *picture, float *cosines);
/* What the kept words, one at least, have to do with a picture: log of the mean of e^(scale c), over scale.
 * @cosines: as above. */
double clipmoe_bank_background (const ClipmoeBank *self, const gboolean *kept, const float *cosines,
                                double scale);

#endif
