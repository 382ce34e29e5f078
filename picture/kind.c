/* Signatures. What is none of them may be a video: GStreamer knows more of those than stand here. */
#include "kind.h"

#include <string.h>
#include "decoders.h"

#define READ                                                                                                 \
  "expected a video or a picture (JPEG, PNG, GIF, WebP, BMP, TIFF; HEIC, AVIF and JPEG XL where gdk-pixbuf " \
  "can)"
#define OTHER(what)                                                                                          \
  { CLIPMOE_PICTURE_OTHER, what, .refusal = what ", " READ }

typedef ClipmoePictureKind Kind;

static const Kind video = {CLIPMOE_PICTURE_VIDEO, "a video",
                           .refusal = "no picture of a kind that is read (JPEG, PNG, GIF, WebP, BMP, TIFF; "
                                      "HEIC, AVIF and JPEG XL where gdk-pixbuf can)"};

static const Kind heic = {CLIPMOE_PICTURE_STILL, "a HEIC picture", .mime = "image/heic",
                          .package = "heif-gdk-pixbuf"},
                  avif = {CLIPMOE_PICTURE_STILL, "an AVIF picture", .mime = "image/avif",
                          .package = "libavif-gdk-pixbuf"},
                  jxl = {CLIPMOE_PICTURE_STILL, "a JPEG XL picture", .mime = "image/jxl",
                         .package = "libjxl-gdk-pixbuf, from Debian 13 on"},
                  bmp = {CLIPMOE_PICTURE_STILL, "a BMP picture", clipmoe_picture_bmp},
                  tiff = {CLIPMOE_PICTURE_STILL, "a TIFF picture", .mime = "image/tiff"},
                  icon = OTHER ("an icon"),
                  raw = OTHER ("a camera's raw file, or another whose first picture is a thumbnail");

/* Where nothing else than the bytes at one place decides. */
static const struct {
  guint8 at, n;
  const char *bytes;
  Kind kind;
} signatures[] = {
    {0, 3, "\xff\xd8\xff", {CLIPMOE_PICTURE_STILL, "a JPEG picture", clipmoe_picture_jpeg}},
    {0, 8, "\x89PNG\r\n\x1a\n", {CLIPMOE_PICTURE_STILL, "a PNG picture", clipmoe_picture_png}},
    {0, 6, "GIF87a", {CLIPMOE_PICTURE_STILL, "a GIF picture", clipmoe_picture_gif}},
    {0, 6, "GIF89a", {CLIPMOE_PICTURE_STILL, "a GIF picture", clipmoe_picture_gif}},
    {0, 5, "%PDF-", OTHER ("a PDF document")},
    {0, 4, "%!PS", OTHER ("a PostScript document")},
    {0, 4, "PK\3\4", OTHER ("a ZIP archive (or a document or checkpoint that is one)")},
    {0, 4, "PK\5\6", OTHER ("an empty ZIP archive")},
    {0, 2, "\x1f\x8b", OTHER ("a file packed with gzip")},
    {0, 3, "BZh", OTHER ("a file packed with bzip2")},
    {0, 6, "\xfd\x37zXZ\0", OTHER ("a file packed with xz")},
    {0, 4, "\x28\xb5\x2f\xfd", OTHER ("a file packed with Zstandard")},
    {0, 6, "7z\xbc\xaf\x27\x1c", OTHER ("a 7-Zip archive")},
    {0, 6, "Rar!\x1a\7", OTHER ("a RAR archive")},
    {0, 4,
     "\x7f"
     "ELF",
     OTHER ("a program")},
    {0, 4, "GGUF", OTHER ("a GGUF model")},
    {0, 8, "\x89HDF\r\n\x1a\n", OTHER ("an HDF5 file")},
    {0, 6, "\x93NUMPY", OTHER ("a NumPy array")},
    {0, 16, "SQLite format 3", OTHER ("an SQLite data base")},
    {0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OTHER ("an old office document")},
    {0, 4, "8BPS", OTHER ("a Photoshop picture")},
    {0, 8, "gimp xcf", OTHER ("a GIMP picture")},
    {0, 4, "\x76\x2f\x31\x01", OTHER ("an OpenEXR picture")},
    {0, 4, "qoif", OTHER ("a QOI picture")},
    {0, 4, "DDS ", OTHER ("a DDS texture")},
    {0, 4, "\n\5\1\10", OTHER ("a PCX picture")},
    {0, 3, "\1\xda\1", OTHER ("an SGI picture")},
    {0, 3, "\1\xda\0", OTHER ("an SGI picture")},
    {0, 4, "icns", OTHER ("an icon")},
    {0, 9, "SIMPLE  =", OTHER ("a FITS picture")},
    {128, 4, "DICM", OTHER ("a DICOM picture")},
    {0, 15, "FUJIFILMCCD-RAW", OTHER ("a camera's raw file")},
    {0, 4, "IIRO", OTHER ("a camera's raw file")},
    {0, 4, "IIRS", OTHER ("a camera's raw file")},
    {0, 4, "IIU\0", OTHER ("a camera's raw file")},
    {0, 43, "version https://git-lfs.github.com/spec/v1\n",
     OTHER ("a pointer that Git LFS left in place of the file (git lfs pull fetches it)")},
};

