/* Checks the reading of coded pictures: which can be decoded alone, which are the second field of another,
 * which need a picture that was left out, in every supported format; and that arbitrary, truncated or
 * garbled bytes neither crash nor hang it. */
#include <gst/gst.h>
#include <string.h>

#include "keyunits.h"

/* A writer of bits, with emulation prevention when it is closed. */
typedef struct {
  GByteArray *bytes;
  guint bits, value;
} Writer;

static void
put (Writer *w, guint n, guint32 value) {
  while (n--) {
    w->value = w->value << 1 | (value >> n & 1);
    if (++w->bits == 8) {
      guint8 byte = (guint8)w->value;
      g_byte_array_append (w->bytes, &byte, 1);
      w->bits = w->value = 0;
    }
  }
}

static void
put_ue (Writer *w, guint32 value) {
  guint n = g_bit_storage (value + 1);
  put (w, n - 1, 0);
  put (w, n, value + 1);
}

/* Appends what was written as a unit with a start code. */
static void
put_nal (GByteArray *unit, Writer *w) {
  static const guint8 start[] = {0, 0, 0, 1}, three = 3;
  guint zeros = 0;
  put (w, 1, 1);
  while (w->bits)
    put (w, 1, 0);
  g_byte_array_append (unit, start, 4);
  for (guint i = 0; i < w->bytes->len; i++) {
    if (zeros == 2 && w->bytes->data[i] <= 3) {
      g_byte_array_append (unit, &three, 1);
      zeros = 0;
    }
    g_byte_array_append (unit, &w->bytes->data[i], 1);
    zeros = w->bytes->data[i] ? 0 : zeros + 1;
  }
  g_byte_array_set_size (w->bytes, 0);
}

/* Parameter sets of H.264 with interlaced pictures and 9 bits of frame_num. */
static void
put_sets (GByteArray *unit, Writer *w) {
  put (w, 8, 0x67);
  put (w, 24, 0x4d001e); /* main profile */
  put_ue (w, 0);
  put_ue (w, 5); /* log2_max_frame_num - 4 */
  put_ue (w, 2); /* order as decoded */
  put_ue (w, 3);
  put (w, 1, 0);
  put_ue (w, 9);
  put_ue (w, 4);
  put (w, 1, 0); /* fields */
  put (w, 3, 0);
  put_nal (unit, w);
  put (w, 8, 0x68);
  put_ue (w, 0);
  put_ue (w, 0);
  put (w, 8, 0);
  put_nal (unit, w);
}

static void
put_recovery (GByteArray *unit, Writer *w, guint count) {
  put (w, 8, 6);
  put (w, 8, 5); /* what comes before it: 300 bytes of a user's */
  put (w, 16, 0xff2d);
  for (guint i = 0; i < 300; i++)
    put (w, 8, i % 5 ? 0 : 255);
  put (w, 8, 6);
  put (w, 8, 2);
  put_ue (w, count);
  put (w, 4, 8);
  while (w->bits)
    put (w, 1, 0);
  if (count < 3)
    put (w, 8, 0);
  put_nal (unit, w);
}

/* field: 0 a frame, 1 top, 2 bottom */
static void
put_slice (GByteArray *unit, Writer *w, guint nal, guint type, guint frame, guint field, guint first) {
  put (w, 8, nal | 0x60);
  put_ue (w, first);
  put_ue (w, type);
  put_ue (w, 0);
  put (w, 9, frame);
  put (w, 1, field > 0);
  if (field)
    put (w, 1, field - 1);
  for (guint i = 0; i < 40; i++)
    put (w, 8, 0x55);
  put_nal (unit, w);
}

/* Start codes to lengths of four bytes. */
static GByteArray *
with_lengths (const GByteArray *unit) {
  GByteArray *out = g_byte_array_new ();
  for (guint at = 4; at < unit->len;) {
    guint end = at;
    while (end < unit->len && !(end + 4 <= unit->len && !memcmp (unit->data + end, "\0\0\0\1", 4)))
      end++;
    guint8 length[4] = {0, 0, (guint8)((end - at) >> 8), (guint8)(end - at)};
    g_byte_array_append (out, length, 4);
    g_byte_array_append (out, unit->data + at, end - at);
    at = end + 4;
  }
  return out;
}

