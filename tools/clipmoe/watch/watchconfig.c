#include "watchconfig.h"

#include <string.h>
#include <sys/stat.h>
#include <base/error.h>
#include <base/file.h>
#include <base/plain.h>
#include <clipmoe/labels.h>
#include <base/uri.h>
#include "../http/address.h"
#include "topicnames.h"
#include "watchkeys.h"

#define MOST_BYTES (4u << 20)
#define MOST_NAME 100 /* bytes of a camera's name, which is also one of a folder */
#define CAMERA "camera "

typedef struct {
  const char *path;
  char *folder;
  GHashTable *lines; /* "group\nkey" and "group" → number of the line */
} Reading;

/* --- doubled keys, which GKeyFile takes without a word --- */

static gboolean
note (Reading *self, const char *what, guint line, const char *said, GError **error) {
  gpointer before = g_hash_table_lookup (self->lines, what);
  if (before) {
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path, "line %u: %s is there already, in line %u",
                       line, said, GPOINTER_TO_UINT (before));
    return FALSE;
  }
  g_hash_table_insert (self->lines, g_strdup (what), GUINT_TO_POINTER (line));
  return TRUE;
}

static gboolean
note_line (Reading *self, char **group, const char *line, guint number, GError **error) {
  char *plain = NULL, *what = NULL;
  gboolean ok = TRUE;
  const char *end;
  if (*line == '[' && (end = strrchr (line, ']'))) {
    g_free (*group);
    *group = g_strndup (line + 1, (gsize)(end - line - 1));
    plain = clipmoe_plain (*group, -1);
    char *said = g_strdup_printf ("[%s]", plain);
    ok = note (self, *group, number, said, error);
    g_free (said);
  } else if (*line && *line != '#' && (end = strchr (line, '='))) {
    char *key = g_strchomp (g_strndup (line, (gsize)(end - line)));
    plain = clipmoe_plain (key, -1);
    what = g_strdup_printf ("%s\n%s", *group, key);
    char *said = g_strdup_printf ("key \"%s\"", plain);
    ok = note (self, what, number, said, error);
    g_free (said);
    g_free (key);
  }
  g_free (plain);
  g_free (what);
  return ok;
}

static gboolean
note_lines (Reading *self, const char *text, GError **error) {
  char **lines = g_strsplit (text, "\n", -1), *group = g_strdup ("");
  gboolean ok = TRUE;
  for (guint i = 0; lines[i] && ok; i++)
    ok = note_line (self, &group, g_strstrip (lines[i]), i + 1, error);
  g_free (group);
  g_strfreev (lines);
  return ok;
}

static gboolean
refuse (const Reading *self, const char *group, const char *key, const char *why, GError **error) {
  char *what = key ? g_strdup_printf ("%s\n%s", group, key) : g_strdup (group);
  guint line = GPOINTER_TO_UINT (g_hash_table_lookup (self->lines, what));
  char *shown = clipmoe_plain (group, -1);
  if (key)
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path, "line %u: [%s] %s: %s", line, shown, key,
                       why);
  else
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path, "line %u: [%s]: %s", line, shown, why);
  g_free (shown);
  g_free (what);
  return FALSE;
}

/* --- values --- */

static char *
absolute (const Reading *self, const char *path) {
  return g_path_is_absolute (path) ? g_strdup (path) : g_build_filename (self->folder, path, NULL);
}

/* As the elements shall get it: relative paths are relative to the file that they stand in. */
static char *
resolve (const Reading *self, const char *key, const char *value) {
  WatchPath path = watch_key_path (key);
  if (path == WATCH_PATH && *value && !strstr (value, "://"))
    return absolute (self, value);
  if (path == WATCH_PATH_IF_THERE) {
    char *full = absolute (self, value);
    if (*value && g_file_test (full, G_FILE_TEST_EXISTS))
      return full;
    g_free (full);
  }
  if (g_str_equal (key, "uri") && *value && !strchr (value, ':'))
    return absolute (self, value);
  return g_strdup (value);
}

