#include "unitnal.h"

#include <string.h>
#include "unitbits.h"

typedef struct {
  const guint8 *data;
  gsize size, at;
  guint length; /* bytes of a length; 0: start codes */
} Nals;

/* The next one of at least @least bytes. With start codes its end is the unit's: see `end_nal`. */
static gboolean
next_nal (Nals *self, gsize least, const guint8 **nal, gsize *size) {
  do {
    if (self->length) {
      gsize n = 0;
      if (self->size - self->at < self->length)
        return FALSE;
      for (guint i = 0; i < self->length; i++)
        n = n << 8 | self->data[self->at++];
      if (n > self->size - self->at) /* cut off: what there is of it may do */
        n = self->size - self->at;
      *nal = self->data + self->at;
      *size = n;
      self->at += n;
    } else {
      gsize start = clipmoe_bits_after_start_code (self->data, self->size, self->at);
      if (start >= self->size)
        return FALSE;
      *nal = self->data + start;
      *size = self->size - start;
      self->at = start;
    }
  } while (*size < least);
  return TRUE;
}

/* Most are pictures, of which only the first bits are read; what is read as a whole must not run into the
 * next. */
static gsize
end_nal (const Nals *self, const guint8 *nal, gsize size) {
  if (self->length)
    return size;
  gsize next = clipmoe_bits_after_start_code (nal, size, 0);
  for (size = next < size ? next - 3 : size; size > 1 && !nal[size - 1];)
    size--; /* zeros before a start code belong to neither */
  return size;
}

void
clipmoe_nal_units_init (ClipmoeNalUnits *self, gboolean h265) {
  memset (self, 0, sizeof *self);
  self->h265 = h265;
}

void
clipmoe_nal_units_reset (ClipmoeNalUnits *self) {
  self->half = FALSE;
}

static void
skip_scaling_list (ClipmoeBits *bits, guint n) {
  gint32 last = 8, next = 8;
  for (guint i = 0; i < n && !bits->over; i++) {
    if (next)
      next = (last + clipmoe_bits_get_se (bits)) & 255;
    last = next ? next : last;
  }
}