static ClipmoeKeyUnits *
reader (const char *caps) {
  ClipmoeKeyUnits *r = clipmoe_key_units_new ();
  GstCaps *c = gst_caps_from_string (caps);
  clipmoe_key_units_set_caps (r, c);
  gst_caps_unref (c);
  return r;
}

static ClipmoeUnitKind
kind (ClipmoeKeyUnits *r, const void *data, gsize size) {
  guint8 *copy = g_memdup2 (data, size); /* its end is the heap's */
  ClipmoeUnit unit = clipmoe_key_units_look (r, copy, size);
  g_free (copy);
  return unit.kind;
}

#define KIND(reader, bytes) kind (reader, bytes, sizeof bytes - 1)

/* Parameter sets of H.264 without fields: pic_order_cnt_type, whether differences and redundant_pic_cnt are
 * in slices, and whether pictures are cut into slice groups. */
static void
put_other_sets (GByteArray *unit, Writer *w, guint order, guint deltas, guint redundant, guint groups) {
  put (w, 8, 0x67);
  put (w, 24, 0x4d001e);
  put_ue (w, 0);
  put_ue (w, 5);
  put_ue (w, order);
  if (order == 0)
    put_ue (w, 2); /* 6 bits */
  if (order == 1) {
    put (w, 1, 0);
    put_ue (w, 1);
    put_ue (w, 2);
    put_ue (w, 1);
    put_ue (w, 3);
  }
  put_ue (w, 3);
  put (w, 1, 0);
  put_ue (w, 9);
  put_ue (w, 4);
  put (w, 4, 8);
  put_nal (unit, w);
  put (w, 8, 0x68);
  put_ue (w, 0);
  put_ue (w, 0);
  put (w, 2, 2 | deltas);
  put_ue (w, groups);
  put_ue (w, 2);
  put_ue (w, 0);
  put (w, 3, 0);
  for (guint i = 0; i < 3; i++)
    put_ue (w, i);
  put (w, 3, redundant);
  put_nal (unit, w);
}

static void
put_idr (GByteArray *unit, Writer *w, guint order, guint deltas, guint redundant, guint discards) {
  put (w, 8, 0x65);
  put_ue (w, 0);
  put_ue (w, 7);
  put_ue (w, 0);
  put (w, 9, 0);
  put_ue (w, 5);
  if (order == 0)
    put (w, 6, 33);
  if (order == 1)
    put_ue (w, 3);
  if (order < 2 && deltas)
    put_ue (w, 8);
  if (redundant)
    put_ue (w, 1);
  put (w, 2, discards << 1 | !discards);
  put_nal (unit, w);
}

