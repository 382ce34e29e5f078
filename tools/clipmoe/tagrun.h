/* One file after the other: a picture or a video goes in, looks come out. */
#ifndef CLIPMOE_TAGRUN_H
#define CLIPMOE_TAGRUN_H

#include <gst/gst.h>
#include <jansson.h>
#include "sheet.h"
#include "tagpictures.h"

/* How clipmoe tag and clipmoe embed run a file; only `tag`, `source` and `looks` must be there. */
typedef struct {
  GstElement *tag;     /* a clipmoebin with its properties set; borrowed, in state NULL between files */
  const char *source;  /* what the JSON calls the file at hand */
  GPtrArray *looks;    /* (element-type utf8): JSON lines of the file at hand, emptied at its start */
  gboolean many;       /* more files follow: the model is kept open between them */
  const char *overlay; /* a video with the tags drawn in goes there, or NULL */
  ClipmoeSheet *sheet; /* gets every frame looked at, or NULL */
  ClipmoeTagPictures *pictures; /* made when it is needed; free it at the end */
} ClipmoeTagRun;

/* A clipmoebin that posts every look. Says why not. Unref it. */
GstElement *clipmoe_tagrun_element (GError **error);
/* From start to end, with a progress line where stderr is a terminal. FALSE: nothing of it counts. */
gboolean clipmoe_tagrun_file (ClipmoeTagRun *run, const char *path, GError **error);

#endif
