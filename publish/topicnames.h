/* Names of streams and labels as one level of an MQTT topic each. Not thread-safe. */
#ifndef CLIPMOE_TOPIC_NAMES_H
#define CLIPMOE_TOPIC_NAMES_H

#include <glib.h>

typedef struct _ClipmoeTopicNames ClipmoeTopicNames;

ClipmoeTopicNames *clipmoe_topic_names_new (void);
void clipmoe_topic_names_free (ClipmoeTopicNames *self);
/* The level for @name (NULL is like ""), the same whenever it is asked for and another one for every other
 * name: `/`, `+`, `#`, control codes and what is no UTF-8 become `_`, a long name is cut; where two names
 * become alike by that, the later one has a hash of it behind. Valid as long as @self. */
const char *clipmoe_topic_names_get (ClipmoeTopicNames *self, const char *name);
/* (transfer full): the level for @name, without looking whether another name has the same. */
char *clipmoe_topic_level (const char *name);
/* (transfer full): the same without memory: only where the name was changed, a hash stands behind it. */
char *clipmoe_topic_name_alone (const char *name);
/* (transfer full): @n hexadecimal digits of the SHA-256 of @text. */
char *clipmoe_topic_hash (const char *text, guint n);

#endif