/* Only a picture that begins anew and lets those before it be shown needs no reset of the decoder. */
static void
test_anew (void) {
  Writer w = {g_byte_array_new (), 0, 0};
  GByteArray *unit = g_byte_array_new ();
  for (guint i = 0; i < 24; i++) {
    guint order = i % 3, deltas = i / 3 & 1, redundant = i / 6 & 1, groups = i / 12;
    ClipmoeKeyUnits *r = reader ("video/x-h264,stream-format=byte-stream,alignment=au");
    for (guint discards = 0; discards < 2; discards++) {
      g_byte_array_set_size (unit, 0);
      put_other_sets (unit, &w, order, deltas, redundant, groups);
      put_idr (unit, &w, order, deltas, redundant, discards);
      g_assert_cmpint (kind (r, unit->data, unit->len), ==, CLIPMOE_UNIT_KEY);
      g_assert_cmpint (clipmoe_key_units_anew (r), ==, !discards && !groups);
    }
    g_byte_array_set_size (unit, 0);
    put_idr (unit, &w, order, deltas, redundant, 0);
    g_assert_cmpint (kind (r, unit->data, unit->len), ==, CLIPMOE_UNIT_KEY);
    g_assert_cmpint (clipmoe_key_units_anew (r), ==, !groups);
    unit->data[4] = 0x61; /* no IDR picture */
    g_assert_cmpint (kind (r, unit->data, unit->len), ==, CLIPMOE_UNIT_DELTA);
    g_assert_false (clipmoe_key_units_anew (r));
    clipmoe_key_units_free (r);
  }
  ClipmoeKeyUnits *r = reader ("video/x-h264,stream-format=byte-stream,alignment=au");
  unit->data[4] = 0x65;
  g_assert_cmpint (kind (r, unit->data, unit->len), ==, CLIPMOE_UNIT_KEY);
  g_assert_false (clipmoe_key_units_anew (r)); /* without its parameter sets */
  clipmoe_key_units_free (r);
  r = reader ("video/x-h265,stream-format=byte-stream,alignment=au");
  g_assert_cmpint (KIND (r, "\0\0\0\1\x26\1\x9f"), ==, CLIPMOE_UNIT_KEY);
  g_assert_true (clipmoe_key_units_anew (r));
  g_assert_cmpint (KIND (r, "\0\0\0\1\x26\1\xdf"), ==, CLIPMOE_UNIT_KEY); /* no_output_of_prior_pics_flag */
  g_assert_false (clipmoe_key_units_anew (r));
  g_assert_cmpint (KIND (r, "\0\0\0\1\x2a\1\x9f"), ==, CLIPMOE_UNIT_KEY); /* CRA */
  g_assert_false (clipmoe_key_units_anew (r));
  clipmoe_key_units_free (r);
  g_byte_array_unref (unit);
  g_byte_array_unref (w.bytes);
}

static void
test_h264 (void) {
  static const struct {
    guint nal, type, frame, field;
    gint recovery; /* -1: no such message */
    gint second;   /* another slice's type in the same unit; -1: none */
    guint second_field;
    ClipmoeUnitKind kind;
  } units[] = {
      {5, 7, 0, 0, -1, -1, 0, CLIPMOE_UNIT_KEY},
      {1, 5, 1, 0, -1, -1, 0, CLIPMOE_UNIT_DELTA},
      {1, 6, 2, 0, -1, -1, 0, CLIPMOE_UNIT_DELTA},
      {1, 7, 2, 0, -1, -1, 0, CLIPMOE_UNIT_DELTA},        /* I without a promise */
      {1, 7, 2, 0, 0, -1, 0, CLIPMOE_UNIT_KEY_OPEN},      /* and with one */
      {1, 2, 2, 0, 0, 2, 0, CLIPMOE_UNIT_KEY_OPEN},       /* in two slices */
      {1, 2, 2, 0, 0, 0, 0, CLIPMOE_UNIT_DELTA},          /* whose second is none */
      {1, 5, 3, 0, 0, -1, 0, CLIPMOE_UNIT_DELTA},         /* promised, and not intra */
      {1, 7, 3, 0, 14, -1, 0, CLIPMOE_UNIT_DELTA},        /* whole after 14 more */
      {5, 7, 0, 1, -1, -1, 0, CLIPMOE_UNIT_KEY},          /* a field */
      {1, 5, 0, 2, -1, -1, 0, CLIPMOE_UNIT_SECOND_FIELD}, /* the other one */
      {1, 5, 1, 1, -1, -1, 0, CLIPMOE_UNIT_DELTA},
      {1, 5, 1, 2, -1, -1, 0, CLIPMOE_UNIT_DELTA},     /* of no key picture */
      {1, 7, 300, 2, 0, -1, 0, CLIPMOE_UNIT_KEY_OPEN}, /* bottom first */
      {1, 5, 300, 1, -1, -1, 0, CLIPMOE_UNIT_SECOND_FIELD},
      {5, 7, 0, 1, -1, 5, 2, CLIPMOE_UNIT_KEY}, /* both in one unit */
      {1, 5, 0, 2, -1, -1, 0, CLIPMOE_UNIT_DELTA},
      {5, 7, 0, 1, -1, -1, 0, CLIPMOE_UNIT_KEY}, /* the other one is lost */
      {1, 5, 1, 2, -1, -1, 0, CLIPMOE_UNIT_DELTA},
  };
  for (guint lengths = 0; lengths < 2; lengths++) {
    ClipmoeKeyUnits *r =
        reader (lengths ? "video/x-h264,stream-format=avc3,alignment=au,codec_data=(buffer)014d001effe00000"
                        : "video/x-h264,stream-format=byte-stream,alignment=au");
    Writer w = {g_byte_array_new (), 0, 0};
    g_assert_true (clipmoe_key_units_known (r) && clipmoe_key_units_delayed (r));
    for (guint i = 0; i < G_N_ELEMENTS (units); i++) {
      GByteArray *unit = g_byte_array_new ();
      if (i == 0)
        put_sets (unit, &w);
      if (units[i].recovery >= 0)
        put_recovery (unit, &w, (guint)units[i].recovery);
      put_slice (unit, &w, units[i].nal, units[i].type, units[i].frame, units[i].field, 0);
      if (units[i].second >= 0)
        put_slice (unit, &w, 1, (guint)units[i].second, units[i].frame, units[i].second_field,
                   units[i].second_field ? 0 : 20);
      GByteArray *form = lengths ? with_lengths (unit) : g_byte_array_ref (unit);
      ClipmoeUnitKind is = kind (r, form->data, form->len);
      if (is != units[i].kind)
        g_error ("unit %u is %d, expected %d", i, is, units[i].kind);
      g_byte_array_unref (form);
      g_byte_array_unref (unit);
    }
    GByteArray *sets = g_byte_array_new ();
    put_sets (sets, &w);
    GByteArray *form = lengths ? with_lengths (sets) : g_byte_array_ref (sets);
    g_assert_cmpint (kind (r, form->data, form->len), ==, CLIPMOE_UNIT_HEADERS);
    g_byte_array_unref (form);
    g_byte_array_unref (sets);
    g_byte_array_unref (w.bytes);
    clipmoe_key_units_free (r);
  }
}

