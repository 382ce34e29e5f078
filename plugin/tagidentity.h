/* Which look this is: every element of every process has a name of its own, under which its stream counts the
 * looks, so that whoever reads them knows one that he has seen. */
#ifndef CLIPMOE_TAG_IDENTITY_H
#define CLIPMOE_TAG_IDENTITY_H

#include <gst/gst.h>
#include <stream/stream.h>

typedef struct {
  guint64 random;  /* made with the element */
  char *tagger;    /* its place in the pipeline at its first stream, and that number; kept for life */
  char *path;      /* its place now */
  guint64 carried; /* the newest look that a buffer or an event took along */
  GQueue finished; /* of ClipmoeStreamLook: by a thread of their own, and perhaps not carried yet */
} TagIdentity;

void tag_identity_init (TagIdentity *self);
void tag_identity_clear (TagIdentity *self);
/* Not with the element's object lock held; @path (transfer full) is for tag_identity_place() under it. */
char *tag_identity_find_path (GstElement *element);
void tag_identity_place (TagIdentity *self, char *path);
/* A look that buffers may carry from now on. */
void tag_identity_finished (TagIdentity *self, ClipmoeStreamLook *look);
/* Looks that finished before number @before and that nothing carried, oldest first (element-type
 * ClipmoeStreamLook, transfer full). What is carried, or is to be, is forgotten. */
GList *tag_identity_take_missed (TagIdentity *self, guint64 before);
/* Nothing of what finished counts any more. */
void tag_identity_jump (TagIdentity *self);
/* The look that @found is, all of it borrowed. @source: as tag_element_source() has it. */
ClipmoeLook tag_identity_describe (const TagIdentity *self, const ClipmoeStreamLook *found,
                                   const char *source, const char *model, gboolean embedding);

#endif
