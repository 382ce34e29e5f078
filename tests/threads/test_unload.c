/* Checks a host that loads and unloads the library, or a plugin of its own that uses it, again and again:
 * threads of the pool live on, and their code must stay. Uses the library's functions by name only. */
#include <dlfcn.h>
#include <glib.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "clipmoe/encoder.h"

int
main (int argc, char **argv) {
  g_assert_cmpint (argc, ==, 3);
  char *home = g_dir_make_tmp ("clipmoe-unload-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  for (guint i = 0; i < 6; i++) {
    void *library = dlopen (argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library)
      g_error ("%s", dlerror ());
    ClipmoeModel *(*open_model) (const char *, const ClipmoeModelOptions *, GError **);
    void (*unref) (ClipmoeModel *), (*free_encoder) (ClipmoeEncoder *);
    ClipmoeEncoder *(*new_encoder) (ClipmoeModel *, const ClipmoeEncoderOptions *, GError **);
    gboolean (*encode) (ClipmoeEncoder *, const float *, guint, float *, GError **);
    const ClipmoeModelInfo *(*info) (const ClipmoeModel *);
    const struct {
      const char *name;
      void *place;
    } functions[] = {{"clipmoe_model_open", &open_model},        {"clipmoe_model_unref", &unref},
                     {"clipmoe_encoder_new", &new_encoder},      {"clipmoe_encoder_free", &free_encoder},
                     {"clipmoe_encoder_encode_pixels", &encode}, {"clipmoe_model_get_info", &info}};
    for (guint f = 0; f < G_N_ELEMENTS (functions); f++)
      g_assert_nonnull (*(void **)functions[f].place = dlsym (library, functions[f].name));
    GError *error = NULL;
    ClipmoeModel *model = open_model (argv[2], NULL, &error);
    g_assert_no_error (error);
    ClipmoeEncoderOptions how = {.struct_size = sizeof how, .threads = 2};
    ClipmoeEncoder *encoder = new_encoder (model, &how, &error);
    g_assert_no_error (error);
    gsize side = info (model)->image_size;
    float *pixels = g_new0 (float, 3 * side * side), *out = g_new (float, info (model)->embed);
    g_assert_true (encode (encoder, pixels, 1, out, &error)); /* a writer, and threads of the pool */
    free_encoder (encoder);
    unref (model);
    g_free (pixels);
    g_free (out);
    g_assert_cmpint (dlclose (library), ==, 0);
    g_usleep (i % 3 * 2000); /* threads wake up, or not yet */
  }
  void *library = dlopen (argv[1], RTLD_NOW | RTLD_LOCAL), (*wait) (void);
  *(void **)&wait = dlsym (library, "clipmoe_cache_wait");
  g_assert_nonnull (*(void **)&wait);
  wait (); /* else a writer makes files in the folder that is deleted now */
  char *command = g_strdup_printf ("rm -rf '%s'", home);
  int r = system (command) != 0;
  g_free (command);
  g_free (home);
  return r;
}