/* Counted anew, a unit is read as before but for its number, whatever zeros that brings next to each other.
 */
static void
test_numbers (void) {
  for (guint lengths = 0; lengths < 2; lengths++) {
    ClipmoeKeyUnits *r =
        reader (lengths ? "video/x-h264,stream-format=avc3,alignment=au,codec_data=(buffer)014d001effe00000"
                        : "video/x-h264,stream-format=byte-stream,alignment=au");
    Writer w = {g_byte_array_new (), 0, 0};
    for (guint n = 0; n < 512; n++) {
      GByteArray *unit = g_byte_array_new ();
      guint32 number;
      put_sets (unit, &w);
      put_recovery (unit, &w, 0);
      put_slice (unit, &w, 1, 7, n, 0, 0);
      put_slice (unit, &w, 1, 7, n, 0, 0x20000 + n); /* zeros before it */
      GByteArray *form = lengths ? with_lengths (unit) : g_byte_array_ref (unit);
      g_assert_cmpint (kind (r, form->data, form->len), ==, CLIPMOE_UNIT_KEY_OPEN);
      g_assert_true (clipmoe_key_units_get_number (r, &number) && number == n);
      g_assert_false (clipmoe_key_units_restarted (r));
      GByteArray *other = clipmoe_key_units_renumber (r, form->data, form->len, 500);
      g_assert_nonnull (other);
      g_assert_cmpint (kind (r, other->data, other->len), ==, CLIPMOE_UNIT_KEY_OPEN);
      g_assert_true (clipmoe_key_units_get_number (r, &number));
      g_assert_cmpuint (number, ==, (n + 12) % 512);
      GByteArray *back = clipmoe_key_units_renumber (r, other->data, other->len, 12);
      g_assert_cmpmem (back->data, back->len, form->data, form->len);
      kind (r, form->data, form->len);
      g_byte_array_unref (back);
      g_byte_array_unref (other);
      g_byte_array_unref (form);
      g_byte_array_unref (unit);
    }
    GByteArray *unit = g_byte_array_new ();
    put_slice (unit, &w, 1, 5, 200, 0, 0);
    put_slice (unit, &w, 1, 5, 1, 0, 0);
    GByteArray *form = lengths ? with_lengths (unit) : g_byte_array_ref (unit);
    kind (r, form->data, form->len / 2);
    g_assert_false (clipmoe_key_units_restarted (r));
    kind (r, form->data + form->len / 2, form->len / 2);
    g_assert_true (clipmoe_key_units_restarted (r));
    g_byte_array_unref (form);
    g_byte_array_unref (unit);
    g_byte_array_unref (w.bytes);
    clipmoe_key_units_free (r);
  }
}