/* A file's targets, "file:PATH" among them. */
static char *
resolve_targets (const Reading *self, const char *value) {
  char **targets = g_strsplit (value, ";", -1);
  GString *all = g_string_new (NULL);
  for (guint i = 0; targets[i]; i++) {
    const char *target = g_strstrip (targets[i]);
    if (!*target)
      continue;
    char *full = g_str_has_prefix (target, "file:") ? absolute (self, target + 5) : NULL;
    g_string_append_printf (all, "%s%s%s", all->len ? ";" : "", full ? "file:" : "", full ? full : target);
    g_free (full);
  }
  g_strfreev (targets);
  return g_string_free (all, FALSE);
}

static gboolean
read_group (const Reading *self, GKeyFile *file, const char *group, gboolean camera, GHashTable *values,
            GError **error) {
  char **keys = g_key_file_get_keys (file, group, NULL, NULL);
  gboolean ok = TRUE;
  for (char **k = keys; k && *k && ok; k++) {
    char *value = g_key_file_get_value (file, group, *k, NULL), *expected;
    if (!watch_key_known (*k, camera))
      ok = refuse (self, group, *k,
                   watch_key_known (*k, !camera)
                       ? (camera ? "belongs into [watch]" : "belongs into a camera's group")
                       : "no such key, expected a property of clipmoetag, clipmoesrc, clipmoepublish or "
                         "clipmoeindex, or what "
                         "docs/live.md lists",
                   error);
    else if ((expected = watch_key_check (*k, value))) {
      char *why = g_strdup_printf ("expected %s", expected);
      ok = refuse (self, group, *k, why, error);
      g_free (why);
      g_free (expected);
    }
    if (ok)
      g_hash_table_replace (values, g_strdup (*k),
                            g_str_equal (*k, "publish") ? resolve_targets (self, value)
                                                        : resolve (self, *k, value));
    g_free (value);
  }
  g_strfreev (keys);
  return ok;
}

/* --- cameras --- */

WatchCamera *
watch_camera_ref (WatchCamera *self) {
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
watch_camera_unref (gpointer camera) {
  WatchCamera *self = camera;
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->name);
  g_free (self->signature);
  g_hash_table_unref (self->values);
  g_free (self);
}

const char *
watch_camera_get (const WatchCamera *self, const char *key) {
  const char *value = g_hash_table_lookup (self->values, key);
  return value && *value ? value : NULL;
}

static double
number_of (const WatchCamera *self, const char *key, double otherwise) {
  const char *text = watch_camera_get (self, key);
  return text ? g_ascii_strtod (text, NULL) : otherwise;
}

/* When @path was written last. */
static void
add_file (GString *text, const char *path) {
  struct stat st;
  if (path && stat (path, &st) == 0)
    g_string_append_printf (text, "%s %" G_GINT64_FORMAT ".%09ld %" G_GINT64_FORMAT "\n", path,
                            (gint64)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (gint64)st.st_size);
}

/* Pictures that show labels belong to the labels' file. One that cannot be read is said by who uses it. */
static void
add_pictures (GString *text, const char *labels_file) {
  GPtrArray *labels = labels_file ? clipmoe_label_list_load (labels_file, NULL) : NULL;
  for (guint i = 0; labels && i < labels->len; i++) {
    const ClipmoeLabel *label = labels->pdata[i];
    for (guint j = 0; label->pictures && label->pictures[j]; j++)
      add_file (text, label->pictures[j]);
  }
  g_clear_pointer (&labels, g_ptr_array_unref);
}

