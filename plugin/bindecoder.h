/* What brings the raw pictures of a stream's video: decodebin, the choice among its streams (bintracks.h),
 * the filter that decodes only what is needed (keyfilter.h), and a conversion behind it. For a bin or a
 * pipeline. */
#ifndef CLIPMOE_BIN_DECODER_H
#define CLIPMOE_BIN_DECODER_H

#include "keyfilter.h"

typedef struct _ClipmoeBinDecoder ClipmoeBinDecoder;

/* Puts the elements into @bin, in whose name messages are posted. Free it after the elements have stopped for
 * good. */
ClipmoeBinDecoder *clipmoe_bin_decoder_new (GstBin *bin);
void clipmoe_bin_decoder_free (ClipmoeBinDecoder *self); /* NULL: nothing */
/* Whether all elements are installed. Where they are not, the next two are NULL. */
gboolean clipmoe_bin_decoder_is_complete (const ClipmoeBinDecoder *self);
/* (transfer none): the last element, whose "src" has raw video; to be linked. It must be PAUSED, with all
 * behind it, before the bin is: GstBin sees no link from decodebin to it yet, and a pad that is not active
 * would turn the first frame away. */
GstElement *clipmoe_bin_decoder_get_last (const ClipmoeBinDecoder *self);
/* (transfer full) (nullable): where the coded stream goes in. */
GstPad *clipmoe_bin_decoder_get_sink (const ClipmoeBinDecoder *self);
/* (transfer none) */
ClipmoeKeyFilter *clipmoe_bin_decoder_get_filter (const ClipmoeBinDecoder *self);
/* Before the bin goes from READY to PAUSED, and after it went back. */
void clipmoe_bin_decoder_begin (ClipmoeBinDecoder *self);
void clipmoe_bin_decoder_end (ClipmoeBinDecoder *self);
/* Every message of the bin's elements comes by here (transfer full, both): a missing decoder is named, since
 * decodebin's own error says only that something is missing, also where there is nothing that it was asked
 * for. Any thread. */
GstMessage *clipmoe_bin_decoder_explain (ClipmoeBinDecoder *self, GstMessage *message);

#endif
