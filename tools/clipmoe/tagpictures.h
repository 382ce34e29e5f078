/* Tags pictures in one pipeline that keeps running: the model is opened and labels are encoded once for all
 * pictures. */
#ifndef CLIPMOE_TAGPICTURES_H
#define CLIPMOE_TAGPICTURES_H

#include <gst/gst.h>
#include "media.h"

typedef struct _ClipmoeTagPictures ClipmoeTagPictures;

/* @like: a clipmoebin whose properties are copied, except rate and smoothing: every picture stands alone.
 * Does not open the model yet. NULL: @error is set. */
ClipmoeTagPictures *clipmoe_tagpictures_new (GstElement *like, GError **error);
void clipmoe_tagpictures_free (ClipmoeTagPictures *self);
/* Whether @error_message is about the tagger itself, such as a model that cannot be opened, so that all other
 * files would fail too. */
gboolean clipmoe_tagpictures_is_tagger (GstMessage *error_message);
/* Whether such a message was why clipmoe_tagpictures_run() failed. */
gboolean clipmoe_tagpictures_is_hopeless (const ClipmoeTagPictures *self);
/* Opens the model, which other elements with the same model then share. A failure is reported with the first
 * file. */
void clipmoe_tagpictures_open (ClipmoeTagPictures *self);
/* @media: a still picture. @source: what the JSON calls it. Appends a copy of the look to @looks
 * (element-type ClipmoeLook). Returns: (transfer full): the frame with its tags, or NULL with @error set,
 * after which @self is good for nothing more. */
GstSample *clipmoe_tagpictures_run (ClipmoeTagPictures *self, const char *path, const char *source,
                                    const ClipmoeMedia *media, GPtrArray *looks, GError **error);

#endif
