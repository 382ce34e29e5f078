/* Which of the streams that decodebin brings is tagged. */
#ifndef CLIPMOE_BIN_TRACKS_H
#define CLIPMOE_BIN_TRACKS_H

#include "keyfilter.h"

GST_DEBUG_CATEGORY_EXTERN (clipmoe_bin_debug); /* clipmoe_bin_decoder_new() initialises it */

typedef struct _ClipmoeBinTracks ClipmoeBinTracks;

/* @owner: in whose name messages are posted, a bin in which @decode is. What is chosen is linked to @sink,
 * which stays the owner's. */
ClipmoeBinTracks *clipmoe_bin_tracks_new (GstBin *owner, GstElement *decode, GstPad *sink,
                                          ClipmoeKeyFilter *filter);
void clipmoe_bin_tracks_free (ClipmoeBinTracks *self);
/* After the owner has stopped. */
void clipmoe_bin_tracks_reset (ClipmoeBinTracks *self);
/* The decoder that was left out because what it gives cannot be had; NULL: none. Free it. */
char *clipmoe_bin_tracks_get_left_out (ClipmoeBinTracks *self);

#endif
