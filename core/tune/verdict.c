#include "verdict.h"

#include <string.h>
#include "../base/cache.h"
#include "../encoder/cachekey.h"

#define FIRST_LINE "clipmoe-verdict 2"
/* What the system says of the first processor that tells it from other kinds. */
static char *
processor (void) {
  static const char *const kept[] = {
      "vendor_id",        "cpu family",  "model",    "model name",   "stepping", "CPU implementer",
      "CPU architecture", "CPU variant", "CPU part", "CPU revision", NULL};
  char *text = NULL, *end;
  GString *name = g_string_new (NULL);
  if (g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL)) {
    if ((end = strstr (text, "\n\n")))
      *end = 0;
    char **lines = g_strsplit (text, "\n", -1);
    for (char **line = lines; *line; line++) {
      char **parts = g_strsplit (*line, ":", 2);
      if (parts[0] && parts[1] && g_strv_contains (kept, g_strstrip (parts[0])))
        g_string_append_printf (name, "%s=%s\n", parts[0], g_strstrip (parts[1]));
      g_strfreev (parts);
    }
    g_strfreev (lines);
  }
  g_free (text);
  return g_string_free (name, FALSE);
}

/* Other kernels and processors may share the folder. */
static char *
key_of (const ClipmoeModel *model, const ClipmoeKernels *kernels) {
  char *cpu = processor (), *more = g_strdup_printf (FIRST_LINE "\n%s", cpu);
  char *key = clipmoe_cache_key (model, kernels, CLIPMOE_PRECISION_AUTO, 0, more);
  g_free (more);
  g_free (cpu);
  return key;
}

gboolean
clipmoe_verdict_find (const ClipmoeModel *model, const ClipmoeKernels *kernels, ClipmoePrecision *precision,
                      char **why) {
  char *key = key_of (model, kernels), *name = clipmoe_cache_name (CLIPMOE_CACHE_VERDICT, key);
  char *text = clipmoe_cache_read (name), **lines = text ? g_strsplit (text, "\n", -1) : NULL;
  gboolean ok = FALSE;
  /* the whole key, for the name holds a part of it */
  if (lines && g_strv_length (lines) == 5 && g_str_equal (lines[0], FIRST_LINE) &&
      g_str_equal (lines[1], key))
    ok = clipmoe_precision_parse (lines[2], precision);
  if (ok)
    *why = g_strdup (lines[3]);
  g_strfreev (lines);
  g_free (text);
  g_free (name);
  g_free (key);
  return ok;
}

void
clipmoe_verdict_keep (const ClipmoeModel *model, const ClipmoeKernels *kernels, ClipmoePrecision precision,
                      const char *why) {
  char *key = key_of (model, kernels), *name = clipmoe_cache_name (CLIPMOE_CACHE_VERDICT, key);
  char *text = g_strdup_printf (FIRST_LINE "\n%s\n%s\n%s\n", key, clipmoe_precision_name (precision), why);
  clipmoe_cache_write (CLIPMOE_CACHE_VERDICT, name, text);
  g_free (text);
  g_free (name);
  g_free (key);
}
