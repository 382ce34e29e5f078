/* Small copies of the frames that were looked at, upright, for a contact sheet and for a report. */
#ifndef CLIPMOE_FRAMES_H
#define CLIPMOE_FRAMES_H

#include <gst/video/video.h>
#include "sheet.h"
#include "shots.h"

typedef struct _ClipmoeFrames ClipmoeFrames;

/* Both are borrowed and nullable. */
ClipmoeFrames *clipmoe_frames_new (ClipmoeSheet *sheet, ClipmoeShots *shots);
void clipmoe_frames_free (ClipmoeFrames *self); /* NULL: nothing */
/* The frames that follow belong to this file. */
void clipmoe_frames_begin (ClipmoeFrames *self, const char *source);
/* Takes a frame; one that was not looked at is left aside. One thread at a time. */
void clipmoe_frames_add (ClipmoeFrames *self, const GstVideoInfo *info, GstBuffer *buffer);

#endif
