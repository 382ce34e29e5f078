/* The tags that clipmoetag attaches, for programs in C and, by way of the GIR (namespace ClipmoeGst), in
 * Python and other languages. Reading the metadata with GStreamer's own functions works as well; this is less
 * to write, and passes over what is not as it should be, since anybody can write a custom meta.
 *
 * A look is one inference on one frame; a label event is a label of a stream from start to end, as a
 * publisher with on=event sends it. All functions may be called from any thread; neither ever
 * changes.
 * clipmoe_gst_look_unref(), clipmoe_gst_tag_free() and clipmoe_gst_label_event_unref() accept NULL;
 * g_autoptr() works for all three.
 * Since: 0.1 */
#ifndef CLIPMOE_GST_H
#define CLIPMOE_GST_H

#include <clipmoe/error.h>
#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * ClipmoeGstLook:
 *
 * What was found in one frame: immutable, reference counted.
 */
typedef struct _ClipmoeGstLook ClipmoeGstLook;

/**
 * ClipmoeGstTag:
 *
 * A label and how sure the look was of it.
 */
typedef struct _ClipmoeGstTag ClipmoeGstTag;

#define CLIPMOE_GST_TYPE_LOOK (clipmoe_gst_look_get_type ())
CLIPMOE_API GType clipmoe_gst_look_get_type (void);
CLIPMOE_API ClipmoeGstLook *clipmoe_gst_look_ref (ClipmoeGstLook *look);
CLIPMOE_API void clipmoe_gst_look_unref (ClipmoeGstLook *look);

#define CLIPMOE_GST_TYPE_TAG (clipmoe_gst_tag_get_type ())
CLIPMOE_API GType clipmoe_gst_tag_get_type (void);
CLIPMOE_API ClipmoeGstTag *clipmoe_gst_tag_copy (const ClipmoeGstTag *tag);
CLIPMOE_API void clipmoe_gst_tag_free (ClipmoeGstTag *tag);

CLIPMOE_API GList *clipmoe_gst_buffer_get_looks (GstBuffer *buffer);
CLIPMOE_API GList *clipmoe_gst_event_get_looks (GstEvent *event);
CLIPMOE_API GList *clipmoe_gst_message_get_looks (GstMessage *message);

CLIPMOE_API const char *clipmoe_gst_look_get_source (const ClipmoeGstLook *look);
CLIPMOE_API const char *clipmoe_gst_look_get_model (const ClipmoeGstLook *look);
CLIPMOE_API GstClockTime clipmoe_gst_look_get_time (const ClipmoeGstLook *look);
CLIPMOE_API GstClockTime clipmoe_gst_look_get_age (const ClipmoeGstLook *look);
CLIPMOE_API gboolean clipmoe_gst_look_get_fresh (const ClipmoeGstLook *look);
CLIPMOE_API gint64 clipmoe_gst_look_get_at (const ClipmoeGstLook *look);
CLIPMOE_API const char *clipmoe_gst_look_get_tagger (const ClipmoeGstLook *look);
CLIPMOE_API guint64 clipmoe_gst_look_get_sequence (const ClipmoeGstLook *look);
CLIPMOE_API gboolean clipmoe_gst_look_get_region (const ClipmoeGstLook *look, double *x, double *y,
                                                  double *width, double *height);
CLIPMOE_API gboolean clipmoe_gst_look_get_object_id (const ClipmoeGstLook *look, gint64 *id);
CLIPMOE_API gboolean clipmoe_gst_look_get_cls (const ClipmoeGstLook *look, guint *id);
CLIPMOE_API GList *clipmoe_gst_look_get_tags (ClipmoeGstLook *look);
CLIPMOE_API GBytes *clipmoe_gst_look_get_embedding (ClipmoeGstLook *look);
CLIPMOE_API char *clipmoe_gst_look_to_json (const ClipmoeGstLook *look);

CLIPMOE_API const char *clipmoe_gst_tag_get_label (const ClipmoeGstTag *tag);
CLIPMOE_API double clipmoe_gst_tag_get_score (const ClipmoeGstTag *tag);
CLIPMOE_API double clipmoe_gst_tag_get_cosine (const ClipmoeGstTag *tag);

/**
 * ClipmoeGstLabelEvent:
 *
 * A label of a stream starts, goes on or ends: immutable, reference counted.
 */
typedef struct _ClipmoeGstLabelEvent ClipmoeGstLabelEvent;

#define CLIPMOE_GST_TYPE_LABEL_EVENT (clipmoe_gst_label_event_get_type ())
CLIPMOE_API GType clipmoe_gst_label_event_get_type (void);
CLIPMOE_API ClipmoeGstLabelEvent *clipmoe_gst_label_event_ref (ClipmoeGstLabelEvent *event);
CLIPMOE_API void clipmoe_gst_label_event_unref (ClipmoeGstLabelEvent *event);

CLIPMOE_API ClipmoeGstLabelEvent *clipmoe_gst_event_get_label_event (GstEvent *event);
CLIPMOE_API ClipmoeGstLabelEvent *clipmoe_gst_message_get_label_event (GstMessage *message);

CLIPMOE_API const char *clipmoe_gst_label_event_get_kind (const ClipmoeGstLabelEvent *event);
CLIPMOE_API const char *clipmoe_gst_label_event_get_id (const ClipmoeGstLabelEvent *event);
CLIPMOE_API const char *clipmoe_gst_label_event_get_source (const ClipmoeGstLabelEvent *event);
CLIPMOE_API const char *clipmoe_gst_label_event_get_label (const ClipmoeGstLabelEvent *event);
CLIPMOE_API const char *clipmoe_gst_label_event_get_group (const ClipmoeGstLabelEvent *event);
CLIPMOE_API const char *clipmoe_gst_label_event_get_model (const ClipmoeGstLabelEvent *event);
CLIPMOE_API GstClockTime clipmoe_gst_label_event_get_start (const ClipmoeGstLabelEvent *event);
CLIPMOE_API GstClockTime clipmoe_gst_label_event_get_end (const ClipmoeGstLabelEvent *event);
CLIPMOE_API double clipmoe_gst_label_event_get_peak (const ClipmoeGstLabelEvent *event);
CLIPMOE_API GstClockTime clipmoe_gst_label_event_get_peak_time (const ClipmoeGstLabelEvent *event);
CLIPMOE_API double clipmoe_gst_label_event_get_mean (const ClipmoeGstLabelEvent *event);
CLIPMOE_API double clipmoe_gst_label_event_get_score (const ClipmoeGstLabelEvent *event);
CLIPMOE_API gint64 clipmoe_gst_label_event_get_at (const ClipmoeGstLabelEvent *event);
CLIPMOE_API gboolean clipmoe_gst_label_event_get_object_id (const ClipmoeGstLabelEvent *event, gint64 *id);
CLIPMOE_API char *clipmoe_gst_label_event_to_json (const ClipmoeGstLabelEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeGstLabelEvent, clipmoe_gst_label_event_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeGstLook, clipmoe_gst_look_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeGstTag, clipmoe_gst_tag_free)

G_END_DECLS

#endif
