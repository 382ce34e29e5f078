/* Protects the small pictures of moments: their sizes and pixels, turning, grey, JPEG; what is blank; and
 * what is a cut: another shot, and neither light that changes nor what moves. */
#include <string.h>
#include <blank.h>
#include <cut.h>
#include <picture.h>
#include <smallimage.h>

#define SIDE CLIPMOE_LUMA_SIDE
#define PIXELS (SIDE * SIDE)

static void
test_fit (void) {
  static const guint cases[][6] = {{1920, 1080, 1, 1, 320, 180}, {1080, 1920, 1, 1, 180, 320},
                                   {720, 576, 16, 15, 320, 240}, {720, 576, 0, 0, 320, 256},
                                   {160, 120, 1, 1, 160, 120},   {32768, 1, 1, 1, 320, 1},
                                   {1, 1, 1, 1, 1, 1},           {320, 240, 1, 2, 160, 240}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint w, h;
    clipmoe_small_fit (cases[i][0], cases[i][1], cases[i][2], cases[i][3], &w, &h);
    g_assert_cmpuint (w, ==, cases[i][4]);
    g_assert_cmpuint (h, ==, cases[i][5]);
  }
}

/* 640 x 480 of 2 x 2 blocks: the mean of each is known. */
static void
test_shrink (void) {
  guint8 *rgb = g_malloc (640 * 480 * 3);
  for (guint y = 0; y < 480; y++)
    for (guint x = 0; x < 640; x++)
      for (guint c = 0; c < 3; c++)
        rgb[(y * 640 + x) * 3 + c] = (guint8)((x / 2 + y / 2 * 3 + c * 50) % 200 + (x % 2 ? 10 : 0));
  ClipmoeImage image = {.struct_size = sizeof image,
                        .format = CLIPMOE_FORMAT_RGB,
                        .width = 640,
                        .height = 480,
                        .planes = {rgb},
                        .strides = {640 * 3}};
  ClipmoeSmall *small = clipmoe_small_from_image (&image);
  g_assert_cmpuint (small->width, ==, 320);
  g_assert_cmpuint (small->height, ==, 240);
  for (guint y = 0; y < 240; y++)
    for (guint x = 0; x < 320; x++)
      for (guint c = 0; c < 3; c++)
        g_assert_cmpuint (small->rgb[(y * 320 + x) * 3 + c], ==, (x + y * 3 + c * 50) % 200 + 5);
  clipmoe_small_unref (small);
  g_free (rgb);
}

/* Every format says the same: a quarter of a colour each, with a crop, odd strides, and YUV as BT.601 has it.
 */