static gboolean
starts (const guint8 *head, gsize n, const char *text) {
  return n >= strlen (text) && memcmp (head, text, strlen (text)) == 0;
}

static guint
u32 (const guint8 *p) {
  return (guint)p[0] | (guint)p[1] << 8 | (guint)p[2] << 16 | (guint)p[3] << 24;
}

/* ISO base media: a still where a brand says so. */
static const Kind *
kind_of_brands (const guint8 *head, gsize n) {
  static const char *const stills[] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"};
  gsize size = (gsize)head[0] << 24 | (gsize)head[1] << 16 | (gsize)head[2] << 8 | head[3];
  gboolean av1 = FALSE, still = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (stills); i++)
    still |= memcmp (head + 8, stills[i], 4) == 0;
  for (gsize at = 8; at + 4 <= MIN (n, MIN (size, 256)); at += at == 8 ? 8 : 4)
    av1 |= memcmp (head + at, "avif", 4) == 0 || memcmp (head + at, "avis", 4) == 0;
  if (memcmp (head + 8, "crx ", 4) == 0)
    return &raw;
  if (memcmp (head + 8, "avi", 3) == 0 || (still && av1))
    return &avif;
  return still ? &heic : &video;
}

/* Cameras' raw files are TIFF files that begin with a thumbnail. */
static const Kind *
kind_of_tiff (const guint8 *head, gsize n) {
  gboolean little = head[0] == 'I';
#define U16(p) (little ? (guint)(p)[0] | (guint)(p)[1] << 8 : (guint)(p)[0] << 8 | (guint)(p)[1])
#define U32(p) (little ? U16 (p) | U16 ((p) + 2) << 16 : U16 (p) << 16 | U16 ((p) + 2))
  if (n >= 10 && memcmp (head + 8, "CR", 2) == 0)
    return &raw;
  gsize at = n >= 8 ? U32 (head + 4) : n;
  if (at > n || n - at < 2 || head[little ? 2 : 3] != 42)
    return &tiff; /* it lies further behind, or is a BigTIFF: no camera writes that */
  guint entries = U16 (head + at);
  at += 2;
  for (guint i = 0; i < entries && n - at >= 12; i++, at += 12) {
    guint tag = U16 (head + at), type = U16 (head + at + 2);
    guint value = type == 3 ? U16 (head + at + 8) : U32 (head + at + 8);
    if ((tag == 0xfe && value & 1) || tag == 0xc612)
      return &raw;
  }
#undef U16
#undef U32
  return &tiff;
}

static gboolean
is_bmp (const guint8 *head, gsize n) {
  static const guint8 sizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
  return n >= 18 && head[0] == 'B' && head[1] == 'M' && u32 (head + 14) < 256 &&
         memchr (sizes, (int)u32 (head + 14), sizeof sizes);
}

/* Its signature is a start code of raw MPEG video, too: so the first entry must make sense. */
static gboolean
is_icon (const guint8 *head, gsize n) {
  if (n < 22 || memcmp (head, "\0\0\1\0", 4) != 0)
    return FALSE;
  guint count = (guint)head[4] | (guint)head[5] << 8;
  return count >= 1 && count <= 256 && head[9] == 0 && head[11] == 0 && u32 (head + 14) >= 40 &&
         u32 (head + 18) >= 6 + 16 * count && u32 (head + 18) < (1 << 24);
}

/* Text that is a description of something to play. */
static gboolean
is_playable_text (const guint8 *head, gsize n) {
  static const char *const begins[] = {"#EXTM3U", "YUV4MPEG2 ", "v=0"};
  static const char *const holds[] = {"<MPD", "<SmoothStreamingMedia", "<svg"};
  for (guint i = 0; i < G_N_ELEMENTS (begins); i++)
    if (starts (head, n, begins[i]))
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (holds); i++)
    if (memmem (head, n, holds[i], strlen (holds[i])))
      return TRUE;
  return n >= 3 && head[0] == 'P' && head[1] >= '1' && head[1] <= '7' && g_ascii_isspace ((char)head[2]);
}

