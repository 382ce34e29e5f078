/* Checks what reaches a decoder, unit by unit: no group without its key frame, no frame too late to be
 * shown, no time that changes because other units were left out; over segments, flushes, new caps and units
 * without time stamps. */
#include <gst/gst.h>
#include <string.h>

#include "keyfilter.h"

static const char key[] = "\x10\0\0\x9d\x01\x2a\x40\0\x30\0\0", delta[] = "\x11\0\0\0";

static GstFlowReturn
chain (GstPad *pad, GstObject *parent, GstBuffer *buffer) {
  GString *out = g_object_get_data (G_OBJECT (pad), "out");
  if (GST_BUFFER_PTS_IS_VALID (buffer))
    g_string_append_printf (out, " %u", (guint)(GST_BUFFER_PTS (buffer) / 100000000));
  else if (GST_BUFFER_DTS_IS_VALID (buffer))
    g_string_append_printf (out, " d%u", (guint)(GST_BUFFER_DTS (buffer) / 100000000));
  else
    g_string_append (out, " -");
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

static gboolean
event (GstPad *pad, GstObject *parent, GstEvent *e) {
  gst_event_unref (e);
  return TRUE;
}

static void
send_segment (GstPad *src, GstFormat format, double rate, guint start) {
  GstSegment segment;
  gst_segment_init (&segment, format);
  segment.rate = rate;
  segment.start = start * 100 * GST_MSECOND;
  g_assert_true (gst_pad_push_event (src, gst_event_new_segment (&segment)));
}

/* A unit: K, D by PTS (all DTS being 0), k, d by DTS alone, y, x without times; M: no key frame, marked as
 * one; X: a damaged key frame; I, p, b: of MPEG-4, the last two by DTS alone. */
static void
send_unit (GstPad *src, char what, guint time) {
  gboolean is_key = strchr ("KkyXI", what) != NULL;
  gboolean is_mpeg = strchr ("Ipb", what) != NULL;
  const guint8 vop[] = {0, 0, 1, 0xb6, what == 'I' ? 0x10 : what == 'p' ? 0x50 : 0x90};
  GstBuffer *buffer = is_mpeg  ? gst_buffer_new_memdup (vop, sizeof vop)
                      : is_key ? gst_buffer_new_memdup (key, sizeof key - 1)
                               : gst_buffer_new_memdup (delta, sizeof delta - 1);
  if (!is_key && what != 'M')
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  if (what == 'X')
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  if (strchr ("KDMXI", what)) {
    GST_BUFFER_PTS (buffer) = time * 100 * GST_MSECOND;
    GST_BUFFER_DTS (buffer) = 0;
  } else if (strchr ("kdpb", what)) {
    GST_BUFFER_DTS (buffer) = time * 100 * GST_MSECOND;
  }
  g_assert_cmpint (gst_pad_push (src, buffer), ==, GST_FLOW_OK);
}

static char *
play (const char *caps, ClipmoeDecode decode, const char *script) {
  static GstStaticPadTemplate any =
      GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
  GstPad *src = gst_pad_new ("src", GST_PAD_SRC), *sink = gst_pad_new_from_static_template (&any, "sink");
  GString *out = g_string_new (NULL);
  ClipmoeKeyFilter *filter = clipmoe_key_filter_new ();
  g_object_set_data (G_OBJECT (sink), "out", out);
  gst_pad_set_chain_function (sink, chain);
  gst_pad_set_event_function (sink, event);
  clipmoe_key_filter_set (filter, decode, GST_SECOND);
  clipmoe_key_filter_watch (filter, sink);
  gst_pad_set_active (src, TRUE);
  gst_pad_set_active (sink, TRUE);
  g_assert_cmpint (gst_pad_link (src, sink), ==, GST_PAD_LINK_OK);
  char **tokens = g_strsplit (script, " ", -1), *full = g_strdup (caps);
  guint n_caps = 0;
  for (char **t = tokens; *t; t++) {
    guint n = (guint)g_ascii_strtoull (*t + 1, NULL, 10);
    GstCaps *c;
    switch (**t) {
    case 'T':
      g_assert_true (gst_pad_push_event (src, gst_event_new_stream_start ("one")));
      break;
    case 'C':
      g_free (full);
      full = g_strdup_printf ("%s,width=%u", caps, ++n_caps);
      c = gst_caps_from_string (full);
      g_assert_true (gst_pad_push_event (src, gst_event_new_caps (c)));
      gst_caps_unref (c);
      break;
    case 'S':
      send_segment (src, GST_FORMAT_TIME, 1, n);
      break;
    case 'R':
      send_segment (src, GST_FORMAT_TIME, -1, 0);
      break;
    case 'B':
      send_segment (src, GST_FORMAT_BYTES, 1, 0);
      break;
    case 'F':
      g_assert_true (gst_pad_push_event (src, gst_event_new_flush_start ()));
      g_assert_true (gst_pad_push_event (src, gst_event_new_flush_stop (TRUE)));
      break;
    case 'E':
      g_assert_true (gst_pad_push_event (src, gst_event_new_eos ()));
      break;
    case 'A':
      clipmoe_key_filter_set (filter, CLIPMOE_DECODE_AUTO, GST_SECOND);
      break;
    case 'Q':
      clipmoe_key_filter_mute (filter, "one");
      break;
    default:
      send_unit (src, **t, n);
    }
  }
  g_strfreev (tokens);
  g_free (full);
  gst_pad_set_active (src, FALSE);
  gst_pad_set_active (sink, FALSE);
  gst_object_unref (src);
  gst_object_unref (sink);
  clipmoe_key_filter_unref (filter);
  return g_string_free (out, FALSE);
}

static void
test_filter (void) {
  static const struct {
    ClipmoeDecode decode;
    const char *script, *out;
  } cases[] = {
      /* a key frame a second is enough for a look a second */
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D1 D5 K10 D11 K20 E", " 0 10 20"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D5 D11 K12 D13 E", " 0 5 11 12"},
      /* at the end no key frame comes any more, so what a look is due in is decoded */
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D5 D11 K18 D19 D21 E", " 0 5 11 18 19 21"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D5 D11 K18 D19 E", " 0 5 11 18"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 K6 D9 D11 E", " 0 6 9 11"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 K6 K10 D19 E", " 0 6 10"},
      {CLIPMOE_DECODE_AUTO, "T C S5 K0 D9 E", " 0 9"},
      {CLIPMOE_DECODE_KEY, "T C S0 K0 D5 D11 K12 D13 E", " 0 12"},
      {CLIPMOE_DECODE_ALL, "T C S0 K0 D5 D11 K12 D13 E", " 0 5 11 12 13"},
      /* key frames with a time of their own, the others without, as in AVI; that the next is late is seen at
         it */
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 d1 d5 K10 d11 E", " 0 10"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 d1 d5 K20 d21 E", " 0 d1 d5 20"},
      /* none has one: what is left out would move the rest */
      {CLIPMOE_DECODE_AUTO, "T C S0 k0 d1 d5 k10 d11 E", " d0 d1 d5 d10 d11"},
      {CLIPMOE_DECODE_KEY, "T C S0 k0 d1 d5 k10 d11 E", " d0 d1 d5 d10 d11"},
      {CLIPMOE_DECODE_KEY, "T C S0 y x x y x E", " - - - - -"},
      {CLIPMOE_DECODE_AUTO, "T C S0 y x x y x E", " - - - - -"},
      /* the first alone has one: the later ones get theirs */
      {CLIPMOE_DECODE_KEY, "T C S0 K0 d1 d5 k10 d11 k20 d21 E", " 0 10 d11 d20 d21"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 d1 d5 k10 d11 k20 d21 E", " 0 d1 d5 d10 d11 d20 d21"},
      /* a container's mark is no key frame */
      {CLIPMOE_DECODE_KEY, "T C S0 K0 M5 D6 K10 D11 E", " 0 10"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 M9 D12 M18 D19 K30 E", " 0 9 12 18 19 30"},
      /* but for a beginning without any: all is decoded, as without us */
      {CLIPMOE_DECODE_KEY, "T C S0 K0 D1 F S0 M5 D6 K10 D11 E", " 0 5 6 10"},
      {CLIPMOE_DECODE_KEY, "T C S0 D5 D6 K10 D11 E", " 10"},
      {CLIPMOE_DECODE_AUTO, "T C S0 D5 D6 K10 D11 E", " 5 6 10"},
      /* a segment and caps amid a group */
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D1 D2 S0 D3 D4 K10 E", " 0 1 2 3 4 10"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D1 D2 C D3 D4 K10 E", " 0 1 2 3 4 10"},
      {CLIPMOE_DECODE_KEY, "T C S0 K0 D1 A S0 D2 D3 K10 D12 E", " 0 10"},
      {CLIPMOE_DECODE_KEY, "T C S0 K0 D1 A C D2 D3 K10 D22 E", " 0 10 22"},
      /* a key frame before the beginning is not shown */
      {CLIPMOE_DECODE_AUTO, "T C S5 K0 D1 D6 K10 D11 E", " 0 1 6 10"},
      /* a flush forgets */
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D1 D2 F S0 K30 D31 K40 E", " 0 30 40"},
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D1 K10 T C S0 D2 K5 E", " 0 10 2 5"},
      /* backwards, or counted in bytes */
      {CLIPMOE_DECODE_KEY, "T C R K20 D21 K10 D11 E", " 20 21 10 11"},
      {CLIPMOE_DECODE_AUTO, "T C B K0 D1 K10 D11 E", " 0 1 10 11"},
      /* a damaged one does not stand for its group */
      {CLIPMOE_DECODE_AUTO, "T C S0 K0 D5 X10 D12 K20 E", " 0 5 10 12 20"},
      {CLIPMOE_DECODE_KEY, "T C S0 K0 D5 X10 D12 K20 E", " 0 20"},
      /* not wanted */
      {CLIPMOE_DECODE_ALL, "T C S0 K0 D1 Q D2 K10 E", " 0 1"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *out = play ("video/x-vp8", cases[i].decode, cases[i].script);
    if (!g_str_equal (out, cases[i].out))
      g_error ("%s (%d):%s, expected%s", cases[i].script, cases[i].decode, out, cases[i].out);
    g_free (out);
  }
}

