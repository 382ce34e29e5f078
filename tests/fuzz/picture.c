/* Pictures of every kind that is decoded here. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <picture.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  guint8 *rgb = NULL;
  guint width = 0, height = 0;
  volatile guint sum = 0; /* every byte is there to be read */
  GError *error = NULL;
  /* a copy of its size alone, so that what is read behind it is seen */
  guint8 *copy = g_memdup2 (data, size);
  gboolean ok = clipmoe_picture_decode ("input", copy, size, &rgb, &width, &height, &error);
  g_free (copy);
  if (ok != (error == NULL) || ok != (rgb != NULL) ||
      (error && !g_str_has_prefix (error->message, "input: ")))
    abort ();
  for (gsize i = 0; ok && i < (gsize)width * height * 3; i++)
    sum += rgb[i];
  g_free (rgb);
  g_clear_error (&error);
  return 0;
}
