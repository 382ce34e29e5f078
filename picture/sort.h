/* Whether a file is a picture for this folder, or perhaps a video for GStreamer. */
#ifndef CLIPMOE_PICTURE_SORT_H
#define CLIPMOE_PICTURE_SORT_H

typedef enum {
  CLIPMOE_PICTURE_STILL, /* clipmoe_picture_load() is what reads it */
  CLIPMOE_PICTURE_VIDEO, /* no kind of file that is known here: perhaps a video */
  CLIPMOE_PICTURE_OTHER, /* neither, such as a web page */
} ClipmoePictureSort;

#endif
