#include "exif.h"

#include <string.h>

#define ENTRY 12 /* bytes: tag, type, count, and the value or where it is */
#define ORIENTATION 0x0112
#define MORE 0x8769 /* where the second table is */
#define TAKEN 0x9003
#define TAKEN_OFFSET 0x9011

enum { TEXT = 2, SHORT = 3, LONG = 4 };

typedef struct {
  const guint8 *bytes;
  gsize length;
  gboolean little;
} Block;

static guint
u16 (const Block *b, gsize at) {
  const guint8 *p = b->bytes + at;
  return b->little ? (guint)p[0] | (guint)p[1] << 8 : (guint)p[0] << 8 | (guint)p[1];
}

static guint32
u32 (const Block *b, gsize at) {
  return b->little ? u16 (b, at) | u16 (b, at + 2) << 16 : u16 (b, at) << 16 | u16 (b, at + 2);
}

/* Where the entry of @tag in the table at @table is, all of it within the block; 0: there is none. */
static gsize
find (const Block *b, gsize table, guint tag) {
  if (table > b->length - 2)
    return 0;
  guint n = u16 (b, table);
  gsize at = table + 2;
  for (guint i = 0; i < n && b->length - at >= ENTRY; i++, at += ENTRY)
    if (u16 (b, at) == tag)
      return at;
  return 0;
}

/* The number of the entry at @at (0: none), or @none. */
static guint32
number (const Block *b, gsize at, guint32 none) {
  if (!at || u32 (b, at + 4) != 1)
    return none;
  guint type = u16 (b, at + 2);
  return type == SHORT ? u16 (b, at + 8) : type == LONG ? u32 (b, at + 8) : none;
}

/* The text of the entry at @at (0: none), which is of @size - 1 bytes, and a zero or not; @to has room for
 * @size. */
static void
text (const Block *b, gsize at, char *to, gsize size) {
  if (!at || u16 (b, at + 2) != TEXT)
    return;
  gsize count = u32 (b, at + 4), from = u32 (b, at + 8);
  if (count < size - 1 || count > size || from > b->length || count > b->length - from)
    return;
  memcpy (to, b->bytes + from, size - 1);
  to[size - 1] = 0;
}

void
clipmoe_picture_exif (const guint8 *tiff, gsize length, ClipmoePictureExif *exif) {
  if (length < 8 || (memcmp (tiff, "II*\0", 4) != 0 && memcmp (tiff, "MM\0*", 4) != 0))
    return;
  const Block b = {tiff, length, tiff[0] == 'I'};
  gsize first = u32 (&b, 4), at = find (&b, first, ORIENTATION);
  guint turned = number (&b, at, 1);
  if (at)
    exif->orientation = turned >= 1 && turned <= 8 ? turned : 1;
  gsize second = number (&b, find (&b, first, MORE), 0);
  if (!second)
    return;
  text (&b, find (&b, second, TAKEN), exif->date.taken, sizeof exif->date.taken);
  text (&b, find (&b, second, TAKEN_OFFSET), exif->date.offset, sizeof exif->date.offset);
}
