/* The published architectures by name. */
#include <string.h>
#include "seeded.h"

#define B_TEXT                                                                                               \
  { 512, 12, 8, 2048 }
#define L_TEXT                                                                                               \
  { 768, 12, 12, 3072 }

static const ClipmoeSeededShape shapes[] = {
    {"ViT-B-32", 224, 32, 512, 77, 49408, .image = {768, 12, 12, 3072}, .text = B_TEXT},
    {"ViT-B-16", 224, 16, 512, 77, 49408, .image = {768, 12, 12, 3072}, .text = B_TEXT},
    {"ViT-L-14", 224, 14, 768, 77, 49408, .image = {1024, 24, 16, 4096}, .text = L_TEXT},
    {"ViT-L-14-336", 336, 14, 768, 77, 49408, .image = {1024, 24, 16, 4096}, .text = L_TEXT},
};
static const char *const with_mixtures[] = {"ViT-B-32-moe", "ViT-B-16-moe", "ViT-L-14-moe",
                                            "ViT-L-14-336-moe"};

G_STATIC_ASSERT (G_N_ELEMENTS (shapes) == G_N_ELEMENTS (with_mixtures));

char **
clipmoe_seeded_shape_names (void) {
  GStrvBuilder *names = g_strv_builder_new ();
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    g_strv_builder_add (names, shapes[i].name);
    g_strv_builder_add (names, with_mixtures[i]);
  }
  char **all = g_strv_builder_end (names);
  g_strv_builder_unref (names);
  return all;
}

gboolean
clipmoe_seeded_shape_find (const char *name, ClipmoeSeededShape *shape, GError **error) {
  GString *plain = g_string_new (name);
  g_string_replace (plain, "/", "-", 0);
  g_string_replace (plain, "@", "-", 0);
  g_string_replace (plain, "336px", "336", 0);
  gboolean found = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (shapes) && !found; i++) {
    gboolean dense = g_ascii_strcasecmp (plain->str, shapes[i].name) == 0;
    found = dense || g_ascii_strcasecmp (plain->str, with_mixtures[i]) == 0;
    if (!found)
      continue;
    *shape = shapes[i];
    if (!dense) {
      shape->name = with_mixtures[i];
      shape->context = 248;
      shape->top_k = 2;
      shape->image.experts = shape->text.experts = 4;
    }
  }
  g_string_free (plain, TRUE);
  if (!found) {
    char **names = clipmoe_seeded_shape_names (), *all = g_strjoinv (", ", names);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "no architecture \"%s\", expected one of %s",
                 name, all);
    g_free (all);
    g_strfreev (names);
  }
  return found;
}
