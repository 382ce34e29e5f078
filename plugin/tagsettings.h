/* The properties of clipmoetag: what they are called, what they say, and their values. */
#ifndef CLIPMOE_TAG_SETTINGS_H
#define CLIPMOE_TAG_SETTINGS_H

#include <gst/video/video.h>
#include <stream/rules.h>
#include "taglabels.h"

typedef enum { TAG_POST_NONE, TAG_POST_CHANGES, TAG_POST_ALL, TAG_POST_EVENTS } TagPost;
typedef enum { TAG_REGION_FULL_FRAME, TAG_REGION_ROI_LIST } TagRegionMode;
typedef enum { TAG_MODE_AUTO, TAG_MODE_SYNC, TAG_MODE_LATEST } TagMode;

typedef struct {
  char *model, *vocab, *prefix, *source, *instance, *object_class;
  TagTexts texts;
  ClipmoeActivation activation;
  ClipmoePrecision precision;
  GstVideoOrientationMethod direction;
  ClipmoeRules rules;
  TagPost post;
  TagMode mode;
  TagRegionMode region;
  guint side, experts, heads, text_heads, interval, threads, batch, batch_timeout, reclassify, min_region;
  double rate, still_threshold, still_most;
  gboolean attach_embedding, skip_corrupted;
  gboolean texts_changed; /* since it was last set to FALSE: labels have to be made anew */
} TagSettings;

enum { TAG_PROP_0, TAG_PROP_STATS, TAG_PROP_ENGINE_STATS, TAG_PROP_FIRST };

/* Installs every property but `stats` and `engine-stats`, which are the element's. */
void tag_settings_install (GObjectClass *klass);
void tag_settings_init (TagSettings *self);
void tag_settings_clear (TagSettings *self);
/* FALSE: no such property. The caller locks. */
gboolean tag_settings_set (TagSettings *self, guint id, const GValue *value);
gboolean tag_settings_get (const TagSettings *self, guint id, GValue *value);
/* "auto", "sync" or "latest". */
const char *tag_mode_name (TagMode mode);

#endif
