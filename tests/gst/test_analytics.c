/* Checks tags as GStreamer's own metadata: every buffer that carries a look has its tags as one
 * GstAnalyticsClsMtd, of the object where it is of one, and its embedding as a tensor; what others wrote
 * stays as it is; GstAnalyticsODMtd are regions as GstVideoRegionOfInterestMeta are, and who stands as both
 * is looked at once. Built where GStreamer has GstAnalytics. */
#define GST_USE_UNSTABLE_API
#include <gst/analytics/analytics.h>
#include <base/limits.h>
#include "clipmoegst.h"
#include "clipmoemeta.h"
#include "common.h"

#define W 96
#define H 64
#define FRAMES "video/x-raw,format=RGB,width=96,height=64,framerate=10/1"
#define REGIONS "labels=a,b threshold=0 rate=0 inference-region=roi-list "

static GstAnalyticsRelationMeta *
relations (GstBuffer *b) {
  return gst_buffer_get_analytics_relation_meta (b);
}

/* How many Mtds of @type there are. */
static guint
n_mtds (GstBuffer *b, GstAnalyticsMtdType type) {
  GstAnalyticsMtd mtd;
  gpointer state = NULL;
  guint n = 0;
  while (relations (b) && gst_analytics_relation_meta_iterate (relations (b), &state, type, &mtd))
    n++;
  return n;
}

static guint
n_classes (GstBuffer *b) {
  return n_mtds (b, gst_analytics_cls_mtd_get_mtd_type ());
}

static guint
n_looks (GstBuffer *b) {
  guint n = 0;
  while (look (b, n))
    n++;
  return n;
}

/* The Cls that look @i names, whose tags are checked to be the look's. FALSE: it names none. */
static gboolean
classes_of (GstBuffer *b, guint i, GstAnalyticsClsMtd *cls) {
  const GstStructure *s = look (b, i);
  guint id;
  if (!gst_structure_get_uint (s, "cls-mtd", &id))
    return FALSE;
  g_assert_true (gst_analytics_relation_meta_get_cls_mtd (relations (b), id, cls));
  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (cls), ==, n_tags (s));
  for (guint t = 0; t < n_tags (s); t++) {
    double score;
    g_assert_true (gst_structure_get_double (tag_of (s, t), "score", &score));
    g_assert_cmpfloat (gst_analytics_cls_mtd_get_level (cls, t), ==, (float)score);
    g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark (cls, t)), ==,
                     gst_structure_get_string (tag_of (s, t), "label"));
  }
  return TRUE;
}

/* The object that contains the Cls of look @i, or -1 for that of the whole frame. */
static gint
object_of (GstBuffer *b, guint i) {
  GstAnalyticsClsMtd cls;
  GstAnalyticsMtd mtd;
  gpointer state = NULL;
  gint found = -1;
  g_assert_true (classes_of (b, i, &cls));
  while (
      gst_analytics_relation_meta_iterate (relations (b), &state, gst_analytics_od_mtd_get_mtd_type (), &mtd))
    if (gst_analytics_relation_meta_get_relation (relations (b), mtd.id, cls.id)) {
      g_assert_cmpint (found, ==, -1);
      g_assert_cmpuint (gst_analytics_relation_meta_get_relation (relations (b), mtd.id, cls.id), ==,
                        GST_ANALYTICS_REL_TYPE_CONTAIN);
      g_assert_cmpuint (gst_analytics_relation_meta_get_relation (relations (b), cls.id, mtd.id), ==,
                        GST_ANALYTICS_REL_TYPE_IS_PART_OF);
      found = (gint)mtd.id;
    }
  return found;
}

/* What a detector writes. */
static guint
detect (GstBuffer *b, const char *type, gint x, gint y, gint w, gint h) {
  GstAnalyticsODMtd mtd;
  g_assert_true (gst_analytics_relation_meta_add_od_mtd (gst_buffer_add_analytics_relation_meta (b),
                                                         type ? g_quark_from_string (type) : 0, x, y, w, h,
                                                         0.5f, &mtd));
  return mtd.id;
}

