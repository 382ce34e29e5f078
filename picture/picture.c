/* Which decoder a picture goes to; turning it as its EXIF says. */
#include "picture.h"

#include <string.h>
#include <base/file.h>
#include <base/limits.h>
#include "decoders.h"
#include "kind.h"

static gboolean
turn (ClipmoePictureLoad *self) {
  static const struct {
    guint8 swap, flip_x, flip_y;
  } how[] = {{0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1}, {1, 0, 0}, {1, 0, 1}, {1, 1, 1}, {1, 1, 0}};
  guint o = self->exif.orientation - 1, w = self->width, h = self->height;
  if (!o)
    return TRUE;
  guint tw = how[o].swap ? h : w, th = how[o].swap ? w : h;
  guint8 *turned = g_try_malloc ((gsize)w * h * 3), *to = turned;
  if (!turned) {
    clipmoe_picture_fail (self, CLIPMOE_ERROR_MEMORY, "no memory to turn the picture");
    return FALSE;
  }
  for (guint y = 0; y < th; y++)
    for (guint x = 0; x < tw; x++, to += 3) {
      guint sx = how[o].swap ? y : x, sy = how[o].swap ? x : y;
      sx = how[o].flip_x ? w - 1 - sx : sx;
      sy = how[o].flip_y ? h - 1 - sy : sy;
      memcpy (to, self->rgb + ((gsize)sy * w + sx) * 3, 3);
    }
  g_free (self->rgb);
  self->rgb = turned;
  self->width = tw;
  self->height = th;
  return TRUE;
}

static gboolean
decode (ClipmoePictureLoad *self) {
  const ClipmoePictureKind *kind = clipmoe_picture_kind (self->data, self->length);
  if (kind->sort != CLIPMOE_PICTURE_STILL)
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_UNSUPPORTED, kind->refusal);
  return kind->decode ? kind->decode (self)
                      : clipmoe_picture_pixbuf (self, kind->mime, kind->name, kind->package);
}

/* @date: optional. */
static gboolean
decode_dated (const char *name, const guint8 *data, gsize length, guint8 **rgb, guint *width, guint *height,
              ClipmoePictureDate *date, GError **error) {
  GError *own = NULL;
  ClipmoePictureLoad *load = g_new0 (ClipmoePictureLoad, 1);
  load->path = name;
  load->data = data;
  load->length = length;
  load->exif.orientation = 1;
  load->error = &own;
  gboolean ok = decode (load) && turn (load);
  if (ok) {
    *rgb = g_steal_pointer (&load->rgb);
    *width = load->width;
    *height = load->height;
    if (date)
      *date = load->exif.date;
  } else {
    g_propagate_error (error, own);
  }
  g_free (load->rgb);
  g_free (load);
  return ok;
}

gboolean
clipmoe_picture_decode (const char *name, const guint8 *data, gsize length, guint8 **rgb, guint *width,
                        guint *height, GError **error) {
  return decode_dated (name, data, length, rgb, width, height, NULL, error);
}

/* The first bytes, which tell what it is. */
static const ClipmoePictureKind *
look (const char *path, GError **error) {
  guint8 head[CLIPMOE_PICTURE_HEAD];
  ClipmoeFile *file = clipmoe_file_open (path, error);
  if (!file)
    return NULL;
  gsize n = (gsize)MIN (clipmoe_file_get_size (file), sizeof head);
  const ClipmoePictureKind *kind =
      clipmoe_file_pread (file, 0, head, n, error) ? clipmoe_picture_kind (head, n) : NULL;
  clipmoe_file_close (file);
  return kind;
}

gboolean
clipmoe_picture_sort (const char *path, ClipmoePictureSort *sort, GError **error) {
  const ClipmoePictureKind *kind = look (path, error);
  if (!kind)
    return FALSE;
  *sort = kind->sort;
  if (kind->sort == CLIPMOE_PICTURE_OTHER)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: %s", path, kind->refusal);
  return kind->sort != CLIPMOE_PICTURE_OTHER;
}

gboolean
clipmoe_picture_load_dated (const char *path, guint8 **rgb, guint *width, guint *height,
                            ClipmoePictureDate *date, GError **error) {
  gsize length;
  /* a file that is no picture may be of any size and is refused without being read */
  const ClipmoePictureKind *kind = look (path, error);
  if (!kind)
    return FALSE;
  if (kind->sort != CLIPMOE_PICTURE_STILL) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: %s", path, kind->refusal);
    return FALSE;
  }
  GError *e = NULL;
  char *data = clipmoe_file_read (path, CLIPMOE_MAX_PICTURE_FILE, &length, &e);
  if (g_error_matches (e, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT)) {
    char *more = g_strdup_printf ("%s (%s)", e->message, kind->name);
    g_free (e->message);
    e->message = more;
  }
  if (e)
    g_propagate_error (error, e);
  gboolean ok = data && decode_dated (path, (const guint8 *)data, length, rgb, width, height, date, error);
  g_free (data);
  return ok;
}

gboolean
clipmoe_picture_load (const char *path, guint8 **rgb, guint *width, guint *height, GError **error) {
  return clipmoe_picture_load_dated (path, rgb, width, height, NULL, error);
}