/* H.264 7.3.2.1.1 up to frame_mbs_only_flag */
static void
read_sps (ClipmoeNalUnits *self, const guint8 *data, gsize size) {
  static const guint8 with_chroma[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
  guint planes = 0, no_deltas = 0, order_bits = 0;
  ClipmoeBits bits;
  clipmoe_bits_init (&bits, data, size, TRUE);
  guint profile = clipmoe_bits_get (&bits, 8);
  clipmoe_bits_get (&bits, 16);
  guint32 id = clipmoe_bits_get_ue (&bits);
  if (memchr (with_chroma, (int)profile, sizeof with_chroma)) {
    guint32 chroma = clipmoe_bits_get_ue (&bits);
    if (chroma == 3)
      planes = clipmoe_bits_get (&bits, 1);
    clipmoe_bits_get_ue (&bits);
    clipmoe_bits_get_ue (&bits);
    clipmoe_bits_get (&bits, 1);
    if (clipmoe_bits_get (&bits, 1))
      for (guint i = 0; i < (chroma == 3 ? 12 : 8); i++)
        if (clipmoe_bits_get (&bits, 1))
          skip_scaling_list (&bits, i < 6 ? 16 : 64);
  }
  guint32 frame_num_bits = clipmoe_bits_get_ue (&bits) + 4, order = clipmoe_bits_get_ue (&bits);
  if (order == 0) {
    order_bits = clipmoe_bits_get_ue (&bits) + 4;
  } else if (order == 1) {
    no_deltas = clipmoe_bits_get (&bits, 1);
    clipmoe_bits_get_se (&bits);
    clipmoe_bits_get_se (&bits);
    for (guint32 n = clipmoe_bits_get_ue (&bits); n && !bits.over; n--)
      clipmoe_bits_get_se (&bits);
  }
  clipmoe_bits_get_ue (&bits);
  clipmoe_bits_get (&bits, 1);
  clipmoe_bits_get_ue (&bits);
  clipmoe_bits_get_ue (&bits);
  guint frames_only = clipmoe_bits_get (&bits, 1);
  if (bits.over || id >= G_N_ELEMENTS (self->sps) || frame_num_bits > 16 || order > 2 || order_bits > 16)
    return;
  self->sps[id].known = TRUE;
  self->sps[id].planes = (guint8)planes;
  self->sps[id].frame_num_bits = (guint8)frame_num_bits;
  self->sps[id].frames_only = (guint8)frames_only;
  self->sps[id].order = (guint8)order;
  self->sps[id].order_bits = (guint8)order_bits;
  self->sps[id].no_deltas = (guint8)no_deltas;
}

static void
read_pps (ClipmoeNalUnits *self, const guint8 *data, gsize size) {
  ClipmoeBits bits;
  clipmoe_bits_init (&bits, data, size, TRUE);
  guint32 id = clipmoe_bits_get_ue (&bits), sps = clipmoe_bits_get_ue (&bits);
  if (bits.over || id >= G_N_ELEMENTS (self->pps) || sps >= G_N_ELEMENTS (self->sps))
    return;
  self->pps[id].sps = (guint8)(sps + 1);
  clipmoe_bits_get (&bits, 1);
  self->pps[id].deltas = (guint8)clipmoe_bits_get (&bits, 1);
  gboolean groups = clipmoe_bits_get_ue (&bits) != 0; /* their description is not read */
  clipmoe_bits_get_ue (&bits);
  clipmoe_bits_get_ue (&bits);
  clipmoe_bits_get (&bits, 3);
  for (guint i = 0; i < 3; i++)
    clipmoe_bits_get_se (&bits);
  clipmoe_bits_get (&bits, 2);
  self->pps[id].redundant = (guint8)clipmoe_bits_get (&bits, 1);
  self->pps[id].known = !groups && !bits.over;
}

/* Whether supplemental information says that pictures are right from this one on: recovery_frame_cnt 0. Each
 * byte of it is read once. */
static gboolean
recovers_here (const guint8 *data, gsize size) {
  ClipmoeBits bits;
  clipmoe_bits_init (&bits, data, size, TRUE);
  while (!bits.over) {
    guint32 type = 0, length = 0, byte;
    do
      type += byte = clipmoe_bits_get (&bits, 8);
    while (byte == 255);
    do
      length += byte = clipmoe_bits_get (&bits, 8);
    while (byte == 255);
    if (bits.over || (type == 0x80 && !length))
      return FALSE;
    if (type == 6)
      return clipmoe_bits_get_ue (&bits) == 0 && !bits.over;
    while (length-- && !bits.over)
      clipmoe_bits_get (&bits, 8);
  }
  return FALSE;
}

typedef struct {
  guint type; /* 0 P, 1 B, 2 I, 3 SP, 4 SI */
  guint pps;
  gboolean field, bottom;
  gboolean numbered; /* its sequence is known, so is `frame`, of so many bits from that bit on */
  guint32 frame;
  guint frame_bits;
  gsize frame_at;
} Slice;

/* H.264 7.3.3 up to bottom_field_flag */
static gboolean
read_head (const ClipmoeNalUnits *self, ClipmoeBits *bits, Slice *slice) {
  clipmoe_bits_get_ue (bits);
  guint32 type = clipmoe_bits_get_ue (bits), pps = clipmoe_bits_get_ue (bits);
  memset (slice, 0, sizeof *slice);
  slice->type = type % 5;
  slice->pps = pps;
  if (bits->over || type > 9 || pps >= G_N_ELEMENTS (self->pps))
    return FALSE;
  guint sps = self->pps[pps].sps;
  if (sps && self->sps[sps - 1].known) {
    if (self->sps[sps - 1].planes)
      clipmoe_bits_get (bits, 2);
    slice->numbered = TRUE;
    slice->frame_at = bits->byte * 8 + bits->bit;
    slice->frame_bits = self->sps[sps - 1].frame_num_bits;
    slice->frame = clipmoe_bits_get (bits, slice->frame_bits);
    slice->field = !self->sps[sps - 1].frames_only && clipmoe_bits_get (bits, 1);
    slice->bottom = slice->field && clipmoe_bits_get (bits, 1);
  }
  return !bits->over;
}

/* @escaped: see ClipmoeBits */
static gboolean
read_slice (const ClipmoeNalUnits *self, const guint8 *data, gsize size, gboolean escaped, Slice *slice) {
  ClipmoeBits bits;
  clipmoe_bits_init (&bits, data, size, escaped);
  return read_head (self, &bits, slice);
}

/* Whether a slice of an IDR picture lets those before it be shown: no_output_of_prior_pics_flag. FALSE also
 * where that is not known. */
static gboolean
lets_older_out (const ClipmoeNalUnits *self, const guint8 *data, gsize size) {
  Slice slice;
  ClipmoeBits bits;
  clipmoe_bits_init (&bits, data, size, TRUE);
  if (!read_head (self, &bits, &slice) || !slice.numbered || !self->pps[slice.pps].known)
    return FALSE;
  guint sps = self->pps[slice.pps].sps - 1u, order = self->sps[sps].order;
  gboolean both = self->pps[slice.pps].deltas && !slice.field;
  clipmoe_bits_get_ue (&bits);
  if (order == 0)
    clipmoe_bits_get (&bits, self->sps[sps].order_bits);
  else if (order == 1 && !self->sps[sps].no_deltas)
    clipmoe_bits_get_se (&bits);
  if (both && (order == 0 || (order == 1 && !self->sps[sps].no_deltas)))
    clipmoe_bits_get_se (&bits);
  if (self->pps[slice.pps].redundant)
    clipmoe_bits_get_ue (&bits);
  return !clipmoe_bits_get (&bits, 1) && !bits.over;
}

static gboolean
is_slice (guint type) {
  return type == 1 || type == 2 || type == 5;
}

/* The slices behind the first: whether the rest of its picture is intra, too, and the other field follows. */
static void
look_behind (const ClipmoeNalUnits *self, Nals nals, const Slice *first, gboolean *intra, gboolean *both) {
  const guint8 *nal;
  gsize size;
  while (next_nal (&nals, 2, &nal, &size)) {
    Slice slice;
    if (!is_slice (nal[0] & 31))
      continue;
    if (!read_slice (self, nal + 1, size - 1, TRUE, &slice))
      *intra = FALSE;
    else if (slice.field && slice.bottom != first->bottom)
      *both = TRUE;
    else if (slice.type != 2 && slice.type != 4)
      *intra = FALSE;
  }
}

ClipmoeUnit
clipmoe_nal_units_look_h264 (ClipmoeNalUnits *self, const guint8 *data, gsize size) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_UNKNOWN, TRUE};
  Nals nals = {data, size, 0, self->length};
  gboolean recovers = FALSE, half = self->half;
  self->numbered = self->anew = FALSE;
  const guint8 *nal;
  gsize n;
  while (next_nal (&nals, 2, &nal, &n)) {
    guint type = nal[0] & 31;
    if (type >= 6 && type <= 8)
      n = end_nal (&nals, nal, n);
    if (type == 7 && n > 1)
      read_sps (self, nal + 1, n - 1);
    else if (type == 8 && n > 1)
      read_pps (self, nal + 1, n - 1);
    else if (type == 6 && n > 1)
      recovers |= recovers_here (nal + 1, n - 1);
    if (type == 7 || type == 8)
      unit = (ClipmoeUnit){CLIPMOE_UNIT_HEADERS, FALSE};
    if (!is_slice (type))
      continue;
    Slice slice;
    self->half = FALSE;
    if (!read_slice (self, nal + 1, n - 1, TRUE, &slice))
      return (ClipmoeUnit){CLIPMOE_UNIT_UNKNOWN, TRUE};
    self->restarted = slice.frame <= 1 && slice.frame != self->number &&
                      ((slice.frame - self->number) & ((1u << slice.frame_bits) - 1)) > 1;
    self->numbered = slice.numbered;
    self->number = slice.frame;
    if (half && slice.field && slice.bottom != self->half_bottom && slice.frame == self->half_frame)
      return (ClipmoeUnit){CLIPMOE_UNIT_SECOND_FIELD, FALSE};
    gboolean intra = slice.type == 2 || slice.type == 4, both = FALSE;
    if (type == 5 ? slice.field : recovers && intra)
      look_behind (self, nals, &slice, &intra, &both);
    unit.kind = type == 5 ? CLIPMOE_UNIT_KEY : recovers && intra ? CLIPMOE_UNIT_KEY_OPEN : CLIPMOE_UNIT_DELTA;
    unit.reordered = slice.type == 1;
    self->anew = type == 5 && lets_older_out (self, nal + 1, n - 1);
    self->half = unit.kind != CLIPMOE_UNIT_DELTA && slice.field && !both;
    self->half_bottom = slice.bottom;
    self->half_frame = slice.frame;
    return unit;
  }
  return unit;
}