static void
test_formats (void) {
  static const guint8 rgb[4][3] = {{200, 40, 60}, {30, 180, 90}, {50, 70, 220}, {128, 128, 128}};
  static const ClipmoeFormat formats[] = {CLIPMOE_FORMAT_RGB,  CLIPMOE_FORMAT_BGR,  CLIPMOE_FORMAT_RGBX,
                                          CLIPMOE_FORMAT_BGRX, CLIPMOE_FORMAT_XRGB, CLIPMOE_FORMAT_XBGR,
                                          CLIPMOE_FORMAT_NV12, CLIPMOE_FORMAT_NV21, CLIPMOE_FORMAT_I420,
                                          CLIPMOE_FORMAT_YV12, CLIPMOE_FORMAT_Y42B, CLIPMOE_FORMAT_Y444,
                                          CLIPMOE_FORMAT_YUY2, CLIPMOE_FORMAT_UYVY, CLIPMOE_FORMAT_P010_10LE};
  enum { W = 88, H = 44, STRIDE = W * 4 + 5 };
  static guint8 planes[3][STRIDE * H];
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    const ClipmoeFormat format = formats[f];
    for (guint y = 0; y < H; y++)
      for (guint x = 0; x < W; x++) {
        /* 4 pixels around are cut away; the middle of what is left is at 44, 22 */
        const guint8 *p = rgb[(y < H / 2 ? 0 : 2) + (x < W / 2 ? 0 : 1)];
        double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
        guint8 c[3] = {(guint8)(16 + luma * 219 / 255 + 0.5),
                       (guint8)(128 + (p[2] - luma) / 1.772 * 224 / 255 + 0.5),
                       (guint8)(128 + (p[0] - luma) / 1.402 * 224 / 255 + 0.5)};
        guint8 *row[3] = {planes[0] + y * STRIDE, planes[1] + y * STRIDE, planes[2] + y * STRIDE},
               *half = planes[1] + y / 2 * STRIDE;
        switch (format) {
        case CLIPMOE_FORMAT_RGB:
        case CLIPMOE_FORMAT_BGR:
          for (guint i = 0; i < 3; i++)
            row[0][x * 3 + i] = p[format == CLIPMOE_FORMAT_RGB ? i : 2 - i];
          break;
        case CLIPMOE_FORMAT_RGBX:
        case CLIPMOE_FORMAT_BGRX:
        case CLIPMOE_FORMAT_XRGB:
        case CLIPMOE_FORMAT_XBGR: {
          gboolean first = format == CLIPMOE_FORMAT_XRGB || format == CLIPMOE_FORMAT_XBGR;
          gboolean back = format == CLIPMOE_FORMAT_BGRX || format == CLIPMOE_FORMAT_XBGR;
          for (guint i = 0; i < 3; i++)
            row[0][x * 4 + i + first] = p[back ? 2 - i : i];
          break;
        }
        case CLIPMOE_FORMAT_YUY2:
        case CLIPMOE_FORMAT_UYVY: {
          guint y_at = format == CLIPMOE_FORMAT_YUY2 ? 0 : 1;
          row[0][x * 2 + y_at] = c[0];
          row[0][x * 2 + 1 - y_at] = c[1 + x % 2];
          break;
        }
        case CLIPMOE_FORMAT_P010_10LE:
          row[0][x * 2 + 1] = c[0];
          half[(x & ~1u) * 2 + 1] = c[1];
          half[(x & ~1u) * 2 + 3] = c[2];
          break;
        case CLIPMOE_FORMAT_NV12:
        case CLIPMOE_FORMAT_NV21:
          row[0][x] = c[0];
          half[(x & ~1u) + (format == CLIPMOE_FORMAT_NV21)] = c[1];
          half[(x & ~1u) + (format == CLIPMOE_FORMAT_NV12)] = c[2];
          break;
        default:
          for (guint i = 0; i < 3; i++) {
            guint narrow = i && format != CLIPMOE_FORMAT_Y444,
                  low = i && (format == CLIPMOE_FORMAT_I420 || format == CLIPMOE_FORMAT_YV12);
            planes[i][(y >> low) * STRIDE + (x >> narrow)] = c[i];
          }
        }
      }
    ClipmoeImage image = {.struct_size = sizeof image,
                          .format = format,
                          .width = W,
                          .height = H,
                          .planes = {planes[0], planes[1], planes[2]},
                          .strides = {STRIDE, STRIDE, STRIDE},
                          .crop_x = 4,
                          .crop_y = 4,
                          .crop_width = W - 8,
                          .crop_height = H - 8,
                          .par_n = 1,
                          .par_d = 2};
    ClipmoeSmall *small = clipmoe_small_from_image (&image);
    g_assert_nonnull (small);
    g_assert_cmpuint (small->width, ==, (W - 8) / 2);
    g_assert_cmpuint (small->height, ==, H - 8);
    for (guint y = 0; y < small->height; y++)
      for (guint x = 0; x < small->width; x++)
        for (guint i = 0; i < 3; i++) {
          const guint8 *p = rgb[(y < small->height / 2 ? 0 : 2) + (x < small->width / 2 ? 0 : 1)];
          g_assert_cmpint (ABS ((int)small->rgb[(y * small->width + x) * 3 + i] - p[i]), <=, 3);
        }
    clipmoe_small_unref (small);
  }
  g_assert_null (clipmoe_small_from_image (
      &(ClipmoeImage){.format = CLIPMOE_FORMAT_I420_10LE, .width = 1, .height = 1, .planes = {planes[0]}}));
}

/* Four corners go where they belong; the values are GstVideoOrientationMethod's. */
static void
test_turn (void) {
  static const char *const turned[] = {"abcd", "cadb", "dcba", "bdac", "badc", "cdab", "acbd", "dbca"};
  for (guint i = 0; i < G_N_ELEMENTS (turned); i++) {
    ClipmoeSmall *small = clipmoe_small_new (2, 2);
    for (guint p = 0; p < 4; p++)
      memset (small->rgb + p * 3, 'a' + (int)p, 3);
    small = clipmoe_small_turn (small, i);
    for (guint p = 0; p < 4; p++)
      g_assert_cmpint (small->rgb[p * 3], ==, turned[i][p]);
    clipmoe_small_unref (small);
  }
  ClipmoeSmall *small = clipmoe_small_turn (clipmoe_small_new (3, 7), 1);
  g_assert_cmpuint (small->width, ==, 7);
  g_assert_cmpuint (small->height, ==, 3);
  clipmoe_small_unref (small);
}

