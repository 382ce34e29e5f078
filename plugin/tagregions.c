#include "tagregions.h"

#include <string.h>
#include "clipmoeframe.h"

void
tag_regions_clear (TagRegions *self) {
  if (self->all)
    g_array_unref (self->all);
  if (self->due)
    g_array_unref (self->due);
  *self = (TagRegions){0};
}

/* Whether @name is one of @classes. */
static gboolean
is_of_class (const char *classes, const char *name) {
  gboolean any = FALSE;
  for (const char *at = classes; at && *at;) {
    gsize length = strcspn (at, ",");
    const char *next = at + length + (at[length] != 0);
    while (length && g_ascii_isspace (*at)) {
      at++;
      length--;
    }
    while (length && g_ascii_isspace (at[length - 1]))
      length--;
    if (length && name && strlen (name) == length && !strncmp (at, name, length))
      return TRUE;
    any |= length > 0;
    at = next;
  }
  return !any;
}

/* What the object is known by: a tracker's number where there is one, else the region's. */
static gint64
id_of (GstVideoRegionOfInterestMeta *meta) {
  const GstStructure *tracked = gst_video_region_of_interest_meta_get_param (meta, "object_id");
  gint id;
  return tracked && gst_structure_get_int (tracked, "id", &id) ? id : meta->id;
}

/* Cuts a box to what is shown. FALSE: nothing is left. */
static gboolean
cut (TagRegion *region, const GstVideoRegionOfInterestMeta *meta, const GstVideoRectangle *shown) {
  gint64 left = MAX ((gint64)meta->x, shown->x), top = MAX ((gint64)meta->y, shown->y);
  gint64 right = MIN ((gint64)meta->x + meta->w, (gint64)shown->x + shown->w);
  gint64 bottom = MIN ((gint64)meta->y + meta->h, (gint64)shown->y + shown->h);
  if (left >= right || top >= bottom || left < 0 || top < 0)
    return FALSE;
  *region = (TagRegion){.x = (guint)left,
                        .y = (guint)top,
                        .width = (guint)(right - left),
                        .height = (guint)(bottom - top),
                        .part = {(double)(left - shown->x) / shown->w, (double)(top - shown->y) / shown->h,
                                 (double)(right - left) / shown->w, (double)(bottom - top) / shown->h}};
  return TRUE;
}

/* An id that occurs twice on one buffer names nothing: 0 is what stands there where nobody has set one. */
static void
check_ids (GArray *regions) {
  for (guint i = 0; i < regions->len; i++) {
    TagRegion *a = &g_array_index (regions, TagRegion, i);
    for (guint j = 0; j < i; j++) {
      TagRegion *b = &g_array_index (regions, TagRegion, j);
      if (a->id == b->id)
        a->has_id = b->has_id = FALSE;
    }
  }
}

void
tag_regions_read (TagRegions *self, GstBuffer *buffer, const GstVideoInfo *info,
                  const TagRegionFilter *filter) {
  GstVideoRectangle shown;
  gpointer state = NULL;
  GstMeta *meta;
  if (!self->all)
    self->all = g_array_new (FALSE, FALSE, sizeof (TagRegion));
  g_array_set_size (self->all, 0);
  self->too_small = self->left_out = 0;
  clipmoe_frame_get_visible (buffer, info, &shown);
  while ((
      meta = gst_buffer_iterate_meta_filtered (buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;
    TagRegion region;
    if (!is_of_class (filter->classes, g_quark_to_string (roi->roi_type)))
      continue;
    if (self->all->len >= TAG_MOST_READ || !cut (&region, roi, &shown)) {
      self->left_out++;
    } else if (MIN (region.width, region.height) < filter->least) {
      self->too_small++;
    } else {
      region.id = id_of (roi);
      region.has_id = TRUE;
      g_array_append_val (self->all, region);
    }
  }
  check_ids (self->all);
}

static int
by_wait (const void *a, const void *b) {
  const TagRegion *x = a, *y = b;
  return x->asked < y->asked ? -1 : x->asked > y->asked;
}

void
tag_regions_choose (TagRegions *self, ClipmoeObjects *objects, guint64 number, guint interval) {
  if (!self->due)
    self->due = g_array_new (FALSE, FALSE, sizeof (TagRegion));
  g_array_set_size (self->due, 0);
  for (guint i = 0; i < self->all->len; i++) {
    TagRegion *region = &g_array_index (self->all, TagRegion, i);
    region->asked = 0;
    if (!region->has_id || clipmoe_objects_is_due (objects, region->id, number, interval, &region->asked))
      g_array_append_vals (self->due, region, 1);
  }
  if (self->due->len > TAG_MOST_REGIONS) {
    g_array_sort (self->due, by_wait); /* stable */
    self->left_out += self->due->len - TAG_MOST_REGIONS;
    g_array_set_size (self->due, TAG_MOST_REGIONS);
  }
}