/* Without, and with, the bytes that keep start codes out of it. */
static void
unescape (const guint8 *data, gsize size, GByteArray *out) {
  guint zeros = 0;
  g_byte_array_set_size (out, 0);
  for (gsize i = 0; i < size; i++) {
    if (zeros == 2 && data[i] == 3) {
      zeros = 0;
      continue;
    }
    zeros = data[i] ? 0 : MIN (zeros + 1, 2);
    g_byte_array_append (out, data + i, 1);
  }
}

static void
escape (const GByteArray *data, GByteArray *out) {
  static const guint8 three = 3;
  guint zeros = 0;
  for (guint i = 0; i < data->len; i++) {
    if (zeros == 2 && data->data[i] <= 3) {
      g_byte_array_append (out, &three, 1);
      zeros = 0;
    }
    zeros = data->data[i] ? 0 : zeros + 1;
    g_byte_array_append (out, data->data + i, 1);
  }
}

GByteArray *
clipmoe_nal_units_renumber (const ClipmoeNalUnits *self, const guint8 *data, gsize size, guint32 base) {
  static const guint8 start_code[] = {0, 0, 0, 1};
  Nals nals = {data, size, 0, self->length};
  GByteArray *out = g_byte_array_sized_new ((guint)MIN (size, G_MAXUINT / 2) + 64),
             *plain = g_byte_array_new ();
  gboolean fine = size < G_MAXUINT / 2;
  const guint8 *nal;
  gsize n;
  while (fine && next_nal (&nals, 1, &nal, &n)) {
    Slice slice;
    guint start = out->len;
    if (!(n = end_nal (&nals, nal, n)))
      continue; /* two start codes in a row */
    g_byte_array_append (out, start_code, self->length ? self->length : 4);
    g_byte_array_append (out, nal, 1);
    if (is_slice (nal[0] & 31)) {
      unescape (nal + 1, n - 1, plain);
      fine = read_slice (self, plain->data, plain->len, FALSE, &slice) && slice.numbered;
      for (guint i = 0; fine && i < slice.frame_bits; i++) {
        gsize at = slice.frame_at + i;
        guint bit = (slice.frame - base) >> (slice.frame_bits - 1 - i) & 1, shift = 7 - at % 8;
        plain->data[at / 8] = (guint8)((plain->data[at / 8] & ~(1u << shift)) | bit << shift);
      }
      escape (plain, out);
    } else {
      g_byte_array_append (out, nal + 1, (guint)(n - 1));
    }
    gsize length = out->len - start - self->length;
    for (guint i = self->length; i--; length >>= 8)
      out->data[start + i] = (guint8)length;
    fine &= !self->length || !length;
  }
  g_byte_array_unref (plain);
  if (!fine)
    g_clear_pointer (&out, g_byte_array_unref);
  return out;
}