/* All that it is made of, and when its files were written last. */
static char *
sign (const WatchCamera *self) {
  static const char *const files[] = {"labels-file", "login-file", "publish-login-file", "model", NULL};
  GString *text = g_string_new (NULL);
  GList *keys = g_list_sort (g_hash_table_get_keys (self->values), (GCompareFunc)strcmp);
  for (GList *l = keys; l; l = l->next)
    g_string_append_printf (text, "%s=%s\n", (char *)l->data,
                            (char *)g_hash_table_lookup (self->values, l->data));
  g_list_free (keys);
  for (guint i = 0; files[i]; i++)
    add_file (text, g_hash_table_lookup (self->values, files[i]));
  add_pictures (text, g_hash_table_lookup (self->values, "labels-file"));
  return g_string_free (text, FALSE);
}

static gboolean
is_name (const char *name) {
  char *plain = clipmoe_plain (name, -1);
  gboolean ok = *name && *name != '.' && *name != ' ' && strlen (name) <= MOST_NAME && !strchr (name, '/') &&
                g_str_equal (plain, name);
  g_free (plain);
  return ok;
}

static gboolean
check_camera (const Reading *self, const char *group, WatchCamera *camera, GError **error) {
  if (!watch_camera_get (camera, "uri"))
    return refuse (self, group, NULL, "no uri, expected where the camera is", error);
  if (clipmoe_uri_login_is_cut (watch_camera_get (camera, "uri")))
    return refuse (self, group, "uri",
                   "an @ stands behind a /, ? or #; in a password these signs are %2F, %3F and %23 (better: "
                   "login-file), and an @ in a path is %40",
                   error);
  if (watch_camera_get (camera, "login-file") && watch_camera_get (camera, "login-env"))
    return refuse (self, group, NULL, "login-file and login-env, expected one of them", error);
  return TRUE;
}

/* A key in the camera's own group that no target of it has a use for is a mistake; one for all cameras need
 * not fit each. */
static gboolean
check_targets (const Reading *self, GKeyFile *file, const char *group, WatchCamera *camera, GError **error) {
  const char *publish = watch_camera_get (camera, "publish");
  char **targets = g_strsplit (publish ? publish : "", ";", -1),
       **keys = g_key_file_get_keys (file, group, NULL, NULL);
  gboolean ok = TRUE;
  for (char **k = keys; k && *k && ok; k++) {
    gboolean fits = watch_key_fits (*k, "");
    for (char **t = targets; *t && !fits; t++)
      fits = watch_key_fits (*k, *t);
    if (!fits)
      ok = refuse (self, group, *k, "no target in publish has a use for it", error);
  }
  g_strfreev (keys);
  g_strfreev (targets);
  return ok;
}

/* Of two keys that mean the same, the one in the camera's group counts. */
static void
prefer_own (GKeyFile *file, const char *group, WatchCamera *camera, const char *a, const char *b) {
  gboolean has_a = g_key_file_has_key (file, group, a, NULL),
           has_b = g_key_file_has_key (file, group, b, NULL);
  if (has_a != has_b)
    g_hash_table_remove (camera->values, has_a ? b : a);
}

