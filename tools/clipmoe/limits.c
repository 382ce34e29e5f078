/* clipmoe limits: how much anything from outside may ask for. */
#include <base/limits.h>
#include <stdio.h>
#include "commands.h"
#include "common.h"

static const struct {
  const char *what;
  guint64 value;
  const char *unit;
} limits[] = {
    {"safetensors header", CLIPMOE_MAX_HEADER, "bytes"},
    {"tensors in a checkpoint", CLIPMOE_MAX_TENSORS, ""},
    {"dimensions of a tensor", CLIPMOE_MAX_DIMS, ""},
    {"name of a tensor", CLIPMOE_MAX_NAME, "bytes"},
    {"blocks in a tower", CLIPMOE_MAX_BLOCKS, ""},
    {"experts in a block", CLIPMOE_MAX_EXPERTS, ""},
    {"width of a feed-forward layer", CLIPMOE_MAX_FFN, ""},
    {"pickle in a torch file", CLIPMOE_MAX_PICKLE, "bytes"},
    {"values of a pickle in memory", CLIPMOE_MAX_PICKLE_MEMORY, "bytes"},
    {"stack of a pickle", CLIPMOE_MAX_PICKLE_STACK, "entries"},
    {"depth of a pickle", CLIPMOE_MAX_PICKLE_DEPTH, ""},
    {"members of a zip archive", CLIPMOE_MAX_ZIP_ENTRIES, ""},
    {"directory of a zip archive", CLIPMOE_MAX_ZIP_DIRECTORY, "bytes"},
    {"name of a member of a zip archive", CLIPMOE_MAX_ZIP_NAME, "bytes"},
    {"JSON configuration or index", CLIPMOE_MAX_JSON, "bytes"},
    {"depth of JSON", CLIPMOE_MAX_JSON_DEPTH, ""},
    {"JSON in memory", CLIPMOE_MAX_JSON_MEMORY, "bytes"},
    {"vocabulary, packed and unpacked", CLIPMOE_MAX_VOCAB, "bytes"},
    {"tokens of a vocabulary", CLIPMOE_MAX_TOKENS, ""},
    {"label or template file", CLIPMOE_MAX_LIST_FILE, "bytes"},
    {"labels", CLIPMOE_MAX_LABELS, ""},
    {"a label, prompt or template", CLIPMOE_MAX_LABEL, "bytes"},
    {"labels as GstAnalytics' classes", CLIPMOE_MAX_CLASSES, "bytes"},
    {"templates", CLIPMOE_MAX_TEMPLATES, ""},
    {"pictures that show a label", CLIPMOE_MAX_EXAMPLES, ""},
    {"pictures that show a list's labels", CLIPMOE_MAX_EXAMPLES_ALL, ""},
    {"a text", CLIPMOE_MAX_TEXT, "bytes"},
    {"side of a picture or frame", CLIPMOE_MAX_SIDE, "pixels"},
    {"area of a picture or frame", CLIPMOE_MAX_PIXELS, "pixels"},
    {"picture file", CLIPMOE_MAX_PICTURE_FILE, "bytes"},
    {"scans of a JPEG", CLIPMOE_MAX_SCANS, ""},
    {"serve: request line", CLIPMOE_MAX_REQUEST_LINE, "bytes"},
    {"serve: request line and headers", CLIPMOE_MAX_HEAD, "bytes"},
    {"serve: an address behind its ?", CLIPMOE_MAX_ADDRESS, "bytes"},
    {"serve: words of a query", CLIPMOE_MAX_QUERY, "bytes"},
    {"serve: picture of a query", CLIPMOE_MAX_QUERY_PICTURE, "bytes"},
    {"serve: hits of an answer", CLIPMOE_MAX_SERVED_HITS, ""},
    {"picture of a moment in an archive", CLIPMOE_MAX_THUMBNAIL, "bytes"},
};

int
clipmoe_cmd_limits (int argc, char **argv) {
  const GOptionEntry entries[] = {{NULL}};
  char **rest = NULL;
  int r =
      clipmoe_parse (argc, argv, "clipmoe limits", "— the most that any input may ask for",
                     "What is over a limit is refused with a sentence that says so.\n\nExample:\n  clipmoe "
                     "limits\n",
                     entries, &rest);
  if (r)
    return r == 2 ? 2 : 0;
  gboolean more = rest[0] != NULL;
  g_strfreev (rest);
  if (more)
    return clipmoe_usage ("limits", "expected no arguments");
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    g_string_append_printf (out, "%-34s %10" G_GUINT64_FORMAT "%s%s\n", limits[i].what, limits[i].value,
                            *limits[i].unit ? " " : "", limits[i].unit);
  r = clipmoe_print (out);
  g_string_free (out, TRUE);
  return r;
}