ClipmoeUnit
clipmoe_nal_units_look_h265 (ClipmoeNalUnits *self, const guint8 *data, gsize size) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_UNKNOWN, TRUE};
  Nals nals = {data, size, 0, self->length};
  const guint8 *nal;
  gsize n;
  self->anew = FALSE;
  while (next_nal (&nals, 3, &nal, &n)) {
    guint type = nal[0] >> 1 & 63, layer = (nal[0] & 1) << 5 | nal[1] >> 3;
    if (layer)
      continue;
    if (type >= 32 && type <= 34)
      unit = (ClipmoeUnit){CLIPMOE_UNIT_HEADERS, FALSE};
    if (type >= 32)
      continue;
    /* the order of showing stands in what would have to be read of three parameter sets: it may be any */
    unit.reordered = TRUE;
    unit.kind = type >= 16 && type <= 21 ? CLIPMOE_UNIT_KEY
                : type == 8 || type == 9 ? CLIPMOE_UNIT_LEADING /* RASL; RADL needs the key picture alone */
                : type <= 7              ? CLIPMOE_UNIT_DELTA
                                         : CLIPMOE_UNIT_UNKNOWN;
    /* IDR; its first slice, and no_output_of_prior_pics_flag not set */
    self->anew = (type == 19 || type == 20) && (nal[2] & 0xc0) == 0x80;
    return unit;
  }
  return unit;
}

gboolean
clipmoe_nal_units_set_codec_data (ClipmoeNalUnits *self, const guint8 *data, gsize size) {
  if (self->h265) {
    if (size < 23)
      return FALSE;
    self->length = (data[21] & 3) + 1;
    return TRUE;
  }
  if (size < 7 || data[0] != 1)
    return FALSE;
  self->length = (data[4] & 3) + 1;
  gsize at = 5;
  for (guint kind = 0; kind < 2; kind++) { /* sequences, pictures */
    if (at >= size)
      break;
    for (guint n = kind ? data[at++] : data[at++] & 31u; n && size - at >= 2; n--) {
      gsize length = (gsize)data[at] << 8 | data[at + 1];
      at += 2;
      if (length > size - at)
        return TRUE;
      if (length > 1)
        (kind ? read_pps : read_sps) (self, data + at + 1, length - 1);
      at += length;
    }
  }
  return TRUE;
}
