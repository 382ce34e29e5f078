/* On a decoder's sink pad: lets through only what has to be decoded. What a key frame is stands in the coded
 * pictures, when it is shown in its presentation time: where either is not known, all is decoded. */
#ifndef CLIPMOE_KEY_FILTER_H
#define CLIPMOE_KEY_FILTER_H

#include <gst/gst.h>

typedef enum {
  CLIPMOE_DECODE_AUTO, /* key frames where they come at least as often as `period` asks, else all */
  CLIPMOE_DECODE_ALL,
  CLIPMOE_DECODE_KEY
} ClipmoeDecode;

typedef struct _ClipmoeKeyFilter ClipmoeKeyFilter;

ClipmoeKeyFilter *clipmoe_key_filter_new (void);
void clipmoe_key_filter_unref (ClipmoeKeyFilter *self);

/* Watches @pad, a decoder's sink pad, until the pad goes; the filter lives as long as it watches. */
void clipmoe_key_filter_watch (ClipmoeKeyFilter *self, GstPad *pad);
/* @period: the longest time without a frame that AUTO puts up with; 0 = every frame is wanted. Any thread. */
void clipmoe_key_filter_set (ClipmoeKeyFilter *self, ClipmoeDecode decode, GstClockTime period);
/* Whoever takes the pictures can wait for them until the end of the stream: the decoder is not made to give
 * each out at once, and may decode several key pictures side by side. Any thread. */
void clipmoe_key_filter_set_patient (ClipmoeKeyFilter *self, gboolean patient);
/* Nothing of the streams named @stream_id that are watched now is decoded from here on, nor counted. Any
 * thread. */
void clipmoe_key_filter_mute (ClipmoeKeyFilter *self, const char *stream_id);
/* Whether a stream of this name that is watched now comes in a format of pictures, as a cover does. Any
 * thread. */
gboolean clipmoe_key_filter_is_picture (ClipmoeKeyFilter *self, const char *stream_id);
/* Counts and times start anew. Only while nothing flows. */
void clipmoe_key_filter_reset (ClipmoeKeyFilter *self);
/* Units that came and were dropped, and the longest time between two that were let through. Any thread. */
void clipmoe_key_filter_get_counts (ClipmoeKeyFilter *self, guint64 *units, guint64 *dropped,
                                    GstClockTime *longest_gap);

#endif
