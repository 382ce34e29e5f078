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
  double pre_roll, post_roll, settle, record_days, record_gigabytes;
  char *signature; /* the same for two files: nothing of it has changed */
  gatomicrefcount refs;
} WatchCamera;

/* Where the cameras are shown over HTTP, and who is let in; NULL: not set. */
typedef struct {
  char *listen, *token_file;
} WatchListen;

typedef struct {
  GPtrArray *cameras; /* (element-type WatchCamera), in the order of the file */
  WatchListen http;
} WatchConfig;

/* Reads it whole or not at all. GStreamer is initialised. @http: what counts instead of what the file says.
 * An error names file, line and key. */
WatchConfig *watch_config_read (const char *path, const WatchListen *http, GError **error);
void watch_config_free (WatchConfig *self); /* NULL: nothing */
WatchCamera *watch_camera_ref (WatchCamera *self);
void watch_camera_unref (gpointer camera);
/* NULL: not set. */
const char *watch_camera_get (const WatchCamera *self, const char *key);

#endif
