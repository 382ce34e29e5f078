/* What an implementation of a store is: a table of functions. */
#ifndef CLIPMOE_STORE_PRIVATE_H
#define CLIPMOE_STORE_PRIVATE_H

#include "store.h"

/* Each is the function of the same name in store.h. */
typedef struct {
  void (*close) (ClipmoeStore *self);
  void (*set_stop) (ClipmoeStore *self, const volatile gint *stop); /* NULL: nobody waits for a server */
  GPtrArray *(*get_models) (ClipmoeStore *self, GError **error);
  gboolean (*set_model) (ClipmoeStore *self, const char *id, const char *opened_as, guint embed,
                         gboolean reindex, GError **error);
  gboolean (*switch_model) (ClipmoeStore *self, GError **error);
  gboolean (*is_known) (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean *known, GError **error);
  gboolean (*claim) (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean retry, ClipmoeClaim *claim,
                     gint64 *take, GError **error);
  gboolean (*put) (ClipmoeStore *self, gint64 take, const ClipmoeMoment *moments, guint n, GError **error);
  gboolean (*beat) (ClipmoeStore *self, gint64 take, GError **error);
  gboolean (*finish) (ClipmoeStore *self, gint64 take, const ClipmoeStoreFile *facts, GError **error);
  gboolean (*fail) (ClipmoeStore *self, gint64 take, ClipmoeFileState state, const char *reason,
                    GError **error);
  /* the next four: NULL where one process writes at a time */
  gboolean (*set_lease) (ClipmoeStore *self, guint seconds, GError **error);
  gboolean (*add) (ClipmoeStore *self, const ClipmoeStoreFile *file, gboolean retry, ClipmoeFileState *state,
                   GError **error); /* clipmoe_store_register() */
  gboolean (*next) (ClipmoeStore *self, ClipmoeStoreFile **file, guint64 *elsewhere, GError **error);
  gboolean (*give_back) (ClipmoeStore *self, gint64 file, const char *reason, GError **error);
  GPtrArray *(*get_files) (ClipmoeStore *self, GError **error);
  GHashTable *(*find_files) (ClipmoeStore *self, const gint64 *ids, guint n, GError **error);
  gboolean (*forget_file) (ClipmoeStore *self, gint64 id, GError **error);
  gboolean (*retain) (ClipmoeStore *self, gint64 before, guint64 bytes, guint64 *forgotten, GError **error);
  gboolean (*refresh) (ClipmoeStore *self, gboolean *changed, GError **error);
  const ClipmoeVectors *(*get_vectors) (ClipmoeStore *self);
  GArray *(*select) (ClipmoeStore *self, const ClipmoeFilter *filter, GError **error);
  GPtrArray *(*find_rows) (ClipmoeStore *self, const guint64 *rows, guint n, GError **error);
  ClipmoeFound *(*find) (ClipmoeStore *self, gint64 id, GError **error);
  GPtrArray *(*find_file) (ClipmoeStore *self, gint64 file, GError **error);
  /* Appends what follows @found in its file by number, or precedes it, the nearest first; at most @most. For
   * clipmoe_store_find_beside(). */
  gboolean (*find_next) (ClipmoeStore *self, const ClipmoeFound *found, gboolean after, guint most,
                         GPtrArray *all, GError **error);
  GBytes *(*get_thumbnail) (ClipmoeStore *self, gint64 moment, GError **error);
  /* the next four: NULL where nothing is approximate */
  gboolean (*get_vector) (ClipmoeStore *self, guint64 row, float *out, GError **error);
  gboolean (*find_near) (ClipmoeStore *self, const float *query, const ClipmoeFilter *filter, guint k,
                         ClipmoeNear *near, GError **error);
  gboolean (*make_ann) (ClipmoeStore *self, ClipmoeStoreTell tell, gpointer data, GError **error);
  gboolean (*drop_ann) (ClipmoeStore *self, GError **error);
  gboolean (*verify) (ClipmoeStore *self, GPtrArray *faults, GError **error);
  gboolean (*repair) (ClipmoeStore *self, GPtrArray *losses, GError **error);
  gboolean (*compact) (ClipmoeStore *self, gboolean *done, GError **error);
} ClipmoeStoreClass;

/* (element-type gint64 ClipmoeStoreFile), for clipmoe_store_find_files(). */
GHashTable *clipmoe_store_file_table_new (void);

#define CLIPMOE_THUMBNAIL_TOO_LARGE                                                                          \
  "the picture of moment %" G_GINT64_FORMAT " has %" G_GINT64_FORMAT " bytes, expected at most %u"

/* What a live source has shown is one take until it has so many moments: they come a few at a time, and a
 * filter looks at each take. */
#define CLIPMOE_TAKE_MOST 65536

/* An implementation's object begins with this. */
struct _ClipmoeStore {
  const ClipmoeStoreClass *class;
  gboolean writing; /* opened for writing: the dispatcher refuses what writes elsewhere */
  gboolean ann;     /* opened with CLIPMOE_STORE_ANN */
  char *where;      /* for messages; owned by the implementation */
};

/* --- storerules.c: what holds in every store --- */
/* A file that is claimed: by path or source, after a model was set. FALSE: ARGUMENT. */
gboolean clipmoe_store_check_file (const char *where, gboolean model, const ClipmoeStoreFile *file,
                                   GError **error);
/* Moments that are put. FALSE: ARGUMENT. */
gboolean clipmoe_store_check_moments (const char *where, const ClipmoeMoment *moments, guint n,
                                      GError **error);
/* A store in which all is exact: UNSUPPORTED, with the remedy. Returns FALSE. */
gboolean clipmoe_store_refuse_ann (const char *where, GError **error);
/* What there is to do with a file of @state whose content is known. @moved: under another path. */
ClipmoeClaim clipmoe_store_judge (gboolean finished, ClipmoeFileState state, gboolean retry, gboolean moved);
/* Whether @filter, NULL or not, lets everything pass. */
gboolean clipmoe_filter_passes_all (const ClipmoeFilter *filter);
/* Seconds of @zone before UTC at that instant, in microseconds, and the minute of its day. */
gint64 clipmoe_filter_offset (GTimeZone *zone, gint64 utc);
int clipmoe_filter_minute (GTimeZone *zone, gint64 utc);
/* Whether a minute of the day is in the filter's hours, which are set. */
gboolean clipmoe_filter_in_hours (const ClipmoeFilter *filter, int minute);

#endif