static WatchCamera *
read_camera (const Reading *self, GKeyFile *file, const char *group, GError **error) {
  const char *name = group + strlen (CAMERA);
  if (!is_name (name)) {
    refuse (self, group, NULL,
            "not a name, expected at most 100 bytes without / and not beginning with a dot", error);
    return NULL;
  }
  WatchCamera *camera = g_new0 (WatchCamera, 1);
  g_atomic_ref_count_init (&camera->refs);
  camera->name = g_strdup (name);
  camera->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (camera->values, g_strdup ("source"), g_strdup (name));
  gboolean ok = (!g_key_file_has_group (file, "watch") ||
                 read_group (self, file, "watch", FALSE, camera->values, error)) &&
                read_group (self, file, group, TRUE, camera->values, error);
  if (ok) {
    prefer_own (file, group, camera, "labels", "labels-file");
    prefer_own (file, group, camera, "login-file", "login-env");
    ok = check_camera (self, group, camera, error) && check_targets (self, file, group, camera, error);
  }
  if (!ok) {
    watch_camera_unref (camera);
    return NULL;
  }
  g_hash_table_remove (camera->values, "listen"); /* they restart no camera */
  g_hash_table_remove (camera->values, "token-file");
  if (watch_camera_get (camera, "hours"))
    watch_hours_parse (&camera->hours, watch_camera_get (camera, "hours"));
  if (!watch_camera_get (camera, "labels") && !watch_camera_get (camera, "labels-file"))
    g_hash_table_insert (camera->values, g_strdup ("labels-file"), g_strdup ("everyday"));
  if (watch_camera_get (camera, "store")) { /* moments are made of vectors, which nobody else has asked for */
    if (!watch_camera_get (camera, "attach-embedding") && !watch_camera_get (camera, "embeddings"))
      g_hash_table_replace (camera->values, g_strdup ("embeddings"), g_strdup ("false"));
    g_hash_table_replace (camera->values, g_strdup ("attach-embedding"), g_strdup ("true"));
  }
  camera->pre_roll = number_of (camera, "pre-roll", 5);
  camera->post_roll = number_of (camera, "post-roll", 10);
  camera->settle = number_of (camera, "settle", 0);
  camera->record_days = number_of (camera, "record-days", 0);
  camera->record_gigabytes = number_of (camera, "record-gigabytes", 0);
  camera->signature = sign (camera);
  return camera;
}

static gboolean
read_groups (const Reading *self, GKeyFile *file, WatchConfig *config, GError **error) {
  gsize n = 0;
  char **groups = g_key_file_get_groups (file, &n);
  gboolean ok = TRUE;
  for (gsize i = 0; i < n && ok; i++) {
    if (g_str_equal (groups[i], "watch"))
      continue;
    WatchCamera *camera = NULL;
    if (g_str_has_prefix (groups[i], CAMERA))
      camera = read_camera (self, file, groups[i], error);
    else
      refuse (self, groups[i], NULL, "no such group, expected [watch] or [camera NAME]", error);
    if ((ok = camera != NULL))
      g_ptr_array_add (config->cameras, camera);
  }
  if (ok && !config->cameras->len)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, self->path,
                            "no camera, expected a group [camera NAME]");
  g_strfreev (groups);
  return ok;
}

/* --- cameras beside each other --- */

/* Where what a camera sees goes, under the name by which it is told apart there: its targets and its archive.
 * (element-type utf8) */
static GPtrArray *
places_of (const WatchCamera *camera) {
  const char *publish = watch_camera_get (camera, "publish"), *store = watch_camera_get (camera, "store"),
             *source = watch_camera_get (camera, "source");
  GPtrArray *places = g_ptr_array_new_with_free_func (g_free);
  char **targets = g_strsplit (publish ? publish : "", ";", -1),
       *level = clipmoe_topic_level (source ? source : "");
  for (char **t = targets; *t; t++)
    if (**t)
      g_ptr_array_add (
          places,
          g_strdup_printf ("%s\n%s", *t, g_str_has_prefix (*t, "mqtt") ? level : (source ? source : "")));
  if (store)
    g_ptr_array_add (places, g_strdup_printf ("%s\n%s", store, source ? source : ""));
  g_strfreev (targets);
  g_free (level);
  return places;
}

/* @place of @camera is that of @other, too. */
static gboolean
refuse_place (const Reading *self, const WatchCamera *camera, const WatchCamera *other, const char *place,
              GError **error) {
  const char *mine = watch_camera_get (camera, "source"), *its = watch_camera_get (other, "source");
  char *group = g_strconcat (CAMERA, camera->name, NULL), *where = g_strndup (place, strcspn (place, "\n")),
       *shown = clipmoe_uri_without_login (where), *why;
  if (g_strcmp0 (mine, its) == 0)
    why =
        g_strdup_printf ("its source \"%s\" is that of [camera %s], too, and both go to %s; expected another "
                         "source",
                         mine ? mine : "", other->name, shown);
  else
    why =
        g_strdup_printf ("its source \"%s\" and \"%s\" of [camera %s] become the same topic, and both go to "
                         "%s; expected another source",
                         mine ? mine : "", its ? its : "", other->name, shown);
  refuse (self, group, NULL, why, error);
  g_free (why);
  g_free (shown);
  g_free (where);
  g_free (group);
  return FALSE;
}

