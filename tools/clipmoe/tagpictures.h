/* Pictures through one pipeline that stays up: the model is opened and the words are embedded once, however
 * many pictures there are. */
#ifndef CLIPMOE_TAGPICTURES_H
#define CLIPMOE_TAGPICTURES_H

#include <gst/gst.h>
#include "media.h"

typedef struct _ClipmoeTagPictures ClipmoeTagPictures;

/* @like: a clipmoebin; its properties are taken over, but that every picture stands alone: no rate, no
 * smoothing. Opens nothing yet. NULL: @error is set. */
ClipmoeTagPictures *clipmoe_tagpictures_new (GstElement *like, GError **error);
void clipmoe_tagpictures_free (ClipmoeTagPictures *self);
/* Whether @error_message says something of the tagger itself, such as a model that cannot be opened: every
 * other file meets it too. */
gboolean clipmoe_tagpictures_is_tagger (GstMessage *error_message);
/* Whether such a message was why clipmoe_tagpictures_run() failed. */
gboolean clipmoe_tagpictures_is_hopeless (const ClipmoeTagPictures *self);
/* Opens the model, which whatever else has the same one then shares. What fails is said with the first file.
 */
void clipmoe_tagpictures_open (ClipmoeTagPictures *self);
/* @media: a still picture. @source: what the JSON calls it. Appends a copy of the look to @looks
 * (element-type ClipmoeLook). Returns: (transfer full): the frame with its tags, or NULL with @error set,
 * after which @self is good for nothing more. */
GstSample *clipmoe_tagpictures_run (ClipmoeTagPictures *self, const char *path, const char *source,
                                    const ClipmoeMedia *media, GPtrArray *looks, GError **error);

#endif
