#include "watchmissing.h"

#include <base/uri.h>
#include <clipmoe/labels.h>
#include <clipmoe/model.h>
#include <errno.h>
#include <gst/gst.h>
#include <string.h>
#include <targetuses.h>
#include <unistd.h>
#include "picture.h"

/* @what: the key; @path: NULL, nothing to look for. */
static void
look_for (GPtrArray *missing, const WatchCamera *camera, const char *what, const char *path,
          int access_mode) {
  if (path && access (path, access_mode) != 0)
    g_ptr_array_add (missing,
                     g_strdup_printf ("%s: %s: %s: %s", camera->name, what, path, g_strerror (errno)));
}

static void
look_for_targets (GPtrArray *missing, const WatchCamera *camera) {
  const char *publish = watch_camera_get (camera, "publish");
  char **targets = g_strsplit (publish ? publish : "", ";", -1);
  for (char **t = targets; *t; t++)
    if (!clipmoe_target_is_known (*t)) {
      char *shown = clipmoe_uri_without_login (*t);
      g_ptr_array_add (missing, g_strdup_printf ("%s: publish: %s: no such target, expected stdout:, "
                                                 "file:PATH, mqtt://HOST, mqtts://HOST or "
                                                 "kafka://HOST/TOPIC",
                                                 camera->name, shown));
      g_free (shown);
    } else if (g_str_has_prefix (*t, "file:")) {
      char *folder = g_path_get_dirname (*t + strlen ("file:"));
      look_for (missing, camera, "publish", folder, W_OK | X_OK);
      g_free (folder);
    }
  g_strfreev (targets);
}

/* A file, or an element that reads such an address. */
static void
look_for_source (GPtrArray *missing, const WatchCamera *camera) {
  const char *uri = watch_camera_get (camera, "uri");
  char *scheme = uri ? gst_uri_get_protocol (uri) : NULL;
  look_for (missing, camera, "uri", uri && g_path_is_absolute (uri) ? uri : NULL, R_OK);
  if (scheme && !g_str_equal (scheme, "v4l2") && !g_str_equal (scheme, "file") &&
      !gst_uri_protocol_is_supported (GST_URI_SRC, scheme))
    g_ptr_array_add (
        missing, g_strdup_printf ("%s: uri: no source is installed for %s: addresses", camera->name, scheme));
  g_free (scheme);
}

static void
look_for_model (GPtrArray *missing, const WatchCamera *camera) {
  const char *model = watch_camera_get (camera, "model");
  char *found = model && access (model, R_OK) != 0 ? clipmoe_resource_find ("", model) : NULL;
  if (model && !found && access (model, R_OK) != 0)
    g_ptr_array_add (missing, g_strdup_printf ("%s: model: %s: no such file or folder, and no model of that "
                                               "name is installed",
                                               camera->name, model));
  g_free (found);
}

/* By their first bytes. */
static void
look_for_pictures (GPtrArray *missing, const WatchCamera *camera, const ClipmoeLabel *label) {
  for (guint i = 0; label->pictures && label->pictures[i]; i++) {
    GError *error = NULL;
    ClipmoePictureSort sort;
    gboolean read = clipmoe_picture_sort (label->pictures[i], &sort, &error);
    if (!read || sort != CLIPMOE_PICTURE_STILL)
      g_ptr_array_add (missing, g_strdup_printf ("%s: labels-file: %s: %s%s", camera->name, label->place,
                                                 read ? label->pictures[i] : error->message,
                                                 read ? ": no picture" : ""));
    g_clear_error (&error);
  }
}

static void
look_for_labels (GPtrArray *missing, const WatchCamera *camera) {
  const char *name = watch_camera_get (camera, "labels") ? NULL : watch_camera_get (camera, "labels-file");
  GError *error = NULL;
  GPtrArray *labels = name ? clipmoe_label_list_load (name, &error) : NULL;
  if (error)
    g_ptr_array_add (missing, g_strdup_printf ("%s: labels-file: %s", camera->name, error->message));
  for (guint i = 0; labels && i < labels->len; i++)
    look_for_pictures (missing, camera, labels->pdata[i]);
  g_clear_pointer (&labels, g_ptr_array_unref);
  g_clear_error (&error);
}

GPtrArray *
watch_config_missing (const WatchConfig *config) {
  static const char *const files[] = {"login-file", "publish-login-file", "tls-ca"};
  GPtrArray *missing = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < config->cameras->len; i++) {
    const WatchCamera *camera = config->cameras->pdata[i];
    for (guint j = 0; j < G_N_ELEMENTS (files); j++)
      look_for (missing, camera, files[j], watch_camera_get (camera, files[j]), R_OK);
    look_for_source (missing, camera);
    look_for_model (missing, camera);
    look_for_labels (missing, camera);
    look_for_targets (missing, camera);
  }
  return missing;
}
