/* Stills that gdk-pixbuf has a loader for. */
#include "decoders.h"

#include <stdlib.h>
#include <string.h>
#include <gdk-pixbuf/gdk-pixbuf.h>

/* Before anything is allocated by it; a size of nothing ends the loading. */
static void
size_prepared (GdkPixbufLoader *loader, int width, int height, gpointer self) {
  if (!clipmoe_picture_check_size (self, (guint)MAX (width, 0), (guint)MAX (height, 0)))
    gdk_pixbuf_loader_set_size (loader, 0, 0);
}

static gboolean
take_pixels (ClipmoePictureLoad *self, GdkPixbuf *pixbuf) {
  gsize channels = (gsize)gdk_pixbuf_get_n_channels (pixbuf),
        stride = (gsize)gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *from = gdk_pixbuf_read_pixels (pixbuf);
  if (gdk_pixbuf_get_bits_per_sample (pixbuf) != 8 || channels < 3 ||
      !clipmoe_picture_take_size (self, (guint)gdk_pixbuf_get_width (pixbuf),
                                  (guint)gdk_pixbuf_get_height (pixbuf)))
    return FALSE;
  guint8 *to = self->rgb;
  for (guint y = 0; y < self->height; y++)
    for (guint x = 0; x < self->width; x++, to += 3)
      memcpy (to, from + y * stride + x * channels, 3);
  const char *turned = gdk_pixbuf_get_option (pixbuf, "orientation");
  int orientation = turned ? atoi (turned) : 1;
  self->exif.orientation = orientation >= 1 && orientation <= 8 ? (guint)orientation : 1;
  return TRUE;
}

gboolean
clipmoe_picture_pixbuf (ClipmoePictureLoad *self, const char *mime, const char *name, const char *package) {
  GError *e = NULL;
  GdkPixbufLoader *loader = gdk_pixbuf_loader_new_with_mime_type (mime, &e);
  if (!loader) {
    char *what = g_strdup_printf ("%s, for which gdk-pixbuf has no loader here%s%s", name,
                                  package ? "; Debian's package for it is " : "", package ? package : "");
    clipmoe_picture_fail (self, CLIPMOE_ERROR_UNSUPPORTED, what);
    g_free (what);
    g_clear_error (&e);
    return FALSE;
  }
  g_signal_connect (loader, "size-prepared", G_CALLBACK (size_prepared), self);
  gboolean ok = gdk_pixbuf_loader_write (loader, self->data, self->length, &e);
  ok = gdk_pixbuf_loader_close (loader, e ? NULL : &e) && ok; /* in any case: it complains otherwise */
  GdkPixbuf *pixbuf = ok && !*self->error ? gdk_pixbuf_loader_get_pixbuf (loader) : NULL;
  ok = pixbuf && take_pixels (self, pixbuf);
  if (!ok) {
    char *what = g_strdup_printf ("%s that cannot be decoded: %s", name, e ? e->message : "no picture in it");
    clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, what);
    g_free (what);
  }
  g_clear_error (&e);
  g_object_unref (loader);
  return ok;
}

static guint
u16 (const guint8 *p) {
  return (guint)p[0] | (guint)p[1] << 8;
}

static guint32
u32 (const guint8 *p) {
  return u16 (p) | (guint32)u16 (p + 2) << 16;
}

/* The loader of this format makes up what is missing at the end, so whether all is there is found out before.
 */
gboolean
clipmoe_picture_bmp (ClipmoePictureLoad *self) {
  const guint8 *d = self->data;
  gsize header = self->length >= 18 ? u32 (d + 14) : 0;
  if (header < 12 || self->length < 14 + header || (header > 12 && self->length < 14 + 40))
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "BMP: the file ends in its header");
  gboolean old = header == 12;
  gint64 width = old ? (gint64)u16 (d + 18) : (gint32)u32 (d + 18),
         height = old ? (gint64)u16 (d + 20) : (gint32)u32 (d + 22);
  guint bits = u16 (d + (old ? 24 : 28)), packing = header < 40 ? 0 : u32 (d + 30), begin = u32 (d + 10);
  height = ABS (height); /* from top to bottom */
  if (width < 0)
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "BMP: a width below zero");
  if (!clipmoe_picture_check_size (self, (guint)width, (guint)height))
    return FALSE;
  guint64 needs = ((guint64)width * bits + 31) / 32 * 4 * (guint64)height;
  if (packing == 1 || packing == 2) /* run lengths: as many bytes as it says, if it does */
    needs = u32 (d + 34);
  if (begin > self->length || needs > self->length - begin)
    return clipmoe_picture_fail (self, CLIPMOE_ERROR_FORMAT, "BMP: the file ends too early");
  return clipmoe_picture_pixbuf (self, "image/bmp", "a BMP picture", NULL);
}
