/* The properties of clipmoepublish that say how a target is reached and what is sent there. */
#ifndef PUBLISH_SETTINGS_H
#define PUBLISH_SETTINGS_H

#include <gst/gst.h>
#include "target.h"

typedef struct {
  char *outbox, *login_file, *tls_ca;
  guint outbox_size;
  int discovery, format; /* of enumerations */
  gboolean commands, embeddings, snapshots;
} ClipmoePublishSettings;

/* How many properties there are: their ids are @first and those after it. */
#define CLIPMOE_PUBLISH_SETTINGS 9

void clipmoe_publish_settings_install (GObjectClass *object, guint first);
void clipmoe_publish_settings_init (ClipmoePublishSettings *self);
/* @i: which property, from 0. The caller has the lock that guards @self. */
void clipmoe_publish_settings_set (ClipmoePublishSettings *self, guint i, const GValue *value);
void clipmoe_publish_settings_get (const ClipmoePublishSettings *self, guint i, GValue *value);
/* A copy, and what it means for a target; free it with clipmoe_publish_settings_clear() when the target is
 * open. */
void clipmoe_publish_settings_copy (const ClipmoePublishSettings *from, ClipmoePublishSettings *to);
void clipmoe_publish_settings_clear (ClipmoePublishSettings *self);
void clipmoe_publish_settings_options (const ClipmoePublishSettings *self, ClipmoeTargetOptions *options);

#endif
