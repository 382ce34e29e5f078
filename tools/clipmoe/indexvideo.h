/* A video file goes in, looks come out. */
#ifndef CLIPMOE_INDEX_VIDEO_H
#define CLIPMOE_INDEX_VIDEO_H

#include "indexlooks.h"

typedef enum {
  CLIPMOE_INDEX_SAMPLE_AUTO, /* key frames where they come at least every `every` seconds, else as INTERVAL */
  CLIPMOE_INDEX_SAMPLE_KEY,
  CLIPMOE_INDEX_SAMPLE_INTERVAL,
  CLIPMOE_INDEX_SAMPLE_ALL,
} ClipmoeIndexSample;

typedef struct {
  ClipmoeIndexSample sample;
  double every; /* s */
} ClipmoeIndexSampling;

typedef enum {
  CLIPMOE_INDEX_VIDEO_DONE,
  CLIPMOE_INDEX_VIDEO_NONE, /* there is no video in it; @error says why */
  CLIPMOE_INDEX_VIDEO_FAILED,
  CLIPMOE_INDEX_VIDEO_STOPPED, /* `tick` or the taker of the looks said so; no @error */
} ClipmoeIndexVideoResult;

typedef struct {
  gint64 duration; /* ns; 0 = not known */
  gint64 recorded; /* UTC microseconds by the container; 0 = not known */
} ClipmoeIndexVideoFacts;

/* Called some ten times a second in the thread that runs the video. @position: ns. FALSE: stop. */
typedef gboolean (*ClipmoeIndexTick) (gint64 position, gpointer data);

/* @looks: clipmoe_index_looks_begin() was called. On return nothing runs any more. GStreamer is initialised.
 * @error names @path. */
ClipmoeIndexVideoResult clipmoe_index_video (const char *path, const ClipmoeIndexSampling *sampling,
                                             ClipmoeIndexLooks *looks, ClipmoeIndexTick tick, gpointer data,
                                             ClipmoeIndexVideoFacts *facts, GError **error);

#endif
