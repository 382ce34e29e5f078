/* An encoder with the options that were set on an element. */
#ifndef CLIPMOE_ENCODER_LIKE_H
#define CLIPMOE_ENCODER_LIKE_H

#include <clipmoe/encoder.h>
#include <gst/gst.h>

/* @tag: a clipmoebin. Says what was assumed of the model. NULL: @error is set. */
ClipmoeEncoder *clipmoe_encoder_like (GstElement *tag, GError **error);

#endif