/* What a tracker adds. */
static void
track (GstBuffer *b, guint object, guint64 id, gboolean from_object) {
  GstAnalyticsTrackingMtd mtd;
  g_assert_true (gst_analytics_relation_meta_add_tracking_mtd (relations (b), id, 0, &mtd));
  g_assert_true (gst_analytics_relation_meta_set_relation (relations (b), GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                                           from_object ? object : mtd.id,
                                                           from_object ? mtd.id : object));
}

static gint64
id_of (const GstStructure *s) {
  gint small;
  gint64 large;
  if (gst_structure_get_int (s, "object-id", &small))
    return small;
  return gst_structure_get_int64 (s, "object-id", &large) ? large : -1;
}

/* A picture whose parts differ. */
static GstBuffer *
picture (guint n) {
  GstBuffer *b = frame (FRAMES, n);
  GstMapInfo map;
  g_assert_true (gst_buffer_map (b, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8)(i * 7 + i / 300 * 31);
  gst_buffer_unmap (b, &map);
  return b;
}

/* A frame that carries a look of before has its tags as well, once, and what others wrote stays. */
static void
test_frame (void) {
  GstHarness *h = harness ("labels=a,b threshold=0 mode=sync rate=5", FRAMES, NULL);
  for (guint n = 0; n < 6; n++) {
    GstBuffer *b = picture (n);
    guint object = 0, other = 0;
    if (n >= 2) { /* others were there */
      gfloat level = 0.25f;
      GQuark quark = g_quark_from_string ("of others");
      GstAnalyticsClsMtd cls;
      object = detect (b, "car", 1, 2, 3, 4);
      g_assert_true (gst_analytics_relation_meta_add_cls_mtd (relations (b), 1, &level, &quark, &cls));
      gst_analytics_relation_meta_set_relation (relations (b), GST_ANALYTICS_REL_TYPE_RELATE_TO, object,
                                                cls.id);
      other = cls.id;
    }
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, 1);
    g_assert_cmpint (is_fresh (look (b, 0)), ==, n % 2 == 0);
    g_assert_cmpint (object_of (b, 0), ==, -1);
    g_assert_cmpuint (n_classes (b), ==, n >= 2 ? 2 : 1);
    if (n >= 2) {
      gint x, y, width, height;
      GstAnalyticsMtd mtd;
      g_assert_true (gst_analytics_relation_meta_get_od_mtd (relations (b), object, &mtd));
      g_assert_true (gst_analytics_od_mtd_get_location (&mtd, &x, &y, &width, &height, NULL));
      g_assert_true (x == 1 && y == 2 && width == 3 && height == 4);
      g_assert_true (gst_analytics_relation_meta_get_cls_mtd (relations (b), other, &mtd));
      g_assert_cmpfloat (gst_analytics_cls_mtd_get_level (&mtd, 0), ==, 0.25f);
      g_assert_cmpuint (gst_analytics_relation_meta_get_relation (relations (b), object, other), ==,
                        GST_ANALYTICS_REL_TYPE_RELATE_TO);
    }
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

/* Nothing is found: nothing is said. */
static void
test_nothing (void) {
  GstHarness *h = harness ("labels=a,b threshold=1 mode=sync rate=0", FRAMES, NULL);
  GstBuffer *b = through (h, picture (0));
  g_assert_cmpuint (n_looks (b), ==, 1);
  g_assert_cmpuint (n_tags (look (b, 0)), ==, 0);
  g_assert_false (gst_structure_has_field (look (b, 0), "cls-mtd"));
  g_assert_null (relations (b));
  gst_buffer_unref (b);
  done (h, NULL);
}

/* Two taggers, and buffers of a pool, which come back with what is left on them. */
static void
test_two (void) {
  GError *error = NULL;
  GstElement *p = gst_parse_launch (
      "videotestsrc num-buffers=40 ! " FRAMES " ! clipmoetag labels=a,b threshold=0 rate=5 ! "
      "clipmoetag labels=c,d,e threshold=0 rate=2 ! appsink name=sink max-buffers=1 sync=false",
      &error);
  g_assert_no_error (error);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (p), "sink");
  guint n = 0;
  gst_element_set_state (p, GST_STATE_PLAYING);
  for (;;) {
    GstSample *sample;
    GstAnalyticsClsMtd first, second;
    g_signal_emit_by_name (sink, "pull-sample", &sample);
    if (!sample)
      break;
    GstBuffer *b = gst_sample_get_buffer (sample);
    GList *looks = clipmoe_gst_buffer_get_looks (b);
    guint id;
    g_assert_cmpuint (n_classes (b), ==, 2);
    g_assert_true (classes_of (b, 0, &first));
    g_assert_true (classes_of (b, 1, &second));
    g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&first), ==, 2);
    g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&second), ==, 3);
    g_assert_true (clipmoe_gst_look_get_cls (looks->data, &id));
    g_assert_cmpuint (id, ==, first.id);
    g_assert_true (clipmoe_gst_look_get_cls (looks->next->data, &id));
    g_assert_cmpuint (id, ==, second.id);
    g_list_free_full (looks, (GDestroyNotify)clipmoe_gst_look_unref);
    gst_sample_unref (sample);
    n++;
  }
  g_assert_cmpuint (n, ==, 40);
  gst_element_set_state (p, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (p);
}

