/* Prints what archive/bank.c, archive/reach.c and archive/standing.c make of vectors, for standing.py: file
 * of float32, number of words, dimension, number of pictures, scale, rows, number of pictures that are a
 * sample of them. The file holds words, query, pictures (best first), sample. */
#include <standing.h>
#include <stdio.h>
#include <stdlib.h>

int
main (int argc, char **argv) {
  gsize length;
  char *data;
  if (argc != 8 || !g_file_get_contents (argv[1], &data, &length, NULL))
    return 2;
  guint words = (guint)atoi (argv[2]), embed = (guint)atoi (argv[3]), n = (guint)atoi (argv[4]),
        sample = (guint)atoi (argv[7]);
  double scale = g_ascii_strtod (argv[5], NULL), common, five = 0;
  const float *vectors = (const float *)(void *)data, *query = vectors + (gsize)words * embed,
              *pictures = query + embed;
  if (length != (words + 1 + n + sample) * (gsize)embed * sizeof *vectors)
    return 2;
  ClipmoeBank *bank = clipmoe_bank_new (vectors, words, embed);
  gboolean *kept = g_new (gboolean, words);
  float *scratch = g_new (float, words);
  double *cosines = g_new0 (double, n), *scores = g_new (double, n);
  guint left = clipmoe_bank_keep (bank, query, kept, &common), first = MIN (n, CLIPMOE_REACH_FIRST);
  for (guint i = 0; i < n; i++) {
    for (guint j = 0; j < embed; j++)
      cosines[i] += (double)query[j] * pictures[(gsize)i * embed + j];
    clipmoe_bank_cosines (bank, pictures + (gsize)i * embed, scratch);
    scores[i] = 1 / (1 + exp (scale * (clipmoe_bank_background (bank, kept, scratch, scale) - cosines[i])));
    five += i < first ? cosines[i] / first : 0;
  }
  ClipmoeReachTops *tops = clipmoe_reach_tops_new (bank);
  for (guint i = 0; i < sample; i++)
    clipmoe_reach_tops_add (tops, pictures + (gsize)(n + i) * embed);
  ClipmoeReach reach;
  clipmoe_reach_tops_tell (tops, g_ascii_strtoull (argv[6], NULL, 10), &reach);
  ClipmoeStanding standing;
  clipmoe_standing_init (&standing, &reach, cosines[0], five, common);
  printf ("%u\n", left);
  for (guint i = 0; i < n; i++)
    printf ("%.9f %.9f %.9f %.9f %.9f\n", scores[i], clipmoe_standing_lead (&standing, cosines[i]),
            standing.support, standing.common, clipmoe_standing_margin (&standing, cosines[i]));
  clipmoe_reach_tops_free (tops);
  g_free (cosines);
  g_free (scores);
  g_free (scratch);
  g_free (kept);
  clipmoe_bank_free (bank);
  g_free (data);
  return 0;
}
