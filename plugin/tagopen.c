#include "tagopen.h"

TagSession *
tag_open_get (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  TagSession *open = self->open ? tag_session_ref (self->open) : NULL;
  GST_OBJECT_UNLOCK (self);
  return open;
}

gboolean
tag_open_is (GstClipmoeTag *self, const TagSession *open) {
  GST_OBJECT_LOCK (self);
  gboolean is = self->open == open;
  GST_OBJECT_UNLOCK (self);
  return is;
}

void
tag_open_set (GstClipmoeTag *self, TagSession *open) {
  GST_OBJECT_LOCK (self);
  TagSession *before = self->open;
  self->open = open;
  GST_OBJECT_UNLOCK (self);
  if (before)
    clipmoe_mailbox_stop (before->mailbox);
  tag_session_unref (before);
}