/* Where an element between two taggers has left GstAnalytics' metadata behind, numbers of before name
 * nothing, or what somebody else has put there. */
static void
test_stale (void) {
  GstHarness *h = harness ("labels=a,b threshold=0 mode=sync rate=0", FRAMES, NULL);
  for (guint n = 0; n < 3; n++) {
    GstBuffer *b = gst_buffer_make_writable (through (h, picture (n)));
    guint id;
    gst_buffer_remove_meta (b, (GstMeta *)relations (b));
    if (n == 1)
      detect (b, "car", 0, 0, 1, 1);
    GList *looks = clipmoe_gst_buffer_get_looks (b);
    g_assert_false (clipmoe_gst_look_get_cls (looks->data, &id));
    g_list_free_full (looks, (GDestroyNotify)clipmoe_gst_look_unref);
    if (n == 2) { /* of other labels */
      ClipmoeTag tags[] = {{"b", 1, 1}, {"c", 1, 1}};
      clipmoe_meta_append (b, &(ClipmoeLook){.source = "x", .model = "y", .tags = tags, .n_tags = 2});
    } else {
      b = through (h, b);
    }
    GstAnalyticsClsMtd cls;
    g_assert_cmpuint (n_looks (b), ==, 2);
    g_assert_false (gst_structure_has_field (look (b, 0), "cls-mtd"));
    g_assert_true (classes_of (b, 1, &cls));
    g_assert_cmpuint (n_classes (b), ==, 1);
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

/* Tags are their object's, on every buffer that has it, whatever its number is there. */
static void
test_objects (void) {
  GstHarness *h = harness (REGIONS "mode=sync reclassify-interval=4", FRAMES, NULL);
  const gint64 ids[] = {7, G_MAXINT64};
  for (guint n = 0; n < 8; n++) {
    GstBuffer *b = picture (n);
    guint objects[2], first = n % 2;
    for (guint i = 0; i < 2; i++) /* in another order each time, beside one that is somebody's */
      objects[i ^ first] = detect (b, "thing", i ^ first ? 50 : (gint)n, 0, 30, 30);
    for (guint i = 0; i < 2; i++)
      track (b, objects[i], (guint64)ids[i], n < 4);
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, 2);
    g_assert_cmpuint (n_classes (b), ==, 2);
    for (guint i = 0; i < 2; i++) {
      guint which = id_of (look (b, i)) == ids[1];
      g_assert_cmpint (id_of (look (b, i)), ==, ids[which]);
      g_assert_cmpint (object_of (b, i), ==, (gint)objects[which]);
      g_assert_cmpint (is_fresh (look (b, i)), ==, n % 4 == 0);
      g_assert_cmpuint (number (look (b, i), "age"), ==, n % 4 * GST_SECOND / 10);
    }
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (stat_of (h, "looks"), ==, 2 * 2);
  done (h, NULL);
}

/* Whom no tracker knows is looked at each time; whom two have, or who has a number that is none, as well. */
static void
test_unknown (void) {
  GstHarness *h = harness (REGIONS "mode=sync reclassify-interval=0", FRAMES, NULL);
  for (guint n = 0; n < 3; n++) {
    GstBuffer *b = picture (n);
    guint objects[6];
    for (guint i = 0; i < 6; i++)
      objects[i] = detect (b, i % 2 ? NULL : "thing", 12 * (gint)i, (gint)i, 20, 20);
    track (b, objects[2], 0, TRUE);
    track (b, objects[3], 5, TRUE);
    track (b, objects[4], 5, TRUE);
    track (b, objects[5], G_MAXUINT64, FALSE);
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, 6);
    g_assert_cmpuint (n_classes (b), ==, 6);
    guint64 seen = 0;
    for (guint i = 0; i < 6; i++) {
      guint object = (guint)object_of (b, i);
      g_assert_cmpint (id_of (look (b, i)), ==, object == objects[2] ? 0 : -1);
      g_assert_cmpint (is_fresh (look (b, i)), ==, n == 0 || object != objects[2]);
      seen |= (guint64)1 << object;
    }
    for (guint i = 0; i < 6; i++)
      g_assert_true (seen >> objects[i] & 1);
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

/* The number of an object that is known in both forms. */
typedef struct {
  gint mark, param; /* the region's number, and a tracker's beside it; -1: none */
  gint64 track;     /* of the Mtd's tracker; -1: none */
  gint64 known;     /* what the object is known by, -1: nothing */
  gint off;         /* how far the boxes are apart */
  guint looks;
} Twin;

/* Who stands there in both forms is one object, and is counted once. */
static void
test_twins (void) {
  static const Twin twins[] = {{0, -1, -1, -1, 0, 1}, {9, -1, 4, 4, 1, 1},  {9, 6, -1, 6, 0, 1},
                               {9, 6, 4, 6, 1, 1},    {9, 6, 6, 6, 15, 1},  {9, -1, 4, 9, 15, 2},
                               {9, -1, -1, 9, 15, 2}, {4, -1, 4, -1, 15, 2}};
  for (guint i = 0; i < G_N_ELEMENTS (twins); i++) {
    const Twin *t = &twins[i];
    GstHarness *h = harness (REGIONS "mode=sync object-class=car min-region=10", FRAMES, NULL);
    GstBuffer *b = picture (0);
    GstVideoRegionOfInterestMeta *mark =
        gst_buffer_add_video_region_of_interest_meta (b, "car", 8, 8, 40, 40);
    mark->id = t->mark;
    if (t->param >= 0)
      gst_video_region_of_interest_meta_add_param (
          mark, gst_structure_new ("object_id", "id", G_TYPE_INT, t->param, NULL));
    guint object = detect (b, "car", 8 + t->off, 8, 40, 40 - t->off);
    if (t->track >= 0)
      track (b, object, (guint64)t->track, TRUE);
    /* two that are left out, and count once each; and one of another class in the same box */
    gst_buffer_add_video_region_of_interest_meta (b, "car", 60, 0, 20, 9);
    detect (b, "car", 60, 0, 20, 9);
    detect (b, "cars", 8, 8, 40, 40);
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, t->looks);
    g_assert_cmpint (id_of (look (b, 0)), ==, t->known);
    g_assert_cmpuint (n_classes (b), ==, 1); /* none of what is no Mtd */
    g_assert_cmpint (object_of (b, t->looks - 1), ==, (gint)object);
    g_assert_cmpuint (stat_of (h, "regions-too-small"), ==, 1);
    g_assert_cmpuint (stat_of (h, "regions-left-out"), ==, 0);
    gst_buffer_unref (b);
    done (h, NULL);
  }
}

/* Regions of the other form alone have no Mtd, and their tags are not taken for those of the frame. */
static void
test_marks (void) {
  GstHarness *h = harness (REGIONS "mode=sync", FRAMES, NULL);
  GstBuffer *b = picture (0);
  gst_buffer_add_video_region_of_interest_meta (b, "car", 8, 8, 40, 40)->id = 3;
  b = through (h, b);
  g_assert_cmpuint (n_looks (b), ==, 1);
  g_assert_false (gst_structure_has_field (look (b, 0), "cls-mtd"));
  g_assert_null (relations (b));
  gst_buffer_unref (b);
  done (h, NULL);
}

static void
test_hostile (void) {
  GstHarness *h = harness (REGIONS "mode=sync", FRAMES, NULL);
  static const gint boxes[][4] = {{G_MININT, G_MININT, G_MAXINT, G_MAXINT}, /* ends before the frame */
                                  {G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT},
                                  {10, 10, -5, 20},
                                  {10, 10, 20, 0},
                                  {10, 10, G_MININT, G_MININT},
                                  {-20, 0, 20, 10},
                                  {W, 0, 1, 1},
                                  {-20, -20, 40, 40},
                                  {W - 1, H - 1, G_MAXINT, G_MAXINT}};
  const guint good = 2;
  GstBuffer *b = picture (0);
  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++)
    detect (b, "thing", boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]);
  b = through (h, b);
  g_assert_cmpuint (n_looks (b), ==, good);
  g_assert_cmpuint (stat_of (h, "regions-left-out"), ==, G_N_ELEMENTS (boxes) - good);
  for (guint i = 0; i < good; i++)
    g_assert_cmpint (object_of (b, i), ==, (gint)(G_N_ELEMENTS (boxes) - good + i));
  gst_buffer_unref (b);
  b = picture (1); /* many: only so many are looked at */
  for (gint i = 0; i < 1500; i++)
    detect (b, "thing", i % 80, i / 80, 8, 8);
  b = through (h, b);
  g_assert_cmpuint (n_looks (b), ==, 64);
  g_assert_cmpuint (n_classes (b), ==, 64);
  gst_buffer_unref (b);
  done (h, NULL);
}

