/* Prints what archive/bank.c and archive/standing.c make of vectors, for standing.py: file of float32, number
 * of words, dimension, number of pictures, scale, median. The file holds words, query, pictures
 * (best first). */
#include <standing.h>
#include <stdio.h>
#include <stdlib.h>

int
main (int argc, char **argv) {
  gsize length;
  char *data;
  if (argc != 7 || !g_file_get_contents (argv[1], &data, &length, NULL))
    return 2;
  guint words = (guint)atoi (argv[2]), embed = (guint)atoi (argv[3]), n = (guint)atoi (argv[4]);
  double scale = g_ascii_strtod (argv[5], NULL), median = g_ascii_strtod (argv[6], NULL), common;
  const float *vectors = (const float *)(void *)data, *query = vectors + (gsize)words * embed,
              *pictures = query + embed;
  if (length != (words + 1 + n) * (gsize)embed * sizeof *vectors)
    return 2;
  ClipmoeBank *bank = clipmoe_bank_new (vectors, words, embed);
  gboolean *kept = g_new (gboolean, words);
  float *scratch = g_new (float, words);
  ClipmoeStandingHit *hits = g_new (ClipmoeStandingHit, n);
  ClipmoeStanding standing;
  guint left = clipmoe_bank_keep (bank, query, kept, &common);
  for (guint i = 0; i < n; i++) {
    hits[i].cosine = 0;
    for (guint j = 0; j < embed; j++)
      hits[i].cosine += (double)query[j] * pictures[(gsize)i * embed + j];
    clipmoe_bank_figures (bank, kept, pictures + (gsize)i * embed, scale, scratch, &hits[i].bank);
  }
  clipmoe_standing_init (&standing, hits, n, median, common);
  printf ("%u\n", left);
  for (guint i = 0; i < n; i++)
    printf ("%.9f %.9f %.9f %.9f %.9f %.9f\n",
            1 / (1 + exp (scale * (hits[i].bank.background - hits[i].cosine))),
            clipmoe_standing_lead (&standing, hits[i].cosine), standing.support, standing.common,
            standing.level, clipmoe_standing_margin (&standing, hits[i].cosine));
  g_free (hits);
  g_free (scratch);
  g_free (kept);
  clipmoe_bank_free (bank);
  g_free (data);
  return 0;
}
