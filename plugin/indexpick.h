/* Which of the looks on a buffer are indexed: those of one tagger, with embeddings of one model, each once.
 */
#ifndef CLIPMOE_INDEX_PICK_H
#define CLIPMOE_INDEX_PICK_H

#include "clipmoemeta.h"

/* One caller at a time. */
typedef struct _IndexPick IndexPick;

/* What is amiss, each said once. */
typedef enum {
  INDEX_PICK_FINE,
  INDEX_PICK_BARE,        /* looks without embeddings */
  INDEX_PICK_OTHER_MODEL, /* looks of a second model, which are left out */
} IndexPickNews;

IndexPick *index_pick_new (void);
void index_pick_free (IndexPick *self); /* NULL: nothing */
/* The looks that follow belong to this stream. */
void index_pick_set_stream (IndexPick *self, GstEvent *stream_start);
/* After a seek. */
void index_pick_jump (IndexPick *self);
/* The look of @s (NULL: none) that is to be indexed: it is filled in, and freed by clipmoe_looks_clear(). A
 * tagger is followed as long as buffers carry its looks, then another one of the same model. @alone: @s is an
 * event's, which brings the looks of one tagger whatever others there are. FALSE: there is none, or it was
 * returned before. *news: to be said. */
gboolean index_pick_look (IndexPick *self, const GstStructure *s, gboolean alone, ClipmoeLook *look,
                          IndexPickNews *news);
/* The model of all looks that are indexed; NULL: there was none yet. */
const char *index_pick_get_model (const IndexPick *self);
/* Whether there were looks at all. */
gboolean index_pick_saw_looks (const IndexPick *self);

#endif
