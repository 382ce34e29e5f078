/* clipmoe model list: the models that a name finds, one a line. */
#include <stdio.h>
#include <base/plain.h>
#include "common.h"
#include "model_commands.h"

/* "ViT 224/14, 24+12 blocks, 4 experts of which 2, 1202.4 M" */
static char *
architecture (const ClipmoeModelInfo *i) {
  GString *s = g_string_new (NULL);
  if (i->image->layers && i->text->layers)
    g_string_printf (s, "ViT %u/%u, %u+%u blocks", i->image_size, i->patch_size, i->image->layers,
                     i->text->layers);
  else if (i->image->layers)
    g_string_printf (s, "ViT %u/%u alone, %u blocks", i->image_size, i->patch_size, i->image->layers);
  else
    g_string_printf (s, "text tower alone, %u blocks", i->text->layers);
  if (i->top_k)
    g_string_append_printf (s, ", %u of %u experts", i->top_k, MAX (i->image->experts, i->text->experts));
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (number, sizeof number, "%.1f", (double)i->parameters / 1e6);
  g_string_append_printf (s, ", %s M", number);
  return g_string_free (s, FALSE);
}

static void
print_field (const char *text, const char *end) {
  char *plain = clipmoe_plain (text, -1);
  printf ("%s%s", plain, end);
  g_free (plain);
}

int
clipmoe_cmd_model_list (int argc, char **argv) {
  const GOptionEntry entries[] = {{NULL}};
  char **rest = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe model list",
                         "— the installed models: name, architecture, what it may be used for, file",
                         "Searches $CLIPMOE_MODEL_PATH, the user's data directory and the installed "
                         "models.\n\nExample:\n  clipmoe model list\n",
                         entries, &rest);
  if (r)
    return r == 2 ? 2 : 0;
  if (rest[0]) {
    g_strfreev (rest);
    return clipmoe_usage ("model list", "expected no arguments");
  }
  char **names = clipmoe_resource_list ("");
  for (char **n = names; *n; n++) {
    ClipmoeModelOptions options = {.struct_size = sizeof options,
                                   .shapes_only = TRUE}; /* the headers alone are read */
    GError *error = NULL;
    ClipmoeModel *m = clipmoe_model_open (*n, &options, &error);
    print_field (*n, "\t");
    if (m) {
      const ClipmoeModelInfo *i = clipmoe_model_get_info (m);
      char *what = architecture (i);
      print_field (what, "\t");
      print_field (i->licence ? i->licence : "no card says what it may be used for", "\t");
      print_field (i->path, "\n");
      g_free (what);
    } else {
      printf ("cannot be opened\t");
      print_field (error->message, "\n");
      g_error_free (error);
    }
    clipmoe_model_unref (m);
  }
  g_strfreev (names);
  g_strfreev (rest);
  return 0;
}
