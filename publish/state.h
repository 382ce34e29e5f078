/* What is known of one stream now: which of its labels are open, their newest scores, and which label of a
 * group holds. Made of its looks and events. Not thread-safe. */
#ifndef CLIPMOE_STATE_H
#define CLIPMOE_STATE_H

#include <stream/event.h>
#include <stream/look.h>
#include "camera.h"

typedef struct _ClipmoeState ClipmoeState;

#define CLIPMOE_STATE_MOST 10000 /* labels */

typedef struct {
  char *name, *group; /* group: of labels that exclude each other, or NULL */
  gboolean open;
  double score;       /* of the newest look that had it; NAN: none */
  GHashTable *events; /* ids of its open events */
} ClipmoeStateLabel;

ClipmoeState *clipmoe_state_new (const char *source);
void clipmoe_state_free (ClipmoeState *self);
const char *clipmoe_state_get_source (const ClipmoeState *self);
/* The labels that the stream has from now on; what is known of those that stay is kept. @groups may be NULL,
 * and so may each of its elements. What else is seen from then on is passed over, such as the end of a label
 * that went. Returns whether the list changed, or was not known. Without a call the labels are those that
 * were seen. */
gboolean clipmoe_state_set_labels (ClipmoeState *self, const char *const *names, const char *const *groups,
                                   guint n);
guint clipmoe_state_get_n (const ClipmoeState *self);
const ClipmoeStateLabel *clipmoe_state_get_label (const ClipmoeState *self, guint i);
/* Each group once, in the order of the labels. (transfer full) (element-type utf8, borrowed) */
GPtrArray *clipmoe_state_get_groups (const ClipmoeState *self);

typedef enum {
  CLIPMOE_STATE_SAME,
  CLIPMOE_STATE_SCORES, /* scores or times alone */
  CLIPMOE_STATE_OPEN,   /* a label opened or closed */
  CLIPMOE_STATE_LABELS  /* there is a label more */
} ClipmoeStateChange;
/* Looks of regions are passed over. A look opens and closes labels only until the first event: it has the
 * best labels alone. */
ClipmoeStateChange clipmoe_state_look (ClipmoeState *self, const ClipmoeLook *look);
ClipmoeStateChange clipmoe_state_event (ClipmoeState *self, const ClipmoeEvent *event);
/* What its camera says; NULL: that is not known. Returns whether it is news. */
gboolean clipmoe_state_camera (ClipmoeState *self, const ClipmoeCamera *camera);
/* The stream ended: no label is open. Returns whether one was. */
gboolean clipmoe_state_close (ClipmoeState *self);
/* (transfer full): schema clipmoe.state/1, one line without a line feed. */
char *clipmoe_state_to_json (const ClipmoeState *self);

#endif