static const Kind *
kind_of_text (const guint8 *head, gsize n) {
  static const Kind text = OTHER ("a text file"), html = OTHER ("a web page"), xml = OTHER ("an XML file"),
                    json = OTHER ("a JSON file");
  static const char *const tags[] = {"<!doctype html", "<html",  "<head", "<body",
                                     "<script",        "<title", "<div"};
  gsize at = starts (head, n, "\xef\xbb\xbf") ? 3 : 0;
  if (starts (head, n, "\xff\xfe") || starts (head, n, "\xfe\xff"))
    return n >= 4 && (!head[2] || !head[3]) ? &text : &video; /* UTF-16; else MPEG audio and the like */
  for (gsize i = at; i < n; i++)
    if ((head[i] < 32 && !strchr ("\t\n\r\f\x1b", head[i])) || !head[i] || head[i] == 127)
      return &video;
  const char *end;
  if (!g_utf8_validate ((const char *)head + at, (gssize)(n - at), &end)) {
    gsize high = 0; /* perhaps Latin-1: a few letters */
    for (gsize i = at; i < n; i++)
      high += head[i] >= 128;
    if (n - (gsize)(end - (const char *)head) >= 4 && high > n / 4)
      return &video;
  }
  while (at < n && g_ascii_isspace ((char)head[at]))
    at++;
  const char *first = (const char *)head + at;
  for (guint i = 0; i < G_N_ELEMENTS (tags); i++)
    if (n - at >= strlen (tags[i]) && g_ascii_strncasecmp (first, tags[i], strlen (tags[i])) == 0)
      return &html;
  if (starts (head + at, n - at, "<?xml") || starts (head + at, n - at, "<!--")) {
    char *lower = g_ascii_strdown (first, (gssize)(n - at));
    gboolean page = strstr (lower, "<html") != NULL;
    g_free (lower);
    return page ? &html : &xml;
  }
  if (at >= n || (*first != '{' && *first != '['))
    return &text;
  for (at++; at < n && g_ascii_isspace ((char)head[at]);) /* a list of labels may begin with [group door] */
    at++;
  return at == n || strchr ("\"{}[]-0123456789", head[at]) || starts (head + at, n - at, "true") ||
                 starts (head + at, n - at, "false") || starts (head + at, n - at, "null")
             ? &json
             : &text;
}

const ClipmoePictureKind *
clipmoe_picture_kind (const guint8 *head, gsize n) {
  static const Kind empty = OTHER ("an empty file"), tar = OTHER ("a tar archive"),
                    webp = {CLIPMOE_PICTURE_STILL, "a WebP picture", clipmoe_picture_webp},
                    hdr = OTHER ("a Radiance picture");
  n = MIN (n, CLIPMOE_PICTURE_HEAD);
  if (!n)
    return &empty;
  for (guint i = 0; i < G_N_ELEMENTS (signatures); i++)
    if (n >= (gsize)signatures[i].at + signatures[i].n &&
        memcmp (head + signatures[i].at, signatures[i].bytes, signatures[i].n) == 0)
      return &signatures[i].kind;
  if (n >= 12 && memcmp (head, "RIFF", 4) == 0 && memcmp (head + 8, "WEBP", 4) == 0)
    return &webp;
  if (n >= 12 && memcmp (head + 4, "ftyp", 4) == 0)
    return kind_of_brands (head, n);
  if (n >= 12 && memcmp (head, "\0\0\0\x0cJXL \r\n\x87\n", 12) == 0)
    return &jxl;
  if (n >= 12 &&
      memcmp (head, "\xff\x0a", 2) == 0) /* a bare code stream; MPEG audio begins with ff e0 or more */
    return &jxl;
  if (n >= 4 && (memcmp (head, "II*\0", 4) == 0 || memcmp (head, "MM\0*", 4) == 0 ||
                 memcmp (head, "II+\0", 4) == 0 || memcmp (head, "MM\0+", 4) == 0))
    return kind_of_tiff (head, n);
  if (is_bmp (head, n))
    return &bmp;
  if (is_icon (head, n))
    return &icon;
  if (n >= 262 && memcmp (head + 257, "ustar", 5) == 0)
    return &tar;
  if (starts (head, n, "#?RADIANCE"))
    return &hdr;
  return is_playable_text (head, n) ? &video : kind_of_text (head, n);
}