static void
test_h265 (void) {
  ClipmoeKeyUnits *r = reader ("video/x-h265,stream-format=byte-stream,alignment=au");
  for (guint type = 0; type < 64; type++) {
    guint8 unit[] = {0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, (guint8)(type << 1), 1, 0x80, 0x55};
    ClipmoeUnitKind expected = type <= 7                  ? CLIPMOE_UNIT_DELTA
                               : type <= 9                ? CLIPMOE_UNIT_LEADING
                               : type >= 16 && type <= 21 ? CLIPMOE_UNIT_KEY
                               : type >= 32 && type <= 34 ? CLIPMOE_UNIT_HEADERS
                                                          : CLIPMOE_UNIT_UNKNOWN;
    g_assert_cmpint (kind (r, unit, sizeof unit), ==, expected);
  }
  g_assert_cmpint (KIND (r, "\0\0\1\x26\x09\x80\0\0\1\x02\x01\x80"), ==,
                   CLIPMOE_UNIT_DELTA); /* another layer first */
  clipmoe_key_units_free (r);
}

static void
test_mpeg (void) {
  ClipmoeKeyUnits *r = reader ("video/mpeg,mpegversion=2,systemstream=false");
#define PICTURE2(type, structure)                                                                            \
  "\0\0\1\0\0" type "\xff\xf8\0\0\1\xb5\x8f\xff" structure "\x80\0\0\0\1\1\x12\x34"
  g_assert_cmpint (KIND (r, "\0\0\1\xb3\x16\0\xf0\xc4\0\0\1\xb8\0\x08\0\x40" PICTURE2 ("\x08", "\xfb")), ==,
                   CLIPMOE_UNIT_KEY); /* closed */
  g_assert_cmpint (KIND (r, PICTURE2 ("\x18", "\xfb")), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, "\0\0\1\xb8\0\x08\0\0" PICTURE2 ("\x08", "\xfb")), ==,
                   CLIPMOE_UNIT_KEY); /* open */
  g_assert_cmpint (KIND (r, PICTURE2 ("\x18", "\xfb")), ==, CLIPMOE_UNIT_LEADING);
  g_assert_cmpint (KIND (r, PICTURE2 ("\x10", "\xfb")), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, PICTURE2 ("\x18", "\xfb")), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, PICTURE2 ("\x08", "\xf9")), ==, CLIPMOE_UNIT_KEY); /* fields */
  g_assert_cmpint (KIND (r, PICTURE2 ("\x10", "\xfa")), ==, CLIPMOE_UNIT_SECOND_FIELD);
  g_assert_cmpint (KIND (r, PICTURE2 ("\x10", "\xf9")), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, PICTURE2 ("\x08", "\xf9") PICTURE2 ("\x10", "\xfa")), ==, CLIPMOE_UNIT_KEY);
  g_assert_cmpint (KIND (r, PICTURE2 ("\x10", "\xfa")), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, "\0\0\1\xb3\x16\0\xf0\xc4"), ==, CLIPMOE_UNIT_HEADERS);
  clipmoe_key_units_free (r);
  r = reader ("video/x-divx,divxversion=5");
  g_assert_cmpint (KIND (r, "\0\0\1\xb6\x10\x60"), ==, CLIPMOE_UNIT_KEY);
  g_assert_cmpint (KIND (r, "\0\0\1\xb6\x90\x60"), ==, CLIPMOE_UNIT_LEADING);
  g_assert_cmpint (KIND (r, "\0\0\1\xb6\x50\x60"), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, "\0\0\1\xb3\0\0\x20\0\0\1\xb6\x10\x60"), ==, CLIPMOE_UNIT_KEY);
  g_assert_cmpint (KIND (r, "\0\0\1\xb6\x90\x60"), ==, CLIPMOE_UNIT_DELTA);
  g_assert_true (clipmoe_key_units_known (r));
  g_assert_cmpint (KIND (r, "\0\0\1\xb6\x10\x60\0\0\1\xb6\x90\x60"), ==, CLIPMOE_UNIT_UNKNOWN); /* packed */
  g_assert_false (clipmoe_key_units_known (r));
  clipmoe_key_units_free (r);
}