/* Two cameras of one name would share a state, and open and close each other's labels. */
static gboolean
check_sources (const Reading *self, const WatchConfig *config, GError **error) {
  GHashTable *taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL); /* place → camera */
  gboolean ok = TRUE;
  for (guint i = 0; i < config->cameras->len && ok; i++) {
    WatchCamera *camera = config->cameras->pdata[i];
    GPtrArray *places = places_of (camera);
    for (guint k = 0; k < places->len && ok; k++) {
      const WatchCamera *other = g_hash_table_lookup (taken, places->pdata[k]);
      if (other && other != camera)
        ok = refuse_place (self, camera, other, places->pdata[k], error);
      else
        g_hash_table_insert (taken, g_strdup (places->pdata[k]), camera);
    }
    g_ptr_array_unref (places);
  }
  g_hash_table_unref (taken);
  return ok;
}

/* The key of [watch], else what was given; (transfer full). */
static char *
read_http (const Reading *self, GKeyFile *file, const char *key, const char *given) {
  char *value = given ? NULL : g_key_file_get_value (file, "watch", key, NULL),
       *full = value && *value ? resolve (self, key, value) : g_strdup (given);
  g_free (value);
  return full;
}

/* Other machines are let in with a token alone. */
static gboolean
check_http (const Reading *self, const WatchListen *http, GError **error) {
  GSocketAddress *address = http->listen ? clipmoe_address_parse (http->listen, error) : NULL;
  if (!address)
    return !http->listen;
  gboolean ok = http->token_file || clipmoe_address_is_loopback (address);
  g_object_unref (address);
  return ok ||
         clipmoe_error_set (error, CLIPMOE_ERROR_ARGUMENT, self->path,
                            "%s can be reached from other machines: token-file is needed, a file with a "
                            "word that lets people in",
                            http->listen);
}

WatchConfig *
watch_config_read (const char *path, const WatchListen *http, GError **error) {
  gsize length = 0;
  char *text = clipmoe_file_read (path, MOST_BYTES, &length, error);
  if (!text)
    return NULL;
  char *full = g_canonicalize_filename (path, NULL);
  Reading reading = {path, g_path_get_dirname (full),
                     g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL)};
  WatchConfig *config = g_new0 (WatchConfig, 1);
  GKeyFile *file = g_key_file_new ();
  GError *why = NULL;
  gboolean ok = FALSE;
  config->cameras = g_ptr_array_new_with_free_func (watch_camera_unref);
  if (memchr (text, 0, length) || !g_utf8_validate (text, (gssize)length, NULL))
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "not a text in UTF-8");
  else if (!note_lines (&reading, text, error))
    ;
  else if (!g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, &why))
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "%s", why->message);
  else
    ok = read_groups (&reading, file, config, error) && check_sources (&reading, config, error);
  if (ok) {
    config->http.listen = read_http (&reading, file, "listen", http->listen);
    config->http.token_file = read_http (&reading, file, "token-file", http->token_file);
    ok = check_http (&reading, &config->http, error);
  }
  g_clear_error (&why);
  g_key_file_unref (file);
  g_hash_table_unref (reading.lines);
  g_free (reading.folder);
  g_free (full);
  g_free (text);
  if (ok)
    return config;
  watch_config_free (config);
  return NULL;
}

void
watch_config_free (WatchConfig *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->cameras);
  g_free (self->http.listen);
  g_free (self->http.token_file);
  g_free (self);
}
