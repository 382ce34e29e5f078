/* Tags one file after the other: a picture or a video goes in, looks come out (a look is one inference on one
 * frame). */
#ifndef CLIPMOE_TAGRUN_H
#define CLIPMOE_TAGRUN_H

#include <gst/gst.h>
#include <stream/look.h>
#include "frames.h"
#include "tagpictures.h"

/* Gets each look as it is made. Return FALSE to stop. */
typedef gboolean (*ClipmoeTagTake) (const ClipmoeLook *look, gpointer data);

/* Gets each frame that was looked at, and when that was (ns), in a streaming thread that may be another one
 * than ClipmoeTagTake's. */
typedef void (*ClipmoeTagFrame) (const GstVideoInfo *info, GstBuffer *buffer, guint64 time, gpointer data);

/* How clipmoe tag and clipmoe embed run a file; only `tag` and `source` must be there, and `looks` or `take`
 * or both. */
typedef struct {
  GstElement *tag;       /* a clipmoebin with its properties set; borrowed, in state NULL between files */
  const char *source;    /* what the JSON calls the file at hand */
  GPtrArray *looks;      /* (element-type ClipmoeLook): copies, of the file at hand; emptied at its start */
  ClipmoeTagTake take;   /* or NULL */
  ClipmoeTagFrame frame; /* of videos, or NULL */
  gboolean upright;      /* for `frame`: turned as the file says */
  gpointer data;         /* for `take` and `frame` */
  gboolean many;         /* more files follow: the model is kept open between them */
  const char *overlay;   /* a video with the tags drawn in goes there, or NULL */
  ClipmoeFrames *frames; /* gets every frame looked at, or NULL */
  ClipmoeTagPictures *pictures; /* made when it is needed; free it at the end */
  guint n;                      /* looks at the file at hand */
  gboolean picture;             /* it is a still picture */
  guint rate_n, rate_d;         /* its frames a second; 0: not known */
  guint64 length;               /* ns; 0: not known */
  gboolean stopped;             /* `take` returned FALSE: no failure of the file */
  gboolean hopeless;            /* the failure is not of this file: all others would fail too */
} ClipmoeTagRun;

/* Returns (transfer full): a clipmoebin that posts every look, or NULL with @error. */
GstElement *clipmoe_tagrun_element (GError **error);
/* Tags @path from start to end, with a progress line if stderr is a terminal and looks are not printed to
 * one. FALSE: the file failed; looks that `take` got before are valid. */
gboolean clipmoe_tagrun_file (ClipmoeTagRun *run, const char *path, GError **error);
/* The same for a file that is known to be no still picture. */
gboolean clipmoe_tagrun_video (ClipmoeTagRun *run, const char *path, GError **error);

#endif