static void
test_others (void) {
  ClipmoeKeyUnits *r = reader ("video/x-vp8");
  g_assert_cmpint (KIND (r, "\x10\0\0\x9d\x01\x2a\x40\0\x30\0\0"), ==, CLIPMOE_UNIT_KEY);
  g_assert_cmpint (KIND (r, "\x10\0\0\x9d\x01\x2b\x40\0\x30\0\0"), ==, CLIPMOE_UNIT_UNKNOWN);
  g_assert_cmpint (KIND (r, "\x11\0\0\0"), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, ""), ==, CLIPMOE_UNIT_DELTA);
  clipmoe_key_units_free (r);
  r = reader ("video/x-vp9,alignment=super-frame");
  g_assert_cmpint (KIND (r, "\x82\x49\x83\x42\0"), ==, CLIPMOE_UNIT_KEY);
  g_assert_cmpint (KIND (r, "\x80\x49\x83\x42\0"), ==, CLIPMOE_UNIT_DELTA); /* hidden */
  g_assert_cmpint (KIND (r, "\x86\0\0\0"), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, "\x88\0\0\0"), ==, CLIPMOE_UNIT_DELTA); /* an older one again */
  g_assert_cmpint (KIND (r, "\x02\x49\x83\x42\0"), ==, CLIPMOE_UNIT_UNKNOWN);
  clipmoe_key_units_free (r);
  r = reader ("video/x-av1,stream-format=obu-stream,alignment=tu");
  g_assert_cmpint (KIND (r, "\x12\0\x0a\x01\0\x32\x02\x10\0"), ==, CLIPMOE_UNIT_KEY);
  g_assert_cmpint (KIND (r, "\x12\0\x0a\x01\0\x32\x02\0\0"), ==, CLIPMOE_UNIT_DELTA); /* shown later */
  g_assert_cmpint (KIND (r, "\x12\0\x32\x02\x30\0"), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, "\x12\0\x1a\x01\x80"), ==, CLIPMOE_UNIT_DELTA);
  g_assert_cmpint (KIND (r, "\x12\0\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x10"), ==,
                   CLIPMOE_UNIT_UNKNOWN);
  g_assert_cmpint (KIND (r, "\x12\0\x0a\x01\x18\x32\x02\x30\0"), ==, CLIPMOE_UNIT_KEY); /* a still picture */
  clipmoe_key_units_free (r);
  r = reader ("video/x-theora");
  g_assert_cmpint (KIND (r, "\x80theora"), ==, CLIPMOE_UNIT_HEADERS);
  g_assert_cmpint (KIND (r, "\x30\0"), ==, CLIPMOE_UNIT_KEY);
  g_assert_cmpint (KIND (r, "\x70\0"), ==, CLIPMOE_UNIT_DELTA);
  clipmoe_key_units_free (r);
}

