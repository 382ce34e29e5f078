/* Key pictures of H.264 and H.265, in units with start codes or with lengths. */
#ifndef CLIPMOE_UNIT_NAL_H
#define CLIPMOE_UNIT_NAL_H

#include "unit.h"

typedef struct {
  gboolean h265;
  guint length; /* bytes of a length; 0: start codes */
  struct {
    guint8 known, frame_num_bits, frames_only, planes;
    guint8 order, order_bits,
        no_deltas; /* pic_order_cnt_type, the bits of its counter, no differences follow */
  } sps[32];
  struct {
    guint8 sps; /* its sequence's number + 1; 0: unknown */
    guint8 known, deltas, redundant;
  } pps[256];
  gboolean half; /* the first field of a key picture waits for the second */
  gboolean half_bottom;
  guint32 half_frame;
  gboolean numbered; /* the picture looked at last has the frame_num `number` */
  guint32 number;
  /* its number does not go on from the one before it: memory_management_control_operation 5 */
  gboolean restarted;
  /* the picture looked at last refers to none before it, nor does any after it, and what was not shown yet
   * still is */
  gboolean anew;
} ClipmoeNalUnits;

void clipmoe_nal_units_init (ClipmoeNalUnits *self, gboolean h265);
/* avcC or hvcC. FALSE: it is neither. */
gboolean clipmoe_nal_units_set_codec_data (ClipmoeNalUnits *self, const guint8 *data, gsize size);
void clipmoe_nal_units_reset (ClipmoeNalUnits *self);
ClipmoeUnit clipmoe_nal_units_look_h264 (ClipmoeNalUnits *self, const guint8 *data, gsize size);
/* H.264: the same unit, counted as if the picture of frame_num @base had 0. Before it are start codes or
 * lengths as before. NULL: it cannot be done. */
GByteArray *clipmoe_nal_units_renumber (const ClipmoeNalUnits *self, const guint8 *data, gsize size,
                                        guint32 base);
ClipmoeUnit clipmoe_nal_units_look_h265 (ClipmoeNalUnits *self, const guint8 *data, gsize size);

#endif
