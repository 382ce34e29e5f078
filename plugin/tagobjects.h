/* Looks at regions of a frame: all that are due go as one request, and each comes back as a look of its own,
 * of the object that is known by the region's id. */
#ifndef CLIPMOE_TAG_OBJECTS_H
#define CLIPMOE_TAG_OBJECTS_H

#include "tagelement.h"

/* Streaming thread: reads the regions on @buffer into self->regions. */
void tag_objects_read (GstClipmoeTag *self, GstBuffer *buffer, const TagRegionFilter *filter);
/* Streaming thread: chooses those of them that are to be looked at in frame @number. FALSE: none is. */
gboolean tag_objects_choose (GstClipmoeTag *self, guint64 number, guint interval);
/* Streaming thread: looks at the regions whose pictures tag_session_preprocess() made. As tag_look_now(). */
gboolean tag_objects_look_now (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                               guint64 number, gint64 begin, GError **error);
/* Streaming thread: hands those pictures over. As tag_look_later(). */
gboolean tag_objects_look_later (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                                 guint64 number, GError **error);
/* In a thread of the mailbox's: as tag_look_answered(). */
void tag_objects_answered (GstClipmoeTag *self, const TagRequest *request, const float *embeddings,
                           guint embed, gint64 microseconds, const GError *error);
/* Streaming thread: puts on @buffer, a frame at stream time @time, the looks that were finished since the
 * last one, and the newest looks at the other objects that are in its regions. The events of objects
 * that are gone for longer than @hold seconds end. @now: as tag_clock_rising(). */
void tag_objects_attach (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, gint64 now, double hold);
/* Nothing of what was seen counts any more: the stream jumped. */
void tag_objects_forget (GstClipmoeTag *self);
/* Other labels: every object is due. */
void tag_objects_renew (GstClipmoeTag *self);

#endif
