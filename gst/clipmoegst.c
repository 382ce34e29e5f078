#include "clipmoegst.h"

#include <stream/lookjson.h>
#include "clipmoemeta.h"

struct _ClipmoeGstLook {
  gint refs;
  ClipmoeLook *look;
  gboolean has_cls; /* on its buffer there is */
  guint cls;        /* a GstAnalyticsClsMtd of this number that says the same */
};

struct _ClipmoeGstTag {
  ClipmoeGstLook *look; /* whose it is */
  guint i;
};

G_DEFINE_BOXED_TYPE (ClipmoeGstLook, clipmoe_gst_look, clipmoe_gst_look_ref, clipmoe_gst_look_unref)
G_DEFINE_BOXED_TYPE (ClipmoeGstTag, clipmoe_gst_tag, clipmoe_gst_tag_copy, clipmoe_gst_tag_free)

/**
 * clipmoe_gst_look_ref:
 * @look: a look
 *
 * Returns: (transfer full): @look
 */
ClipmoeGstLook *
clipmoe_gst_look_ref (ClipmoeGstLook *look) {
  g_atomic_int_inc (&look->refs);
  return look;
}

/**
 * clipmoe_gst_look_unref:
 * @look: (transfer full) (nullable): a look
 */
void
clipmoe_gst_look_unref (ClipmoeGstLook *look) {
  if (!look || !g_atomic_int_dec_and_test (&look->refs))
    return;
  clipmoe_look_free (look->look);
  g_free (look);
}

static ClipmoeGstTag *
tag_new (ClipmoeGstLook *look, guint i) {
  ClipmoeGstTag *tag = g_new (ClipmoeGstTag, 1);
  *tag = (ClipmoeGstTag){clipmoe_gst_look_ref (look), i};
  return tag;
}

/**
 * clipmoe_gst_tag_copy:
 * @tag: a tag
 *
 * Returns: (transfer full): another one like it
 */
ClipmoeGstTag *
clipmoe_gst_tag_copy (const ClipmoeGstTag *tag) {
  return tag_new (tag->look, tag->i);
}

/**
 * clipmoe_gst_tag_free:
 * @tag: (transfer full) (nullable): a tag
 */
void
clipmoe_gst_tag_free (ClipmoeGstTag *tag) {
  if (!tag)
    return;
  clipmoe_gst_look_unref (tag->look);
  g_free (tag);
}

/* @buffer: whose @s is, or NULL. */
static GList *
looks_in (const GstStructure *s, GstBuffer *buffer) {
  GList *list = NULL;
  for (guint i = clipmoe_looks_count (s); i-- > 0;) {
    ClipmoeLook look;
    if (!clipmoe_looks_read (s, i, &look))
      continue;
    ClipmoeGstLook *one = g_new (ClipmoeGstLook, 1);
    *one = (ClipmoeGstLook){1, clipmoe_look_copy (&look)};
    one->has_cls = buffer && clipmoe_looks_get_cls (buffer, i, &one->cls);
    clipmoe_looks_clear (&look);
    list = g_list_prepend (list, one);
  }
  return list;
}

/**
 * clipmoe_gst_buffer_get_looks:
 * @buffer: a buffer
 *
 * Returns: (transfer full) (element-type ClipmoeGstLook): the looks that @buffer carries, one a tagger, in
 * the order of the pipeline; empty without the metadata
 */
GList *
clipmoe_gst_buffer_get_looks (GstBuffer *buffer) {
  return looks_in (clipmoe_looks_structure (buffer), buffer);
}

/**
 * clipmoe_gst_event_get_looks:
 * @event: any event
 *
 * Returns: (transfer full) (element-type ClipmoeGstLook): the look that no buffer was left to carry, of a
 *     custom event "clipmoe-look"; empty of any other event
 */
GList *
clipmoe_gst_event_get_looks (GstEvent *event) {
  return looks_in (clipmoe_looks_event (event), NULL);
}

/**
 * clipmoe_gst_message_get_looks:
 * @message: any message
 *
 * Returns: (transfer full) (element-type ClipmoeGstLook): the look that an element message "clipmoe-tags"
 * says; empty of any other message
 */
GList *
clipmoe_gst_message_get_looks (GstMessage *message) {
  return looks_in (clipmoe_looks_message (message), NULL);
}

/**
 * clipmoe_gst_look_get_source:
 * @look: a look
 *
 * Returns: (nullable): what the stream is called
 */
const char *
clipmoe_gst_look_get_source (const ClipmoeGstLook *look) {
  return look->look->source;
}

/**
 * clipmoe_gst_look_get_model:
 * @look: a look
 *
 * Returns: (nullable): the model's id
 */
const char *
clipmoe_gst_look_get_model (const ClipmoeGstLook *look) {
  return look->look->model;
}

/**
 * clipmoe_gst_look_get_time:
 * @look: a look
 *
 * Returns: stream time of the frame that was looked at, nanoseconds
 */
GstClockTime
clipmoe_gst_look_get_time (const ClipmoeGstLook *look) {
  return look->look->time;
}

/**
 * clipmoe_gst_look_get_age:
 * @look: a look
 *
 * Returns: how much later the frame is that carried the look, nanoseconds
 */
GstClockTime
clipmoe_gst_look_get_age (const ClipmoeGstLook *look) {
  return look->look->age;
}

