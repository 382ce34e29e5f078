/* A moment on its way from a stream to a store. */
#ifndef CLIPMOE_INDEX_MOMENT_H
#define CLIPMOE_INDEX_MOMENT_H

#include "moment.h"

/* Whose moments they are; does not change. */
typedef struct {
  char *source;    /* the name under which they are stored */
  char *model;     /* its id */
  char *opened_as; /* (nullable): the name of an installed model that may be it */
  guint embed;
  gboolean live;
} IndexOrigin;

IndexOrigin *index_origin_new (const char *source, const char *model, guint embed, gboolean live);
IndexOrigin *index_origin_ref (IndexOrigin *self); /* any thread */
void index_origin_unref (IndexOrigin *self);       /* NULL: nothing */

typedef struct {
  IndexOrigin *origin;
  gint64 since;         /* when it began to wait; monotonic time */
  gsize bytes;          /* that it takes */
  ClipmoeMoment moment; /* its vector and thumbnail are kept by this */
} IndexMoment;

/* Copies @moment. */
IndexMoment *index_moment_new (IndexOrigin *origin, const ClipmoeMoment *moment);
void index_moment_free (IndexMoment *self); /* NULL: nothing */

#endif
