/* Pictures for a broker: a frame is made a JPEG in a thread of its own, so that video does not wait for it.
 */
#ifndef PUBLISH_PICTURE_H
#define PUBLISH_PICTURE_H

#include <gst/gst.h>

typedef struct _PublishPicture PublishPicture;

/* Called from the thread. @jpeg: NULL where there is none, and @why says why. */
typedef void (*PublishPictureDone) (gpointer data, const char *source, GBytes *jpeg, const char *why);
/* NULL: G_THREAD_ERROR. */
PublishPicture *publish_picture_new (PublishPictureDone done, gpointer data, GError **error);
/* @frame (transfer full) is of the stream @source. One that still waits is replaced. */
void publish_picture_add (PublishPicture *self, const char *source, GstSample *frame);
/* Waits for the one that is being made, and calls nothing any more. NULL: nothing. */
void publish_picture_free (PublishPicture *self);

#endif
