#include "media.h"

#include "picture.h"

gboolean
clipmoe_media_open (ClipmoeMedia *self, const char *path, GError **error) {
  ClipmoePictureSort sort;
  *self = (ClipmoeMedia){0};
  return clipmoe_picture_sort (path, &sort, error) &&
         (sort != CLIPMOE_PICTURE_STILL ||
          clipmoe_picture_load_dated (path, &self->rgb, &self->width, &self->height, &self->date, error));
}

void
clipmoe_media_clear (ClipmoeMedia *self) {
  g_clear_pointer (&self->rgb, g_free);
}

ClipmoeImage
clipmoe_media_image (const ClipmoeMedia *self) {
  return (ClipmoeImage){.struct_size = sizeof (ClipmoeImage),
                        .format = CLIPMOE_FORMAT_RGB,
                        .width = self->width,
                        .height = self->height,
                        .planes = {self->rgb},
                        .strides = {(gint)self->width * 3}};
}
