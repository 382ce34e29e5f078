/* Half of picture.py: for each path, "ok WIDTH HEIGHT" and the RGB bytes, or "error CODE MESSAGE". */
#include <stdio.h>
#include <picture.h>

int
main (int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    guint8 *rgb = NULL;
    guint width, height;
    GError *error = NULL;
    if (clipmoe_picture_load (argv[i], &rgb, &width, &height, &error)) {
      printf ("ok %u %u\n", width, height);
      if (error || fwrite (rgb, 3, (gsize)width * height, stdout) != (gsize)width * height)
        return 1;
    } else {
      if (!error || rgb)
        return 1;
      printf ("error %d %s\n", error->code, error->message);
    }
    g_clear_error (&error);
    g_free (rgb);
  }
  return 0;
}
