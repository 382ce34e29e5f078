/* When a picture was taken. */
#ifndef CLIPMOE_PICTURE_TAKEN_H
#define CLIPMOE_PICTURE_TAKEN_H

/* In its own words: "2026:11:30 10:15:00" and "+01:00"; empty: it does not say.
 * They come from the file, and may be anything else of that length. */
typedef struct {
  char taken[20], offset[7];
} ClipmoePictureDate;

#endif
