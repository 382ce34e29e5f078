/* Follows folders: says which files have come or changed. */
#ifndef CLIPMOE_INDEX_WATCH_H
#define CLIPMOE_INDEX_WATCH_H

#include <clipmoe/error.h>

typedef struct _ClipmoeIndexWatch ClipmoeIndexWatch;

/* What has happened; emptied by the next call. */
typedef struct {
  GPtrArray *ready;   /* (element-type filename): files that are complete: they were closed after writing or
                         moved   there, or have not grown for ten seconds */
  GPtrArray *folders; /* (element-type filename): folders that came, with what is in them */
  gboolean rescan;    /* events were lost: everything must be looked through */
} ClipmoeIndexNews;

ClipmoeIndexWatch *clipmoe_index_watch_new (GError **error);
void clipmoe_index_watch_free (ClipmoeIndexWatch *self); /* NULL: nothing */
/* Watches a folder, but not those in it; once more: nothing. FALSE (LIMIT): the system's limit of watches is
 * reached; (IO): it is gone or cannot be read. */
gboolean clipmoe_index_watch_add (ClipmoeIndexWatch *self, const char *folder, GError **error);
/* A file that may still be written: it is ready when it has not grown for ten seconds, or is closed. */
void clipmoe_index_watch_expect (ClipmoeIndexWatch *self, const char *path);
/* Whether a file was written to so recently that it may still grow. */
gboolean clipmoe_index_watch_may_grow (const char *path);
/* Waits for news, @milliseconds at most, or until a signal comes. */
const ClipmoeIndexNews *clipmoe_index_watch_wait (ClipmoeIndexWatch *self, guint milliseconds);

#endif