static void
test_unknown (void) {
  static const char *const caps[] = {"video/x-wmv,wmvversion=3",
                                     "video/x-h264,stream-format=byte-stream,alignment=nal",
                                     "video/x-h264,stream-format=byte-stream",
                                     "video/x-h264,stream-format=avc,alignment=au",
                                     "video/x-h264,stream-format=avc,alignment=au,codec_data=(buffer)0142",
                                     "video/x-h265,stream-format=hvc1,alignment=au,codec_data=(buffer)0142",
                                     "video/x-vp9,alignment=frame",
                                     "video/x-av1,stream-format=annexb",
                                     "video/x-divx,divxversion=3",
                                     "video/mpeg",
                                     "ANY",
                                     "EMPTY"};
  for (guint i = 0; i < G_N_ELEMENTS (caps); i++) {
    ClipmoeKeyUnits *r = reader (caps[i]);
    g_assert_false (clipmoe_key_units_known (r));
    g_assert_cmpint (KIND (r, "\0\0\0\1\x65\x88\x84"), ==, CLIPMOE_UNIT_UNKNOWN);
    clipmoe_key_units_free (r);
  }
}

static void
test_garbled (void) {
  static const char *const caps[] = {
      "video/x-h264,stream-format=byte-stream,alignment=au",
      "video/x-h265,stream-format=byte-stream,alignment=au",
      "video/x-h264,stream-format=avc,alignment=au,codec_data=(buffer)014d001effe10003674d00010003684e00",
      ("video/x-h265,stream-format=hvc1,alignment=au,codec_data=(buffer)"
       "0101600000009000000000007bf000fcfdf8f800000f00"),
      "video/mpeg,mpegversion=2",
      "video/mpeg,mpegversion=4",
      "video/x-vp8",
      "video/x-vp9",
      "video/x-av1",
      "video/x-theora"};
  GRand *rand = g_rand_new_with_seed (17);
  Writer w = {g_byte_array_new (), 0, 0};
  GByteArray *good = g_byte_array_new ();
  put_sets (good, &w);
  put_recovery (good, &w, 0);
  put_slice (good, &w, 5, 7, 0, 1, 0);
  put_slice (good, &w, 1, 5, 0, 2, 0);
  GByteArray *lengths = with_lengths (good);
  for (guint i = 0; i < G_N_ELEMENTS (caps); i++) {
    ClipmoeKeyUnits *r = reader (caps[i]);
    for (guint n = 0; n < 20000; n++) {
      const GByteArray *from = i == 2 || i == 3 ? lengths : good;
      guint8 unit[1024];
      gsize size = (gsize)g_rand_int_range (rand, 0, (gint)from->len + 1);
      memcpy (unit, from->data, size);
      if (n % 2)
        for (guint k = 0; k < 8 && size; k++)
          unit[g_rand_int_range (rand, 0, (gint)size)] = (guint8)g_rand_int_range (rand, 0, k & 1 ? 4 : 256);
      kind (r, unit, size);
      GByteArray *other = clipmoe_key_units_renumber (r, unit, size, n);
      if (other)
        g_byte_array_unref (other);
    }
    clipmoe_key_units_free (r);
  }
  /* every byte once: many messages that each claim to be long do not make it slow */
  guint8 *many = g_malloc (1 << 20);
  for (guint i = 0; i < 1 << 20; i++)
    many[i] = (guint8) "\0\0\1\6\5\xff\xff\xff"[i % 8];
  for (guint i = 0; i < 2; i++) {
    ClipmoeKeyUnits *r = reader (caps[i]);
    for (guint n = 0; n < 20; n++)
      clipmoe_key_units_look (r, many, 1 << 20);
    clipmoe_key_units_free (r);
  }
  g_free (many);
  g_byte_array_unref (lengths);
  g_byte_array_unref (good);
  g_byte_array_unref (w.bytes);
  g_rand_free (rand);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keyunits/h264", test_h264);
  g_test_add_func ("/keyunits/anew", test_anew);
  g_test_add_func ("/keyunits/numbers", test_numbers);
  g_test_add_func ("/keyunits/h265", test_h265);
  g_test_add_func ("/keyunits/mpeg", test_mpeg);
  g_test_add_func ("/keyunits/others", test_others);
  g_test_add_func ("/keyunits/unknown", test_unknown);
  g_test_add_func ("/keyunits/garbled", test_garbled);
  return g_test_run ();
}