/* Looks that come later: they are their object's if it is still there, and nobody's else. */
static void
test_latest (void) {
  GstHarness *h = harness (REGIONS "mode=latest reclassify-interval=0", FRAMES, NULL);
  guint tied = 0;
  for (guint n = 0; tied < 3; n++) {
    GstBuffer *b = picture (n);
    guint known = detect (b, "thing", 0, 0, 30, 30);
    detect (b, "thing", 40, 0, 30, 30); /* nobody knows it from one frame to the next */
    track (b, known, 3, TRUE);
    b = through (h, b);
    for (guint i = 0; i < n_looks (b); i++)
      if (id_of (look (b, i)) == 3) {
        g_assert_cmpint (object_of (b, i), ==, (gint)known);
        tied++;
      } else {
        g_assert_false (gst_structure_has_field (look (b, i), "cls-mtd"));
      }
    g_assert_cmpuint (n_classes (b), <=, 1);
    gst_buffer_unref (b);
    g_usleep (5000);
  }
  done (h, NULL);
}

#ifdef CLIPMOE_TENSOR_META
/* The @i-th tensor of ours on @b, of all its metas. */
static const GstTensor *
tensor (GstBuffer *b, const char *id, guint i) {
  gpointer state = NULL;
  GstMeta *meta;
  while ((meta = gst_buffer_iterate_meta_filtered (b, &state, GST_TENSOR_META_API_TYPE))) {
    GstTensorMeta *tensors = (GstTensorMeta *)meta;
    for (guint t = 0; t < tensors->num_tensors; t++)
      if (tensors->tensors[t]->id == g_quark_from_string (id) && !i--)
        return tensors->tensors[t];
  }
  return NULL;
}

