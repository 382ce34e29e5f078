#include "keyunits.h"

#include <string.h>
#include "unitbits.h"
#include "unitnal.h"

typedef enum { NONE, H264, H265, MPEG2, MPEG4, VP8, VP9, AV1, THEORA } Codec;

struct _ClipmoeKeyUnits {
  Codec codec;
  ClipmoeNalUnits nal; /* H.264, H.265 */
  gboolean leading;    /* MPEG: B pictures that follow need one before the last key picture */
  guint half;          /* MPEG-2: the structure of a key picture's first field; 0: none waits for its other */
  gboolean still;      /* AV1: all pictures are key pictures */
};

ClipmoeKeyUnits *
clipmoe_key_units_new (void) {
  return g_new0 (ClipmoeKeyUnits, 1);
}

void
clipmoe_key_units_free (ClipmoeKeyUnits *self) {
  g_free (self);
}

static gboolean
is_or_missing (const GstStructure *s, const char *field, const char *value) {
  const char *is = gst_structure_get_string (s, field);
  return !is || g_str_equal (is, value);
}

/* Lengths or start codes, parameter sets from the caps. FALSE: what a buffer holds is not known. */
static gboolean
set_nal (ClipmoeKeyUnits *self, const GstStructure *s) {
  const GValue *value = gst_structure_get_value (s, "codec_data");
  const char *format = gst_structure_get_string (s, "stream-format");
  GstBuffer *buffer = value && GST_VALUE_HOLDS_BUFFER (value) ? gst_value_get_buffer (value) : NULL;
  GstMapInfo map;
  gboolean lengths = format ? !g_str_equal (format, "byte-stream") : buffer != NULL, fine = !lengths;
  /* a unit that is no whole picture says nothing of the others of its picture */
  if (!gst_structure_has_field (s, "alignment") ? !lengths : !is_or_missing (s, "alignment", "au"))
    return FALSE;
  clipmoe_nal_units_init (&self->nal, self->codec == H265);
  if (lengths && buffer && gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    fine = clipmoe_nal_units_set_codec_data (&self->nal, map.data, map.size);
    gst_buffer_unmap (buffer, &map);
  }
  return fine;
}

void
clipmoe_key_units_set_caps (ClipmoeKeyUnits *self, const GstCaps *caps) {
  const GstStructure *s = caps && gst_caps_get_size (caps) ? gst_caps_get_structure (caps, 0) : NULL;
  gint version = 0;
  memset (self, 0, sizeof *self);
  if (!s)
    return;
  if (gst_structure_has_name (s, "video/x-h264"))
    self->codec = H264;
  else if (gst_structure_has_name (s, "video/x-h265"))
    self->codec = H265;
  else if (gst_structure_has_name (s, "video/mpeg") && gst_structure_get_int (s, "mpegversion", &version))
    self->codec = version == 4 ? MPEG4 : version == 1 || version == 2 ? MPEG2 : NONE;
  else if (gst_structure_has_name (s, "video/x-divx") && gst_structure_get_int (s, "divxversion", &version))
    self->codec = version == 4 || version == 5 ? MPEG4 : NONE; /* 3 is another format */
  else if (gst_structure_has_name (s, "video/x-xvid"))
    self->codec = MPEG4;
  else if (gst_structure_has_name (s, "video/x-vp8"))
    self->codec = VP8;
  else if (gst_structure_has_name (s, "video/x-vp9") && is_or_missing (s, "alignment", "super-frame"))
    self->codec = VP9;
  else if (gst_structure_has_name (s, "video/x-av1") && is_or_missing (s, "stream-format", "obu-stream") &&
           is_or_missing (s, "alignment", "tu"))
    self->codec = AV1;
  else if (gst_structure_has_name (s, "video/x-theora"))
    self->codec = THEORA;
  if ((self->codec == H264 || self->codec == H265) && !set_nal (self, s))
    self->codec = NONE;
}

void
clipmoe_key_units_reset (ClipmoeKeyUnits *self) {
  clipmoe_nal_units_reset (&self->nal);
  self->leading = FALSE;
  self->half = 0;
}

gboolean
clipmoe_key_units_known (const ClipmoeKeyUnits *self) {
  return self->codec != NONE;
}

gboolean
clipmoe_key_units_delayed (const ClipmoeKeyUnits *self) {
  return self->codec == H264 || self->codec == H265 || self->codec == MPEG2 || self->codec == MPEG4;
}

