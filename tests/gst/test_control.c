/* What elements tell each other beside looks: it arrives as it was sent, and what others sent under its name
 * is passed over. */
#include <math.h>
#include "clipmoecontrol.h"

static void
test_labels (void) {
  static const char *const names[] = {"a \"bus\"", "open", "shut"}, *const groups[] = {NULL, "gate", "gate"};
  ClipmoeLabelsNews news;
  GstEvent *event = clipmoe_labels_event_new ("rtsp://cam/1", names, groups, 3);
  g_assert_true (GST_EVENT_IS_STICKY (event) && GST_EVENT_IS_DOWNSTREAM (event));
  g_assert_true (clipmoe_labels_event_read (event, &news));
  g_assert_cmpstr (news.source, ==, "rtsp://cam/1");
  g_assert_cmpuint (news.names->len, ==, 3);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpstr (news.names->pdata[i], ==, names[i]);
    g_assert_cmpstr (news.groups->pdata[i], ==, groups[i]);
  }
  clipmoe_labels_news_clear (&news);
  gst_event_unref (event);
  event = clipmoe_labels_event_new (NULL, NULL, NULL, 0);
  g_assert_true (clipmoe_labels_event_read (event, &news));
  g_assert_cmpuint (news.names->len, ==, 0);
  clipmoe_labels_news_clear (&news);
  gst_event_unref (event);
}

static void
test_control (void) {
  ClipmoeControl sent = {"door", "a;b", NAN, -1}, got;
  GstEvent *event = clipmoe_control_event_new (&sent);
  g_assert_true (GST_EVENT_IS_UPSTREAM (event));
  g_assert_true (clipmoe_control_event_read (event, &got));
  g_assert_cmpstr (got.labels, ==, "a;b");
  g_assert_true (isnan (got.threshold) && got.enable < 0);
  gst_event_unref (event);
  sent = (ClipmoeControl){"door", NULL, 0.25, 0};
  event = clipmoe_control_event_new (&sent);
  g_assert_true (clipmoe_control_event_read (event, &got));
  g_assert_true (!got.labels && got.threshold == 0.25 && got.enable == 0);
  gst_event_unref (event);
}

static void
test_foreign (void) {
  static const char *const texts[] = {"clipmoe-labels",
                                      "clipmoe-labels, source=(int)1, labels=(string)<a>",
                                      "clipmoe-labels, source=s, labels=(int)<1>, groups=(int)<1>",
                                      "clipmoe-labels, source=s, labels=(string)<a, b>, groups=(string)<a>",
                                      "clipmoe-control, source=(int)1",
                                      "clipmoe-control",
                                      "other, source=s"};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    static const GstEventType types[] = {GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, GST_EVENT_CUSTOM_UPSTREAM};
    for (guint j = 0; j < G_N_ELEMENTS (types); j++) {
      GstEvent *event = gst_event_new_custom (types[j], gst_structure_from_string (texts[i], NULL));
      ClipmoeLabelsNews news;
      ClipmoeControl control;
      g_assert_false (clipmoe_labels_event_read (event, &news));
      g_assert_false (clipmoe_control_event_read (event, &control));
      gst_event_unref (event);
    }
  }
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control/labels", test_labels);
  g_test_add_func ("/control/control", test_control);
  g_test_add_func ("/control/foreign", test_foreign);
  return g_test_run ();
}
