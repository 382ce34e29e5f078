/* Checks what a publisher sends: every look once, by whatever way it came, and each new set of labels when
 * asked for changes. */
#include <gst/gst.h>
#include "sentlooks.h"

static ClipmoeTag ab[] = {{"a", 0.5, 0}, {"b", 0.5, 0}}, ba[] = {{"b", 0.5, 0}, {"a", 0.5, 0}},
                  aab[] = {{"a", 0.5, 0}, {"a", 0.4, 0}, {"b", 0.5, 0}}, c[] = {{"ab", 0.5, 0}};

static ClipmoeLook
of (const char *tagger, guint64 sequence, const ClipmoeTag *tags, guint n) {
  return (ClipmoeLook){.source = "s",
                       .model = "m",
                       .time = 5,
                       .tagger = tagger,
                       .sequence = sequence,
                       .tags = tags,
                       .n_tags = n};
}

static void
stream (ClipmoeSentLooks *s, const char *id, guint group) {
  GstEvent *e = gst_event_new_stream_start (id);
  gst_event_set_group_id (e, group);
  clipmoe_sent_looks_set_stream (s, e);
  gst_event_unref (e);
}

/* 2: new and changed, 1: new, 0: seen. */
static guint
see (ClipmoeSentLooks *s, ClipmoeLook look, guint index) {
  ClipmoeSentNews news = clipmoe_sent_looks_see (s, &look, index);
  g_assert_false (news.seen && news.changed);
  return news.seen ? 0 : news.changed ? 2 : 1;
}

