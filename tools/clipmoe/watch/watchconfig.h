/* The file CAMERAS.ini: what `clipmoe watch` is to do, checked key by key. */
#ifndef CLIPMOE_WATCH_CONFIG_H
#define CLIPMOE_WATCH_CONFIG_H

#include <clipmoe/error.h>
#include "watchhours.h"

/* The settings of one camera: those of its group, else those of [watch]. Never changed once read. */
typedef struct {
  char *name;
  GHashTable *values; /* (element-type utf8 utf8): text as it stands in the file; paths are absolute */
  WatchHours hours;
  double pre_roll, post_roll, record_days, record_gigabytes;
  char *signature; /* the same for two files: nothing of it has changed */
  gatomicrefcount refs;
} WatchCamera;

typedef struct {
  GPtrArray *cameras; /* (element-type WatchCamera), in the order of the file */
} WatchConfig;

/* Reads it whole or not at all. GStreamer is initialised. An error names file, line and key. */
WatchConfig *watch_config_read (const char *path, GError **error);
void watch_config_free (WatchConfig *self); /* NULL: nothing */
WatchCamera *watch_camera_ref (WatchCamera *self);
void watch_camera_unref (gpointer data);
/* NULL: not set. */
const char *watch_camera_get (const WatchCamera *self, const char *key);

#endif
