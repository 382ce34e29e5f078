#include "blank.h"

#define PIXELS (CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE)
#define SPARE (PIXELS / 50) /* at either end */
#define RANGE 10

gboolean
clipmoe_is_blank (const guint8 luma[PIXELS]) {
  guint count[256] = {0}, low = 0, high = 255;
  for (guint i = 0; i < PIXELS; i++)
    count[luma[i]]++;
  for (guint passed = count[0]; passed <= SPARE; passed += count[low])
    low++;
  for (guint passed = count[255]; passed <= SPARE; passed += count[high])
    high--;
  return high <= low + RANGE;
}