static void
test_numbers (void) {
  ClipmoeSentLooks *s = clipmoe_sent_looks_new ();
  stream (s, "one", 1);
  g_assert_cmpuint (see (s, of ("t", 1, ab, 2), 0), ==, 2);
  g_assert_cmpuint (see (s, of ("t", 1, ab, 2), 0), ==, 0); /* doubled */
  g_assert_cmpuint (see (s, of ("u", 1, ab, 2), 1), ==, 2); /* equal but for its tagger */
  g_assert_cmpuint (see (s, of ("t", 1, ab, 2), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", 2, ba, 2), 0), ==, 1); /* order is no change */
  g_assert_cmpuint (see (s, of ("t", 3, aab, 3), 0), ==, 1);
  g_assert_cmpuint (see (s, of ("t", 4, c, 1), 0), ==, 2);
  g_assert_cmpuint (see (s, of ("t", 5, NULL, 0), 0), ==, 2);
  g_assert_cmpuint (see (s, of ("t", 6, NULL, 0), 0), ==, 1);
  /* branches bring them in another order, once each */
  g_assert_cmpuint (see (s, of ("t", 9, NULL, 0), 0), ==, 1);
  g_assert_cmpuint (see (s, of ("t", 8, NULL, 0), 0), ==, 1);
  g_assert_cmpuint (see (s, of ("t", 8, NULL, 0), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", 9, NULL, 0), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", 7, NULL, 0), 0), ==, 1);
  g_assert_cmpuint (see (s, of ("t", 6, NULL, 0), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", 1000, NULL, 0), 0), ==, 1);
  g_assert_cmpuint (see (s, of ("t", 9, NULL, 0), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", G_MAXUINT64, NULL, 0), 0), ==, 1);
  g_assert_cmpuint (see (s, of ("t", G_MAXUINT64, NULL, 0), 0), ==, 0);
  clipmoe_sent_looks_free (s);
}

static void
test_streams (void) {
  ClipmoeSentLooks *s = clipmoe_sent_looks_new ();
  stream (s, "one", 1);
  g_assert_cmpuint (see (s, of ("t", 1, ab, 2), 0), ==, 2);
  stream (s, "two", 2); /* two that alternate (funnel) are no change each */
  g_assert_cmpuint (see (s, of ("u", 1, ab, 2), 0), ==, 2);
  stream (s, "one", 1);
  g_assert_cmpuint (see (s, of ("t", 1, ab, 2), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", 2, ab, 2), 0), ==, 1);
  stream (s, "one", 3); /* the same file again: what was said before counts no more */
  g_assert_cmpuint (see (s, of ("t", 3, ab, 2), 0), ==, 2);
  clipmoe_sent_looks_jump (s); /* nor after a seek; a look that comes again is not new all the same */
  g_assert_cmpuint (see (s, of ("t", 3, ab, 2), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", 4, ab, 2), 0), ==, 2);
  clipmoe_sent_looks_free (s);
}

/* Without an identity: source, model, region and time, in their place on the buffer. */
static void
test_foreign (void) {
  ClipmoeSentLooks *s = clipmoe_sent_looks_new ();
  ClipmoeLook x = of (NULL, 0, ab, 2), region = x, model = x, later = x, unnamed = x;
  region.has_region = TRUE;
  model.model = "other";
  later.time++;
  unnamed.source = unnamed.model = NULL;
  stream (s, "one", 1);
  g_assert_cmpuint (see (s, x, 0), ==, 2);
  g_assert_cmpuint (see (s, x, 0), ==, 0);
  g_assert_cmpuint (see (s, x, 1), ==, 2); /* another one on the same buffer */
  g_assert_cmpuint (see (s, region, 0), ==, 2);
  g_assert_cmpuint (see (s, model, 0), ==, 2);
  g_assert_cmpuint (see (s, unnamed, 0), ==, 2);
  g_assert_cmpuint (see (s, x, 0), ==, 0);
  g_assert_cmpuint (see (s, later, 0), ==, 1);
  stream (s, "one", 2);
  g_assert_cmpuint (see (s, x, 0), ==, 2);
  clipmoe_sent_looks_jump (s);
  g_assert_cmpuint (see (s, x, 0), ==, 2);
  clipmoe_sent_looks_free (s);
}

/* Elements come and go for years: those that speak are known, the rest is forgotten. */
static void
test_many (void) {
  ClipmoeSentLooks *s = clipmoe_sent_looks_new ();
  char name[32];
  for (guint i = 0; i < 20000; i++) {
    g_snprintf (name, sizeof name, "t%u", i);
    stream (s, name, i + 1);
    g_assert_cmpuint (see (s, of (name, 1, ab, 2), 0), ==, 2);
    g_assert_cmpuint (see (s, of ("busy", i + 1, ab, 2), 0), >, 0);
    g_assert_cmpuint (see (s, of ("busy", i + 1, ab, 2), 0), ==, 0);
  }
  g_assert_cmpuint (clipmoe_sent_looks_get_size (s), <=, 1024);
  clipmoe_sent_looks_free (s);
}

/* Objects in one frame have looks of their own. */
static void
test_objects (void) {
  ClipmoeSentLooks *s = clipmoe_sent_looks_new ();
  stream (s, "one", 1);
  ClipmoeLook looks[] = {of ("t", 1, ab, 2), of ("t", 2, c, 1), of ("t", 3, ba, 2), of ("t", 4, c, 1),
                         of ("t", 5, c, 1)};
  static const guint news[] = {2, 2, 1, 1, 2};
  for (guint i = 0; i < G_N_ELEMENTS (looks); i++) {
    looks[i].has_region = looks[i].has_object = TRUE;
    looks[i].object_id = i % 2; /* and the last one is of the first object, which was something else */
    g_assert_cmpuint (see (s, looks[i], i), ==, news[i]);
    g_assert_cmpuint (see (s, looks[i], i), ==, 0);
  }
  for (guint i = 0; i < 2; i++) { /* of nobody in particular */
    ClipmoeLook look = of ("t", 6 + i, c, 1);
    look.has_region = TRUE;
    g_assert_cmpuint (see (s, look, 0), ==, 2);
    g_assert_cmpuint (see (s, look, 0), ==, 0);
  }
  clipmoe_sent_looks_free (s);
}

/* Events have numbers of their own. */
static void
test_events (void) {
  ClipmoeSentLooks *s = clipmoe_sent_looks_new ();
  stream (s, "s", 1);
  g_assert_cmpuint (see (s, of ("t", 1, ab, 2), 0), ==, 2);
  g_assert_false (clipmoe_sent_looks_see_event (s, "t", 1));
  g_assert_false (clipmoe_sent_looks_see_event (s, "t", 3));
  g_assert_false (clipmoe_sent_looks_see_event (s, "t", 2));
  g_assert_true (clipmoe_sent_looks_see_event (s, "t", 1));
  g_assert_false (clipmoe_sent_looks_see_event (s, "u", 1));
  g_assert_cmpuint (see (s, of ("t", 1, ab, 2), 0), ==, 0);
  g_assert_cmpuint (see (s, of ("t", 3, ab, 2), 0), >, 0);
  clipmoe_sent_looks_free (s);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sent/numbers", test_numbers);
  g_test_add_func ("/sent/streams", test_streams);
  g_test_add_func ("/sent/foreign", test_foreign);
  g_test_add_func ("/sent/many", test_many);
  g_test_add_func ("/sent/objects", test_objects);
  g_test_add_func ("/sent/events", test_events);
  return g_test_run ();
}
