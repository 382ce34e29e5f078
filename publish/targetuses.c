#include "targetuses.h"

#include <string.h>

static const struct {
  const char *option, *schemes[4];
} table[] = {
    {"outbox", {"mqtt", "mqtts", "kafka"}}, {"login-file", {"mqtt", "mqtts", "kafka"}},
    {"tls-ca", {"mqtts", "kafka"}},         {"discovery", {"mqtt", "mqtts"}},
    {"commands", {"mqtt", "mqtts"}},        {"snapshots", {"mqtt", "mqtts"}},
};

gboolean
clipmoe_target_is_known (const char *target) {
  static const char *const schemes[] = {"stdout:", "file:", "mqtt://", "mqtts://", "kafka://"};
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_str_has_prefix (target, schemes[i]))
      return TRUE;
  return FALSE;
}

gboolean
clipmoe_target_uses (const char *target, const char *option) {
  gsize length = strcspn (target, ":");
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    if (!g_str_equal (table[i].option, option))
      continue;
    for (const char *const *scheme = table[i].schemes; *scheme; scheme++)
      if (target[length] && strlen (*scheme) == length && strncmp (target, *scheme, length) == 0)
        return TRUE;
    return FALSE;
  }
  return TRUE;
}
