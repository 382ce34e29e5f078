/* Half of live.py: reads width, height, side, geometry, orientation (u32) and packed RGB from stdin, again
 * and again; writes the square's floats to stdout. */
#include <stdio.h>
#include "pattern.h"

int
main (void) {
  guint32 head[5];
  while (fread (head, sizeof head, 1, stdin) == 1) {
    gsize bytes = (gsize)head[0] * head[1] * 3, values = (gsize)head[2] * head[2] * 3;
    guint8 *rgb = g_malloc (bytes);
    if (fread (rgb, 1, bytes, stdin) != bytes)
      return 1;
    ClipmoeImage image = rgb_image (rgb, head[0], head[1]);
    float *out = run_at (&image, head[2], head[3], head[4]);
    if (fwrite (out, sizeof *out, values, stdout) != values)
      return 1;
    g_free (out);
    g_free (rgb);
  }
  return 0;
}
