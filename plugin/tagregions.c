#include "tagregions.h"

#include <string.h>
#include "clipmoeanalytics.h"
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

/* Cuts a box to what is shown; nothing is left of one that is outside: width and height are 0. */
static TagRegion
cut (gint64 x, gint64 y, gint64 width, gint64 height, const GstVideoRectangle *shown) {
  gint64 left = MAX (x, shown->x), top = MAX (y, shown->y);
  gint64 right = MIN (x + width, (gint64)shown->x + shown->w);
  gint64 bottom = MIN (y + height, (gint64)shown->y + shown->h);
  if (left >= right || top >= bottom || left < 0 || top < 0)
    return (TagRegion){.mtd = CLIPMOE_NO_OBJECT};
  return (TagRegion){.x = (guint)left,
                     .y = (guint)top,
                     .width = (guint)(right - left),
                     .height = (guint)(bottom - top),
                     .part = {(double)(left - shown->x) / shown->w, (double)(top - shown->y) / shown->h,
                              (double)(right - left) / shown->w, (double)(bottom - top) / shown->h},
                     .mtd = CLIPMOE_NO_OBJECT};
}

static void
add (TagRegions *self, const TagRegion *region) {
  if (self->all->len < TAG_MOST_READ)
    g_array_append_vals (self->all, region, 1);
  else
    self->left_out++;
}

/* The regions of GstVideoRegionOfInterestMeta. An object is known by a tracker's number where there is one,
 * else by the region's. */
static void
read_marks (TagRegions *self, GstBuffer *buffer, const GstVideoRectangle *shown, const char *classes) {
  gpointer state = NULL;
  GstMeta *meta;
  while ((
      meta = gst_buffer_iterate_meta_filtered (buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *mark = (GstVideoRegionOfInterestMeta *)meta;
    const char *type = g_quark_to_string (mark->roi_type);
    if (!is_of_class (classes, type))
      continue;
    const GstStructure *tracked = gst_video_region_of_interest_meta_get_param (mark, "object_id");
    TagRegion region = cut (mark->x, mark->y, mark->w, mark->h, shown);
    gint id = mark->id;
    region.type = type;
    region.tracked = tracked && gst_structure_get_int (tracked, "id", &id);
    region.numbered = TRUE;
    region.id = id;
    add (self, &region);
  }
}

static gboolean
near (guint a, guint b) {
  return a > b ? a - b <= 1 : b - a <= 1; /* rounded in two ways */
}

/* Whether a detector or its tracker has written down the same object in both forms. */
static gboolean
is_same (const TagRegion *mark, const TagRegion *object) {
  if (mark->mtd != CLIPMOE_NO_OBJECT ||
      (mark->type && object->type && strcmp (mark->type, object->type) != 0))
    return FALSE;
  return (mark->tracked && object->tracked && mark->id == object->id) ||
         (mark->width && object->width && near (mark->x, object->x) && near (mark->y, object->y) &&
          near (mark->x + mark->width, object->x + object->width) &&
          near (mark->y + mark->height, object->y + object->height));
}

/* The regions of GstAnalyticsODMtd, after the @n_marks of the other form. An object is known by a tracker's
 * number alone: where it has both forms, the other's own number is often that of the Mtd on this buffer. */
static void
read_objects (TagRegions *self, GstBuffer *buffer, const GstVideoRectangle *shown, const char *classes) {
  guint n_marks = self->all->len;
  gpointer state = NULL;
  ClipmoeDetection object;
  while (clipmoe_analytics_next (buffer, &state, &object)) {
    TagRegion region = cut (object.x, object.y, object.width, object.height, shown), *mark = NULL;
    guint64 track = 0;
    if (!is_of_class (classes, object.type))
      continue;
    region.type = object.type;
    region.mtd = object.mtd;
    region.tracked = clipmoe_analytics_get_track (buffer, object.mtd, &track) && track <= G_MAXINT64;
    region.numbered = region.tracked;
    region.id = (gint64)track;
    for (guint i = 0; i < n_marks && !mark; i++)
      if (is_same (&g_array_index (self->all, TagRegion, i), &region))
        mark = &g_array_index (self->all, TagRegion, i);
    if (!mark) {
      add (self, &region);
      continue;
    }
    mark->mtd = region.mtd;
    if (!mark->tracked) {
      mark->numbered = mark->tracked = region.tracked;
      mark->id = region.id;
    }
  }
}

/* Leaves out what cannot be looked at. */
static void
filter_sizes (TagRegions *self, guint least) {
  guint kept = 0;
  for (guint i = 0; i < self->all->len; i++) {
    const TagRegion *region = &g_array_index (self->all, TagRegion, i);
    if (!region->width)
      self->left_out++;
    else if (MIN (region->width, region->height) < least)
      self->too_small++;
    else
      g_array_index (self->all, TagRegion, kept++) = *region;
  }
  g_array_set_size (self->all, kept);
}

/* An id that occurs twice on one buffer names nothing: 0 is what stands there where nobody has set one. */
static void
check_ids (GArray *regions) {
  for (guint i = 0; i < regions->len; i++) {
    TagRegion *a = &g_array_index (regions, TagRegion, i);
    a->has_id = a->numbered;
    for (guint j = 0; j < i && a->numbered; j++) {
      TagRegion *b = &g_array_index (regions, TagRegion, j);
      if (b->numbered && a->id == b->id)
        a->has_id = b->has_id = FALSE;
    }
  }
}

void
tag_regions_read (TagRegions *self, GstBuffer *buffer, const GstVideoInfo *info,
                  const TagRegionFilter *filter) {
  GstVideoRectangle shown;
  if (!self->all)
    self->all = g_array_new (FALSE, FALSE, sizeof (TagRegion));
  g_array_set_size (self->all, 0);
  self->too_small = self->left_out = 0;
  clipmoe_frame_get_visible (buffer, info, &shown);
  read_marks (self, buffer, &shown, filter->classes);
  read_objects (self, buffer, &shown, filter->classes);
  filter_sizes (self, filter->least);
  check_ids (self->all);
}

static gboolean
is_there (const TagRegion *region, const double part[4]) {
  for (guint i = 0; i < 4; i++)
    if (region->part[i] != part[i])
      return FALSE;
  return TRUE;
}

guint
tag_regions_take_object (TagRegions *self, const ClipmoeLook *look, guint64 time) {
  for (guint i = 0; self->all && i < self->all->len; i++) {
    TagRegion *region = &g_array_index (self->all, TagRegion, i);
    gboolean same = look->has_object
                        ? region->has_id && region->id == look->object_id
                        : !region->has_id && look->time == time && is_there (region, look->region);
    guint mtd = region->mtd;
    if (!same || mtd == CLIPMOE_NO_OBJECT)
      continue;
    region->mtd = CLIPMOE_NO_OBJECT;
    return mtd;
  }
  return CLIPMOE_NO_OBJECT;
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
