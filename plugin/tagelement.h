/* What the files of clipmoetag share: the element's fields, and which lock guards which. */
#ifndef CLIPMOE_TAG_ELEMENT_H
#define CLIPMOE_TAG_ELEMENT_H

#include <gst/base/gstbasetransform.h>
#include <stream/objects.h>
#include <stream/schedule.h>
#include <stream/statistics.h>
#include "tagclock.h"
#include "tagevents.h"
#include "tagidentity.h"
#include "tagregions.h"
#include "tagsession.h"
#include "tagsettings.h"
#include "tagtrouble.h"

GST_DEBUG_CATEGORY_EXTERN (clipmoe_tag_debug);

/* How the picture was looked at that later ones are compared with. */
typedef struct {
  guint64 time; /* stream time of its look */
  guint generation;
  ClipmoeGeometry geometry;
  GstVideoOrientationMethod direction;
  ClipmoeRules rules;
} TagStill;

typedef struct _GstClipmoeTag GstClipmoeTag;

struct _GstClipmoeTag {
  GstBaseTransform parent;

  /* under the object lock */
  TagSettings settings;
  ClipmoeStatistics stats;
  TagTrouble trouble;
  char *trouble_text; /* what the last one was */
  TagSession *open;   /* NULL in READY and below: what comes then is answered with FLUSHING */
  char *model_id, *tier, *precision, *reason; /* of the open model, for stats */
  TagMode running_mode;                       /* what auto came to; auto = not known yet */
  TagClockSource clock_source;                /* what the last frame's time was taken from */
  gboolean asked_latency, told_latency;       /* somebody asked; the answer had ours in it */
  GstClockTime earliest;                      /* running time: what comes before is late already (QoS) */
  gdouble proportion;
  char *uri; /* what upstream calls the stream */
  TagIdentity identity;
  ClipmoeStreamLook *last; /* the newest that tag_report_post() heard of */

  /* streaming thread, and state changes while no pad is active */
  GstVideoInfo info;
  GstVideoOrientationMethod tag_orientation; /* what the stream's tag says */
  ClipmoeStreamLook *look;                   /* that frames carry */
  char *stream_id;
  guint group;
  gboolean live, asked_uri, new_segment;
  const char *advised;        /* what was last said about labels, or NULL */
  gboolean asked_texts;       /* other labels were asked for and are not there yet */
  ClipmoeLabels *told_labels; /* that downstream was told of, under told_source */
  char *told_source;
  gint off;         /* atomic: a command has switched looking off */
  gboolean was_off; /* with the last frame */
  TagClock clock;
  ClipmoeSchedule schedule; /* on tag_clock_rising() */
  guint skips;
  TagStill still;
  TagRegions regions;  /* of this frame */
  GArray *handed_over; /* of TagRegion: of the last request that tag_objects_look_later() made */
  gint stirred;        /* atomic: the next frame is looked at, however still */
  GstClockTime gap;    /* how long nothing has come, as gap events say */
  guint connection;    /* another one: the stream was interrupted, which hold may bridge */
  gint failed;         /* atomic: there was an error, and it was posted */

  /* what looks are made with: by the streaming thread, or the mailbox's */
  GMutex looking; /* guards what follows; nothing else is locked under it */
  ClipmoeStream *stream;
  ClipmoeObjects *objects;   /* their looks are counted together with the stream's */
  ClipmoeStreamLook *newest; /* finished aside, and no frame carries it yet */
  TagEvents events;
  guint
      generation; /* another one: what was seen before counts for nothing; the streaming thread's to change */
};

/* The fields of a fresh element, and what they hold at its end, when nothing is open. */
void tag_element_init (GstClipmoeTag *self);
void tag_element_clear (GstClipmoeTag *self);
/* What the stream is called: the property, the URI, or else the element's place in the pipeline, since two
 * cameras without a name must be told apart. With the object lock; (transfer none). */
const char *tag_element_source (const GstClipmoeTag *self);

#endif
