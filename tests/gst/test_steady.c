/* Checks the element's steady state: for each frame it allocates the metadata that it attaches and nothing
 * else; a frame that is looked at also costs the memory of its look. The cost of metadata is counted on a
 * buffer of the test's own. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../base/allocations.h"
#include "common.h"
#include "clipmoemeta.h"

#ifndef ALLOCATIONS_HIDDEN

#define WARM 8
#define FRAMES 64
/* A look outlives its frame, for later ones carry it, too: it, its tags, its embedding. */
#define A_LOOK 3

typedef struct {
  gulong before;
  guint n, looks, checked;
  guint a_look;       /* what a fresh look costs this thread */
  gboolean disturbed; /* by a message or an event, within this frame */
} Count;

static GstPadProbeReturn
enters (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  Count *c = data;
  c->disturbed = FALSE;
  c->before = own_allocations;
  return GST_PAD_PROBE_OK;
}

/* That looks take longer than before is told everybody once: on a busy machine now and then. */
static GstBusSyncReply
posted (GstBus *bus, GstMessage *message, gpointer data) {
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
    ((Count *)data)->disturbed = TRUE;
  gst_message_unref (message);
  return GST_BUS_DROP;
}

/* A label starts, or has a higher peak: that is sent once. */
static GstPadProbeReturn
happens (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  ((Count *)data)->disturbed = TRUE;
  return GST_PAD_PROBE_OK;
}

/* The same look attached to a buffer that has none. */
static gulong
metadata_cost (GstBuffer *buffer) {
  ClipmoeLook look;
  GstBuffer *other = gst_buffer_new ();
  g_assert_true (clipmoe_looks_get (buffer, 0, &look));
  gulong before = own_allocations;
  clipmoe_meta_append (other, &look);
  gulong cost = own_allocations - before;
  clipmoe_looks_clear (&look);
  gst_buffer_unref (other);
  return cost;
}

static GstPadProbeReturn
leaves (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  Count *c = data;
  gulong cost = own_allocations - c->before;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  if (c->n++ < WARM || c->disturbed)
    return GST_PAD_PROBE_OK;
  gulong metadata = metadata_cost (buffer);
  gboolean fresh = is_fresh (look (buffer, 0));
  g_assert_cmpuint (metadata, >, 0);
  g_assert_cmpuint (cost, ==, metadata + (fresh ? c->a_look : 0));
  c->looks += fresh;
  c->checked++;
  return GST_PAD_PROBE_OK;
}

/* Returns how many of the frames that were counted were looked at. */
static guint
check (const char *properties, guint a_look) {
  Count count = {.a_look = a_look};
  GstBus *bus;
  GstHarness *h = harness (properties, RGB64, &bus);
  GstPad *sink = gst_element_get_static_pad (tagger (h), "sink"),
         *src = gst_element_get_static_pad (tagger (h), "src");
  gst_bus_set_sync_handler (bus, posted, &count, NULL);
  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, enters, &count, NULL);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, leaves, &count, NULL);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, happens, &count, NULL);
  for (guint i = 0; i < WARM + FRAMES; i++) {
    gst_buffer_unref (through (h, frame (RGB64, i)));
    for (guint tries = 0; i == 0 && tries < 2000 && stat_of (h, "looks") == 0; tries++)
      g_usleep (1000); /* latest: frames carry nothing before there is one */
  }
  g_assert_cmpuint (count.n, ==, WARM + FRAMES);
  g_assert_cmpuint (count.checked, >, FRAMES / 2);
  gst_object_unref (sink);
  gst_object_unref (src);
  done (h, bus);
  return count.looks;
}

static void
test_carried (void) {
  g_assert_cmpuint (
      check ("labels=a,b threshold=0 rate=0 inference-interval=16 mode=sync source=camera", A_LOOK), <=,
      FRAMES / 16);
  g_assert_cmpuint (check ("labels=a,b threshold=0 rate=0.01 mode=sync attach-embedding=true", A_LOOK), ==,
                    0);
}

static void
test_looks (void) {
  g_assert_cmpuint (check ("labels=a,b,c threshold=0 rate=0 mode=sync attach-embedding=true", A_LOOK), >,
                    FRAMES / 2);
  g_assert_cmpuint (
      check ("labels=a,b,c rate=0 mode=sync score=cosine smoothing=1 post-messages=changes", A_LOOK), >,
      FRAMES / 2);
}

/* The look is another thread's: frames hand their pixels over and carry what was found. */
static void
test_latest (void) {
  check ("labels=a,b threshold=0 rate=0 mode=latest", 0);
}

int
main (int argc, char **argv) {
  if (!g_getenv ("G_SLICE")) { /* GLib's slices hide who asks for memory */
    g_setenv ("G_SLICE", "always-malloc", TRUE);
    execv ("/proc/self/exe", argv);
  }
  begin (&argc, &argv);
  g_test_add_func ("/steady/carried", test_carried);
  g_test_add_func ("/steady/looks", test_looks);
  g_test_add_func ("/steady/latest", test_latest);
  return run ();
}

#else
int
main (void) {
  puts ("skipped: " ALLOCATIONS_HIDDEN);
  return 77;
}
#endif