/* Of a format that is not read all is decoded, unless key frames alone are asked for: then the marks are all
 * there is. */
static void
test_unread (void) {
  char *out = play ("video/x-wmv", CLIPMOE_DECODE_AUTO, "T C S0 K0 D1 K10 D11 E");
  g_assert_cmpstr (out, ==, " 0 1 10 11");
  g_free (out);
  out = play ("video/x-wmv", CLIPMOE_DECODE_KEY, "T C S0 K0 D1 K10 D11 E");
  g_assert_cmpstr (out, ==, " 0 10");
  g_free (out);
}

/* MPEG-4 in AVI, where key frames have the time at which they are decoded: with B pictures that is not when
 * they are shown. The first group tells, and is not lost to that. */
static void
test_reordered (void) {
  char *out = play ("video/mpeg,mpegversion=4", CLIPMOE_DECODE_KEY, "T C S0 I0 p1 b2 p3 I10 b11 E");
  g_assert_cmpstr (out, ==, " 0 d1 d2 d3 10 d11");
  g_free (out);
  out = play ("video/mpeg,mpegversion=4", CLIPMOE_DECODE_KEY, "T C S0 I0 p1 p2 p3 I30 p31 I40 p41 E");
  g_assert_cmpstr (out, ==, " 0 30 40");
  g_free (out);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keyfilter/filter", test_filter);
  g_test_add_func ("/keyfilter/reordered", test_reordered);
  g_test_add_func ("/keyfilter/unread", test_unread);
  return g_test_run ();
}