static void
test_jpeg (void) {
  ClipmoeSmall *small = clipmoe_small_new (320, 180);
  for (guint i = 0; i < 320 * 180; i++) {
    small->rgb[i * 3] = (guint8)(i % 320 * 2 / 3);
    small->rgb[i * 3 + 1] = (guint8)(i / 320);
    small->rgb[i * 3 + 2] = 90;
  }
  GBytes *jpeg = clipmoe_small_to_jpeg (small);
  guint8 *rgb;
  guint width, height;
  GError *error = NULL;
  g_assert_true (clipmoe_picture_decode ("thumbnail", g_bytes_get_data (jpeg, NULL), g_bytes_get_size (jpeg),
                                         &rgb, &width, &height, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (width, ==, 320);
  g_assert_cmpuint (height, ==, 180);
  for (guint i = 0; i < 320 * 180 * 3; i++)
    g_assert_cmpint (ABS ((int)rgb[i] - small->rgb[i]), <=, 12);
  g_free (rgb);
  g_bytes_unref (jpeg);
  clipmoe_small_unref (small);
}

static void
test_luma (void) {
  guint8 luma[PIXELS];
  ClipmoeSmall *small = clipmoe_small_new (50, 7); /* fewer rows than the grey picture has */
  for (guint i = 0; i < 50 * 7; i++) {
    small->rgb[i * 3] = 255;
    small->rgb[i * 3 + 1] = 0;
    small->rgb[i * 3 + 2] = i % 50 < 25 ? 0 : 255;
  }
  clipmoe_small_luma (small, luma);
  g_assert_cmpuint (luma[0], ==, 77);
  g_assert_cmpuint (luma[PIXELS - 1], ==, 106);
  memset (small->rgb, 255, 50 * 7 * 3);
  clipmoe_small_luma (small, luma);
  for (guint i = 0; i < PIXELS; i++)
    g_assert_cmpuint (luma[i], ==, 255);
  clipmoe_small_unref (small);
}

static void
test_blank (void) {
  guint8 luma[PIXELS];
  static const guint8 colours[] = {0, 255, 16, 120};
  for (guint c = 0; c < G_N_ELEMENTS (colours); c++) {
    memset (luma, colours[c], sizeof luma);
    g_assert_true (clipmoe_is_blank (luma));
    for (guint i = 0; i < 4; i++) /* a logo in a corner */
      memset (luma + (2 + i) * SIDE + 26, 200, 4);
    g_assert_true (clipmoe_is_blank (luma));
    for (guint i = 0; i < PIXELS; i++) /* what noise leaves */
      luma[i] = (guint8)CLAMP (colours[c] + (int)(i * 7919 % 7) - 3, 0, 255);
    g_assert_true (clipmoe_is_blank (luma));
    for (guint i = 0; i < PIXELS; i++) /* a lit window at night, a tenth of the picture */
      luma[i] = (guint8)(i % SIDE < 10 && i / SIDE < 10 ? colours[c] ^ 32 : colours[c]);
    g_assert_false (clipmoe_is_blank (luma));
  }
  for (guint i = 0; i < PIXELS; i++) /* fog: a slow gradient */
    luma[i] = (guint8)(100 + i / SIDE);
  g_assert_false (clipmoe_is_blank (luma));
}

/* Blocks of random grey from @low to @high, moved by @dx. */
static void
scene (guint8 *luma, guint seed, int low, int high, guint dx) {
  guint8 blocks[8][8];
  GRand *rand = g_rand_new_with_seed (seed);
  for (guint y = 0; y < 8; y++)
    for (guint x = 0; x < 8; x++)
      blocks[y][x] = (guint8)g_rand_int_range (rand, low, high);
  g_rand_free (rand);
  for (guint y = 0; y < SIDE; y++)
    for (guint x = 0; x < SIDE; x++)
      luma[y * SIDE + x] = blocks[y / 4][(x + dx) / 4 % 8];
}

static void
test_cut (void) {
  guint8 a[PIXELS], b[PIXELS], black[PIXELS] = {0};
  guint found = 0;
  for (guint i = 0; i < 50; i++) {
    scene (a, i, 10, 120, 0);
    g_assert_false (clipmoe_is_cut (a, a));
    for (guint p = 0; p < PIXELS; p++)
      b[p] = (guint8)(a[p] + 60); /* the light goes on */
    g_assert_false (clipmoe_is_cut (a, b));
    scene (b, i, 10, 120, 1); /* the camera moves */
    g_assert_false (clipmoe_is_cut (a, b));
    scene (b, i, 10, 120, 16); /* far: all edges are elsewhere, the histogram is the same */
    g_assert_false (clipmoe_is_cut (a, b));
    scene (b, 1000 + i, 80, 240, 0);
    found += clipmoe_is_cut (a, b);
    g_assert_true (clipmoe_is_cut (a, black)); /* to black, and back */
    g_assert_true (clipmoe_is_cut (black, a));
  }
  g_assert_cmpuint (found, >=, 44);
  g_assert_false (clipmoe_is_cut (black, black));
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/small/fit", test_fit);
  g_test_add_func ("/small/shrink", test_shrink);
  g_test_add_func ("/small/formats", test_formats);
  g_test_add_func ("/small/turn", test_turn);
  g_test_add_func ("/small/jpeg", test_jpeg);
  g_test_add_func ("/small/luma", test_luma);
  g_test_add_func ("/small/blank", test_blank);
  g_test_add_func ("/small/cut", test_cut);
  return g_test_run ();
}