/* I, P, B or else, 0, 1, 2, 3, in MPEG's formats: what becomes of it where it stands. */
static ClipmoeUnit
mpeg_picture (ClipmoeKeyUnits *self, guint type, gboolean closed) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_DELTA, FALSE};
  if (type == 2) {
    unit.kind = self->leading ? CLIPMOE_UNIT_LEADING : CLIPMOE_UNIT_DELTA;
    unit.reordered = TRUE;
    return unit;
  }
  self->leading = type == 0 && !closed;
  if (type == 0)
    unit.kind = CLIPMOE_UNIT_KEY;
  return unit;
}

static ClipmoeUnit
look_mpeg2 (ClipmoeKeyUnits *self, const guint8 *data, gsize size) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_UNKNOWN, FALSE};
  gboolean closed = FALSE, both = FALSE;
  guint type = 0, structure = 3, pictures = 0;
  for (gsize at = clipmoe_bits_after_start_code (data, size, 0); at < size;
       at = clipmoe_bits_after_start_code (data, size, at)) {
    const guint8 *body = data + at + 1;
    gsize left = size - at - 1;
    guint code = data[at];
    if (!pictures && unit.kind == CLIPMOE_UNIT_UNKNOWN && (code == 0xb3 || code == 0xb8))
      unit.kind = CLIPMOE_UNIT_HEADERS;
    if (code == 0xb8 && left >= 4 && !pictures)
      closed = body[3] >> 6 & 1;
    else if (code == 0 && left >= 2 && pictures++ == 0)
      type = body[1] >> 3 & 7;
    else if (code == 0)
      both = TRUE;
    else if (code == 0xb5 && left >= 3 && body[0] >> 4 == 8 && pictures == 1)
      structure = body[2] & 3;
    else if (code >= 1 && code <= 0xaf && (structure == 3 || type != 1))
      break; /* what else there is says nothing new; of a field it is asked whether the other one follows */
  }
  if (!pictures)
    return unit;
  guint half = self->half;
  self->half = 0;
  if (type < 1 || type > 3 || structure == 0)
    return (ClipmoeUnit){CLIPMOE_UNIT_UNKNOWN, TRUE};
  if (half && structure == 3 - half && type != 3)
    return (ClipmoeUnit){CLIPMOE_UNIT_SECOND_FIELD, FALSE};
  unit = mpeg_picture (self, type - 1, closed);
  if (unit.kind == CLIPMOE_UNIT_KEY && structure != 3 && !both)
    self->half = structure;
  return unit;
}

static ClipmoeUnit
look_mpeg4 (ClipmoeKeyUnits *self, const guint8 *data, gsize size) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_UNKNOWN, TRUE};
  gboolean closed = FALSE;
  guint type = 0, pictures = 0;
  for (gsize at = clipmoe_bits_after_start_code (data, size, 0); at < size;
       at = clipmoe_bits_after_start_code (data, size, at)) {
    const guint8 *body = data + at + 1;
    gsize left = size - at - 1;
    guint code = data[at];
    if (!pictures && (code == 0xb0 || (code >= 0x20 && code <= 0x2f)))
      unit = (ClipmoeUnit){CLIPMOE_UNIT_HEADERS, FALSE};
    if (code == 0xb3 && left >= 3 && !pictures)
      closed = body[2] >> 5 & 1; /* behind 18 bits of time and a marker of 1 */
    else if (code == 0xb6 && left && pictures++ == 0)
      type = body[0] >> 6;
  }
  if (!pictures)
    return unit;
  if (pictures > 1) { /* two pictures packed as one, a later unit is empty: units are not pictures here */
    self->codec = NONE;
    return (ClipmoeUnit){CLIPMOE_UNIT_UNKNOWN, TRUE};
  }
  return mpeg_picture (self, type, closed);
}

static ClipmoeUnit
look_vp8 (const guint8 *data, gsize size) {
  static const guint8 start[] = {0x9d, 0x01, 0x2a};
  if (!size || data[0] & 1)
    return (ClipmoeUnit){CLIPMOE_UNIT_DELTA, FALSE};
  gboolean key = size >= 10 && !memcmp (data + 3, start, 3);
  return (ClipmoeUnit){key ? CLIPMOE_UNIT_KEY : CLIPMOE_UNIT_UNKNOWN, FALSE};
}

