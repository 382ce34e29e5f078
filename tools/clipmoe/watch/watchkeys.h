/* The keys of CAMERAS.ini: those of the command itself, and the properties of the elements that a camera is
 * made of. */
#ifndef CLIPMOE_WATCH_KEYS_H
#define CLIPMOE_WATCH_KEYS_H

#include <gst/gst.h>

/* The elements of a camera whose properties are keys, in the order of data. */
typedef enum { WATCH_SRC, WATCH_TAG, WATCH_PUBLISH, WATCH_INDEX, WATCH_ELEMENTS } WatchElement;

const char *watch_element_name (WatchElement element);
/* Whether @key is one; those of one camera alone, such as uri, are none in [watch]. */
gboolean watch_key_known (const char *key, gboolean in_camera);
/* The property that @key sets of @element, or NULL. */
GParamSpec *watch_key_property (const char *key, WatchElement element);
/* NULL, or what was expected (transfer full). */
char *watch_key_check (const char *key, const char *value);
/* Sets the properties of @made, an element of this kind, that @values has. They were checked. @target: that
 * of a clipmoepublish, one of @targets: what others of these alone have a use for is not set. Else NULL. */
void watch_keys_apply (GHashTable *values, WatchElement element, GstElement *made, const char *target,
                       const char *const *targets);
/* Whether the value names a file or folder that may be written relative to CAMERAS.ini: always, or only where
 * there is one. */
typedef enum { WATCH_NO_PATH, WATCH_PATH, WATCH_PATH_IF_THERE } WatchPath;
WatchPath watch_key_path (const char *key);

#endif
