/* What clipmoetag tells and is told beside video: its labels go downstream, commands of a publisher come
 * upstream (clipmoecontrol.h). */
#ifndef CLIPMOE_TAG_CONTROL_H
#define CLIPMOE_TAG_CONTROL_H

#include "tagelement.h"

/* Streaming thread, with each frame: tells the labels of the stream when they are others than before. */
void tag_control_send_labels (GstClipmoeTag *self, TagSession *open);
/* Nothing was told: pads forget it when they are deactivated. */
void tag_control_forget (GstClipmoeTag *self);
/* Streaming thread, with each frame: whether a command has switched looking off; what is open ends then. */
gboolean tag_control_is_off (GstClipmoeTag *self);
/* Does what @event says, if it is a command and for this stream. Any thread. */
void tag_control_obey (GstClipmoeTag *self, GstEvent *event);
/* (transfer full): @event, which is taken; where a camera says there whether it is there, with what its
 * stream is called, once that is known. Any thread. */
GstEvent *tag_control_name_camera (GstClipmoeTag *self, GstEvent *event);

#endif