/**
 * clipmoe_gst_look_get_fresh:
 * @look: a look
 *
 * Returns: whether the frame was the first to carry the look
 */
gboolean
clipmoe_gst_look_get_fresh (const ClipmoeGstLook *look) {
  return look->look->fresh;
}

/**
 * clipmoe_gst_look_get_at:
 * @look: a look
 *
 * Returns: when the frame was taken, microseconds since 1970 (UTC); 0 where that is not known, as of files
 */
gint64
clipmoe_gst_look_get_at (const ClipmoeGstLook *look) {
  return look->look->at;
}

/**
 * clipmoe_gst_look_get_tagger:
 * @look: a look
 *
 * Returns: (nullable): a name that no other element of any process has; with the sequence it says which look
 *     this is
 */
const char *
clipmoe_gst_look_get_tagger (const ClipmoeGstLook *look) {
  return look->look->tagger;
}

/**
 * clipmoe_gst_look_get_sequence:
 * @look: a look
 *
 * Returns: the tagger's count
 */
guint64
clipmoe_gst_look_get_sequence (const ClipmoeGstLook *look) {
  return look->look->sequence;
}

/**
 * clipmoe_gst_look_get_region:
 * @look: a look
 * @x: (out) (optional): left edge, as a fraction of the frame's width
 * @y: (out) (optional): upper edge, as a fraction of the frame's height
 * @width: (out) (optional): as a fraction of the frame's width
 * @height: (out) (optional): as a fraction of the frame's height
 *
 * Returns: whether a part of the frame was looked at; else it was all of it: 0, 0, 1, 1
 */
gboolean
clipmoe_gst_look_get_region (const ClipmoeGstLook *look, double *x, double *y, double *width,
                             double *height) {
  static const double whole[] = {0, 0, 1, 1};
  const double *region = look->look->has_region ? look->look->region : whole;
  double *out[] = {x, y, width, height};
  for (guint i = 0; i < G_N_ELEMENTS (out); i++)
    if (out[i])
      *out[i] = region[i];
  return look->look->has_region;
}

/**
 * clipmoe_gst_look_get_object_id:
 * @look: a look
 * @id: (out) (optional): by what number whoever found the region knows what is in it; 0 where there is none
 *
 * Returns: whether the region has such a number
 */
gboolean
clipmoe_gst_look_get_object_id (const ClipmoeGstLook *look, gint64 *id) {
  if (id)
    *id = look->look->has_object ? look->look->object_id : 0;
  return look->look->has_object;
}

/**
 * clipmoe_gst_look_get_cls:
 * @look: a look
 * @id: (out): the id of a GstAnalyticsClsMtd in the GstAnalyticsRelationMeta of the buffer that the look was
 * read from
 *
 * Where GStreamer has GstAnalytics (1.24 and newer), tags are attached as that as well.
 *
 * Returns: whether one with the tags of this look was on the buffer, in this order; @id is 0 otherwise
 */
gboolean
clipmoe_gst_look_get_cls (const ClipmoeGstLook *look, guint *id) {
  *id = look->has_cls ? look->cls : 0;
  return look->has_cls;
}

/**
 * clipmoe_gst_look_get_tags:
 * @look: a look
 *
 * Returns: (transfer full) (element-type ClipmoeGstTag): its tags, the best first
 */
GList *
clipmoe_gst_look_get_tags (ClipmoeGstLook *look) {
  GList *list = NULL;
  for (guint i = look->look->n_tags; i-- > 0;)
    list = g_list_prepend (list, tag_new (look, i));
  return list;
}

/**
 * clipmoe_gst_look_get_embedding:
 * @look: a look
 *
 * Returns: (transfer full) (nullable): the frame's unit vector as 32-bit floats; %NULL unless the tagger was
 *     asked for it (attach-embedding)
 */
GBytes *
clipmoe_gst_look_get_embedding (ClipmoeGstLook *look) {
  const ClipmoeLook *l = look->look;
  return l->embedding ? g_bytes_new_with_free_func (l->embedding, l->embed * sizeof (float),
                                                    (GDestroyNotify)clipmoe_gst_look_unref,
                                                    clipmoe_gst_look_ref (look))
                      : NULL;
}

/**
 * clipmoe_gst_look_to_json:
 * @look: a look
 *
 * Returns: (transfer full): its line of JSON, schema clipmoe.tags/1, without a line feed
 */
char *
clipmoe_gst_look_to_json (const ClipmoeGstLook *look) {
  return clipmoe_look_to_json (look->look);
}

/**
 * clipmoe_gst_tag_get_label:
 * @tag: a tag
 *
 * Returns: its label
 */
const char *
clipmoe_gst_tag_get_label (const ClipmoeGstTag *tag) {
  return tag->look->look->tags[tag->i].label;
}

/**
 * clipmoe_gst_tag_get_score:
 * @tag: a tag
 *
 * Returns: its score, smoothed where the tagger smooths
 */
double
clipmoe_gst_tag_get_score (const ClipmoeGstTag *tag) {
  return tag->look->look->tags[tag->i].score;
}

/**
 * clipmoe_gst_tag_get_cosine:
 * @tag: a tag
 *
 * Returns: the cosine of the frame's and the label's vectors
 */
double
clipmoe_gst_tag_get_cosine (const ClipmoeGstTag *tag) {
  return tag->look->look->tags[tag->i].cosine;
}
