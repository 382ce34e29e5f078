#include "keys.h"

static const char *const pictures[] = {"jpg", "jpeg", "png", "webp", "bmp",
                                       "gif", "ppm",  "tif", "tiff", NULL};
static const char *const texts[] = {"txt", NULL};

char **
dmu_keys_split (const char *text) {
  GPtrArray *keys = g_ptr_array_new ();
  char *lower = g_ascii_strdown (text ? text : "", -1), **all = g_strsplit (lower, ";", -1);
  for (char **k = all; *k; k++) {
    const char *key = g_strstrip (*k);
    key += *key == '.';
    if (*key)
      g_ptr_array_add (keys, g_strdup (key));
  }
  g_strfreev (all);
  g_free (lower);
  gboolean any = keys->len > 0;
  g_ptr_array_add (keys, NULL);
  char **list = (char **)g_ptr_array_free (keys, FALSE);
  if (!any)
    g_clear_pointer (&list, g_strfreev);
  return list;
}

DmuMember
dmu_keys_member (const DmuMemberKeys *keys, const char *ending) {
  char *lower = g_ascii_strdown (ending, -1);
  const char *const *image = keys ? (const char *const *)keys->image : NULL, *const *caption =
                                                                                 keys ? (const char *const *)
                                                                                            keys->caption
                                                                                      : NULL;
  DmuMember kind = DMU_MEMBER_OTHER;
  if (g_strv_contains (image ? image : pictures, lower))
    kind = DMU_MEMBER_PICTURE;
  else if (g_strv_contains (caption ? caption : texts, lower))
    kind = DMU_MEMBER_TEXT;
  else if (g_str_equal (lower, "json"))
    kind = DMU_MEMBER_JSON;
  else if (g_str_equal (lower, "cls"))
    kind = DMU_MEMBER_CLASS;
  else if (g_strv_contains (pictures, lower) || g_strv_contains (texts, lower))
    kind = DMU_MEMBER_ASIDE;
  g_free (lower);
  return kind;
}

char *
dmu_keys_describe (const DmuMemberKeys *keys) {
  char *image = g_strjoinv (", .", keys && keys->image ? keys->image : (char **)(gpointer)pictures),
       *caption = g_strjoinv (", .", keys && keys->caption ? keys->caption : (char **)(gpointer)texts);
  char *text =
      g_strdup_printf (".%s, .%s, .json or .cls; image-key and caption-key name others", image, caption);
  g_free (image);
  g_free (caption);
  return text;
}
