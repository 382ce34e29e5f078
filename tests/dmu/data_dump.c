/* Prints what a source holds: a line a pair with the colour of the picture's middle, then what the whole data
 * set says of itself, and how its pictures are kept. Arguments: a source; perhaps a folder for the spool;
 * perhaps a file that takes the source's place once it was read. IMAGE_KEY and CAPTION_KEY in the environment
 * are the options of these names. */
#include <stdio.h>
#include <glib/gstdio.h>
#include <dataset.h>
#include <picture.h>
#include <source.h>

static gboolean
print (gpointer data, const DmuRaw *raw, GError **error) {
  GError *e = NULL;
  guint8 *rgb = NULL;
  guint w = 0, h = 0;
  gsize n = 0;
  const guint8 *bytes = raw->picture ? g_bytes_get_data (raw->picture, &n) : NULL;
  gboolean ok = raw->picture ? clipmoe_picture_decode ("member", bytes, n, &rgb, &w, &h, &e)
                             : clipmoe_picture_load (raw->path, &rgb, &w, &h, &e);
  const guint8 *p = ok ? rgb + ((gsize)(h / 2) * w + w / 2) * 3 : (const guint8 *)"\0\0\0";
  char *key = g_strescape (raw->key, NULL),
       *words = raw->captions ? g_strjoinv ("|", raw->captions) : g_strdup (""),
       *said = g_strescape (words, NULL);
  printf ("pair\t%s\t%d\t%u,%u,%u\t%s\t%s\t%s\n", key, ok, p[0], p[1], p[2], said,
          raw->label ? raw->label : "", raw->source);
  g_free (key);
  g_free (said);
  g_free (words);
  g_free (rgb);
  g_clear_error (&e);
  return TRUE;
}

int
main (int argc, char **argv) {
  GError *error = NULL;
  DmuCounts counts;
  dmu_counts_init (&counts);
  DmuMemberKeys keys = {dmu_keys_split (g_getenv ("IMAGE_KEY")), dmu_keys_split (g_getenv ("CAPTION_KEY"))};
  DmuClasses *classes = dmu_classes_new ();
  DmuSink sink = {print, NULL, &counts, &keys, classes};
  gboolean ok = dmu_source_read (argv[1], &sink, &error) && dmu_classes_are_named (classes, &error);
  dmu_classes_free (classes);
  if (!ok) {
    fprintf (stderr, "%s\n", error->message);
    g_error_free (error);
    dmu_counts_clear (&counts);
    g_strfreev (keys.image);
    g_strfreev (keys.caption);
    return 1;
  }
  printf ("counts\torphans %d doubled %d unnamed %d broken %d lost %d mended %d\n", (int)counts.orphans,
          (int)counts.doubled, (int)counts.unnamed, (int)counts.broken, (int)counts.lost, (int)counts.mended);
  for (guint i = 0; i < counts.examples->len; i++)
    printf ("example\t%s\n", (char *)counts.examples->pdata[i]);
  for (guint i = 0; i < counts.notes->len; i++)
    printf ("note\t%s\n", (char *)counts.notes->pdata[i]);
  dmu_counts_clear (&counts);

  ClipmoeModel *model = clipmoe_model_open (NULL, NULL, &error);
  if (!model) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  const char *paths[] = {argv[1], NULL}, *templates[] = {"a photo of a {}.", "{}", NULL};
  for (guint threads = 1; threads <= 3; threads += 2) {
    DmuDatasetOptions o = {.paths = paths,
                           .templates = templates,
                           .tokenizer = clipmoe_model_get_tokenizer (model),
                           .context = 77,
                           .threads = threads,
                           .limit = 64 << 20,
                           .spool = argc > 2 ? argv[2] : NULL,
                           .keys = keys};
    DmuDataset *set = dmu_dataset_open (&o, &error);
    if (!set) {
      printf ("error\t%s\n", error->message);
      g_clear_error (&error);
      continue;
    }
    char *text = dmu_dataset_describe (set), *digest = dmu_dataset_digest (set);
    guint memory = 0, parts = 0, spooled = 0;
    for (guint i = 0; i < dmu_dataset_get_n (set); i++) {
      const DmuSample *s = dmu_dataset_get (set, i);
      memory += s->picture != NULL;
      spooled += s->spool != NULL;
      parts += s->path && s->length;
    }
    printf ("set\t%s\t%s\tmemory %u parts %u spooled %u\n", text, digest, memory, parts, spooled);
    for (guint i = 0; argc > 3 && threads == 3 && i < dmu_dataset_get_n (set); i++) {
      guint8 *rgb = NULL;
      guint width, height;
      if (!i && g_rename (argv[3], argv[1]) != 0)
        return 1;
      gboolean same = dmu_sample_decode (dmu_dataset_get (set, i), &rgb, &width, &height, &error);
      printf ("replaced\t%s\n", same ? "the same" : error->message);
      g_clear_error (&error);
      if (same)
        g_free (rgb);
    }
    g_free (text);
    g_free (digest);
    dmu_dataset_free (set);
  }
  clipmoe_model_unref (model);
  g_strfreev (keys.image);
  g_strfreev (keys.caption);
  return 0;
}
