/* An encoder with the options that were set on an element. */
#ifndef CLIPMOE_ENCODER_LIKE_H
#define CLIPMOE_ENCODER_LIKE_H

#include <clipmoe/encoder.h>
#include <gst/gst.h>

/* @tag: a clipmoebin. @batch: pictures at once, 0 = as many as is fast. @features: precision=auto is never
 * int8, since its verdict is of vectors, and in features int8 can be seen. Says what was assumed of the
 * model. NULL:
 * @error is set. */
ClipmoeEncoder *clipmoe_encoder_like (GstElement *tag, guint batch, gboolean features, GError **error);

#endif
