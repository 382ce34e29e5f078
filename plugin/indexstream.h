/* The looks of one element become moments in its queue. */
#ifndef CLIPMOE_INDEX_STREAM_H
#define CLIPMOE_INDEX_STREAM_H

#include <stream/look.h>
#include "indexwriter.h"
#include "small.h"

typedef struct _IndexStream IndexStream;

typedef struct {
  double same;    /* as in ClipmoeMomentRules */
  double longest; /* seconds; 0: any; below 0: 10 of a live stream, else any */
  char *source;   /* (nullable): in place of the looks' own */
} IndexRules;

/* @rules: copied; @queue: a reference is taken. Any thread may call any of these; where the queue waits, who
 * calls does, too. */
IndexStream *index_stream_new (const IndexRules *rules, IndexQueue *queue);
void index_stream_free (IndexStream *self); /* NULL: nothing; the running moment is lost */
/* Before the first look. */
void index_stream_set_live (IndexStream *self, gboolean live);
/* A look with an embedding. @small: (nullable): its frame. FALSE: the look has no such vector as an archive
 * can hold; it was not added. */
gboolean index_stream_add (IndexStream *self, const ClipmoeLook *look, ClipmoeSmall *small);
/* The running moment ends at @end, or at its last look where that is later; -1: not known. */
void index_stream_end (IndexStream *self, gint64 end);
/* Once a second, of a live stream: a moment without looks for long ends, so that it is found. */
void index_stream_tick (IndexStream *self);

#endif