static void
same_vector (const GstTensor *t, const GstStructure *s) {
  GBytes *bytes = embedding_of (s);
  GstMapInfo map;
  g_assert_nonnull (t);
  g_assert_cmpint (t->data_type, ==, GST_TENSOR_DATA_TYPE_FLOAT32);
  g_assert_cmpuint (t->num_dims, ==, 2);
  g_assert_cmpuint (t->dims[0], ==, 1);
  g_assert_cmpuint (t->dims[1] * sizeof (float), ==, g_bytes_get_size (bytes));
  g_assert_true (gst_buffer_map (t->data, &map, GST_MAP_READ));
  g_assert_cmpmem (map.data, map.size, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  gst_buffer_unmap (t->data, &map);
  g_bytes_unref (bytes);
}

/* Embeddings, beside what others attached. */
static void
test_tensors (void) {
  gfloat other[] = {1, 2, 3};
  gsize dims[] = {3};
  GstTensor **list = g_new (GstTensor *, 1);
  GstHarness *h = harness ("labels=a,b threshold=0 mode=sync rate=0 attach-embedding=true ! "
                           "clipmoetag " REGIONS "mode=sync attach-embedding=true",
                           FRAMES, NULL);
  GstBuffer *b = picture (0);
  list[0] = gst_tensor_new_simple (g_quark_from_string ("other"), GST_TENSOR_DATA_TYPE_FLOAT32,
                                   gst_buffer_new_memdup (other, sizeof other),
                                   GST_TENSOR_DIM_ORDER_ROW_MAJOR, 1, dims);
  gst_tensor_meta_set (gst_buffer_add_tensor_meta (b), 1, list);
  detect (b, "thing", 0, 0, 30, 30);
  gst_buffer_add_video_region_of_interest_meta (b, "thing", 40, 10, 30, 30);
  b = through (h, b);
  g_assert_cmpuint (n_looks (b), ==, 3);
  same_vector (tensor (b, "clip-image-embedding", 0), look (b, 0));
  same_vector (tensor (b, "clip-region-embedding", 0), look (b, 1));
  same_vector (tensor (b, "clip-region-embedding", 1), look (b, 2));
  g_assert_null (tensor (b, "clip-image-embedding", 1));
  g_assert_null (tensor (b, "clip-region-embedding", 2));
  g_assert_nonnull (tensor (b, "other", 0));
  g_assert_cmpuint (gst_buffer_get_size (tensor (b, "other", 0)->data), ==, sizeof other);
  gst_buffer_unref (b);
  done (h, NULL);
}
#endif

/* Labels from outside do not fill the memory for ever: classes that a process makes are bounded, and tags go
 * on without them. The last test, for it uses them up. */
static void
test_full (void) {
  gsize made = 0;
  char *padding = g_strnfill (4000, 'x');
  ClipmoeTag tags[2] = {{NULL, 0.5, 0.25}, {"again", 0.25, 0.25}};
  ClipmoeLook look = {.source = "s", .model = "m", .tags = tags, .n_tags = 2};
  gboolean has = TRUE;
  for (guint i = 0; has; i++) {
    GstBuffer *b = gst_buffer_new ();
    GstAnalyticsClsMtd cls;
    char *label = g_strdup_printf ("%u%s", i, padding);
    tags[0].label = label;
    clipmoe_meta_append (b, &look);
    has = classes_of (b, 0, &cls);
    g_assert_cmpuint (n_looks (b), ==, 1);
    g_assert_cmpuint (n_classes (b), ==, has);
    made += has * strlen (label);
    g_free (label);
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (made, <, CLIPMOE_MAX_CLASSES);
  g_assert_cmpuint (made, >, CLIPMOE_MAX_CLASSES / 2);
  GstBuffer *b = gst_buffer_new (); /* what is known already may be said for ever */
  tags[0].label = "again";
  clipmoe_meta_append (b, &look);
  g_assert_cmpuint (n_classes (b), ==, 1);
  gst_buffer_unref (b);
  g_free (padding);
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/analytics/frame", test_frame);
  g_test_add_func ("/analytics/nothing", test_nothing);
  g_test_add_func ("/analytics/two", test_two);
  g_test_add_func ("/analytics/stale", test_stale);
  g_test_add_func ("/analytics/objects", test_objects);
  g_test_add_func ("/analytics/unknown", test_unknown);
  g_test_add_func ("/analytics/twins", test_twins);
  g_test_add_func ("/analytics/marks", test_marks);
  g_test_add_func ("/analytics/hostile", test_hostile);
  g_test_add_func ("/analytics/latest", test_latest);
#ifdef CLIPMOE_TENSOR_META
  g_test_add_func ("/analytics/tensors", test_tensors);
#endif
  g_test_add_func ("/analytics/full", test_full);
  return run ();
}