static ClipmoeUnit
look_vp9 (const guint8 *data, gsize size) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_DELTA, FALSE};
  ClipmoeBits bits;
  clipmoe_bits_init (&bits, data, size, FALSE);
  guint marker = clipmoe_bits_get (&bits, 2), profile = clipmoe_bits_get (&bits, 2);
  if (profile == 3)
    clipmoe_bits_get (&bits, 1);
  gboolean existing = clipmoe_bits_get (&bits, 1), delta = clipmoe_bits_get (&bits, 1),
           shown = clipmoe_bits_get (&bits, 1);
  clipmoe_bits_get (&bits, 1); /* of errors */
  if (bits.over || marker != 2)
    unit.kind = CLIPMOE_UNIT_UNKNOWN;
  else if (!existing && !delta && shown) /* one that is hidden brings a picture at another unit only */
    unit.kind = clipmoe_bits_get (&bits, 24) == 0x498342 ? CLIPMOE_UNIT_KEY : CLIPMOE_UNIT_UNKNOWN;
  return unit;
}

/* A temporal unit: the first picture in it decides. */
static ClipmoeUnit
look_av1 (ClipmoeKeyUnits *self, const guint8 *data, gsize size) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_UNKNOWN, FALSE};
  gsize at = 0;
  while (at < size) {
    guint header = data[at++], type = header >> 3 & 15;
    guint64 length = 0;
    if (header & 0x80 || (header & 4 && at++ >= size))
      break;
    if (header & 2) {
      guint shift = 0;
      guint8 byte = 0x80;
      for (; byte & 0x80 && at < size && shift < 56; shift += 7) {
        byte = data[at++];
        length |= (guint64)(byte & 0x7f) << shift;
      }
      if (byte & 0x80)
        break;
    } else {
      length = size - at;
    }
    if (length > size - at)
      break;
    if (type == 1 && length) { /* sequence header */
      self->still = (data[at] & 0x18) == 0x18;
      unit.kind = CLIPMOE_UNIT_HEADERS;
    } else if ((type == 3 || type == 6) && length) { /* frame header, frame */
      /* shown again: no; of kind 0; shown now: one that is shown later has others before it */
      unit.kind = self->still || (data[at] & 0xf0) == 0x10 ? CLIPMOE_UNIT_KEY : CLIPMOE_UNIT_DELTA;
      break;
    }
    at += (gsize)length;
  }
  return unit;
}

static ClipmoeUnit
look_theora (const guint8 *data, gsize size) {
  return (ClipmoeUnit){!size            ? CLIPMOE_UNIT_DELTA /* the same picture again */
                       : data[0] & 0x80 ? CLIPMOE_UNIT_HEADERS
                       : data[0] & 0x40 ? CLIPMOE_UNIT_DELTA
                                        : CLIPMOE_UNIT_KEY,
                       FALSE};
}

ClipmoeUnit
clipmoe_key_units_look (ClipmoeKeyUnits *self, const guint8 *data, gsize size) {
  switch (self->codec) {
  case H264:
    return clipmoe_nal_units_look_h264 (&self->nal, data, size);
  case H265:
    return clipmoe_nal_units_look_h265 (&self->nal, data, size);
  case MPEG2:
    return look_mpeg2 (self, data, size);
  case MPEG4:
    return look_mpeg4 (self, data, size);
  case VP8:
    return look_vp8 (data, size);
  case VP9:
    return look_vp9 (data, size);
  case AV1:
    return look_av1 (self, data, size);
  case THEORA:
    return look_theora (data, size);
  default:
    return (ClipmoeUnit){CLIPMOE_UNIT_UNKNOWN, TRUE};
  }
}

gboolean
clipmoe_key_units_get_number (const ClipmoeKeyUnits *self, guint32 *number) {
  *number = self->nal.number;
  return self->codec == H264 && self->nal.numbered;
}

gboolean
clipmoe_key_units_anew (const ClipmoeKeyUnits *self) {
  return (self->codec == H264 || self->codec == H265) && self->nal.anew;
}

gboolean
clipmoe_key_units_restarted (const ClipmoeKeyUnits *self) {
  return self->codec == H264 && self->nal.numbered && self->nal.restarted;
}

GByteArray *
clipmoe_key_units_renumber (const ClipmoeKeyUnits *self, const guint8 *data, gsize size, guint32 base) {
  return self->codec == H264 ? clipmoe_nal_units_renumber (&self->nal, data, size, base) : NULL;
}
