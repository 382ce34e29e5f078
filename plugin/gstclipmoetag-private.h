/* What the files of clipmoetag share: the element's fields, and which lock guards which. */
#ifndef GST_CLIPMOE_TAG_PRIVATE_H
#define GST_CLIPMOE_TAG_PRIVATE_H

#include "gstclipmoetag.h"
#include <stream/schedule.h>
#include <stream/statistics.h>
#include "tagclock.h"
#include "tagidentity.h"
#include "tagsession.h"
#include "tagsettings.h"
#include "tagtrouble.h"
#include "tagworker.h"

GST_DEBUG_CATEGORY_EXTERN (clipmoe_tag_debug);

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
  ClipmoeStreamLook *look;                             /* that frames carry */
  char *stream_id;
  guint group;
  gboolean live, asked_uri, new_segment;
  gboolean asked_texts; /* other labels were asked for and are not there yet */
  TagClock clock;
  ClipmoeSchedule schedule; /* on tag_clock_rising() */
  guint generation, skips;
  gint failed; /* atomic: there was an error, and it was posted */

  ClipmoeStream *stream; /* whoever looks: the streaming thread in sync, else the worker */

  GMutex worker_lock; /* guards the pointer: flushes come from other threads; taken before the object lock */
  TagWorker *worker;
};

#endif
