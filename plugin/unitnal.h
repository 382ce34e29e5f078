/* Key pictures of H.264 and H.265, in units with start codes or with lengths. */
#ifndef CLIPMOE_UNIT_NAL_H
#define CLIPMOE_UNIT_NAL_H

#include "keyunits.h"

typedef struct {
  gboolean h265;
  guint length; /* bytes of a length; 0: start codes */
  struct {
    guint8 known, frame_num_bits, frames_only, planes;
  } sps[32];
  guint8 pps[256]; /* its sequence's number + 1; 0: unknown */
  gboolean half;   /* the first field of a key picture waits for the second */
  gboolean half_bottom;
  guint32 half_frame;
} ClipmoeNalUnits;

void clipmoe_nal_units_init (ClipmoeNalUnits *self, gboolean h265);
/* avcC or hvcC. FALSE: it is neither. */
gboolean clipmoe_nal_units_set_codec_data (ClipmoeNalUnits *self, const guint8 *data, gsize size);
void clipmoe_nal_units_reset (ClipmoeNalUnits *self);
ClipmoeUnit clipmoe_nal_units_look_h264 (ClipmoeNalUnits *self, const guint8 *data, gsize size);
ClipmoeUnit clipmoe_nal_units_look_h265 (ClipmoeNalUnits *self, const guint8 *data, gsize size);

#endif
