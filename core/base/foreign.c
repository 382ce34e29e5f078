#include "foreign.h"

#include <string.h>
#include "plain.h"

/* Signatures at a fixed place. */
static const struct {
  gsize at, n;
  const char *bytes, *what;
} magics[] = {
    {0, 4, "GGUF", "a GGUF file (llama.cpp)"},
    {0, 4, "lmgg", "a GGML file (llama.cpp)"},
    {0, 4, "tjgg", "a GGML file (llama.cpp)"},
    {0, 4, "fmgg", "a GGML file (llama.cpp)"},
    {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, TensorFlow)"},
    {4, 4, "TFL3", "a TensorFlow Lite model"},
    {4, 4, "ORTM", "a model of ONNX Runtime"},
    {0, 4, "ptrt", "an engine of TensorRT"},
    {0, 4, "ftrt", "an engine of TensorRT"},
    {0, 6, "\x93NUMPY", "a NumPy array (.npy)"},
    {257, 5, "ustar", "a tar archive"},
    {0, 2, "\x1f\x8b", "a gzip file"},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "an xz file"},
    {0, 3, "BZh", "a bzip2 file"},
    {0, 4, "\x28\xb5\x2f\xfd", "a Zstandard file"},
    {0, 4, "\x04\x22\x4d\x18", "an LZ4 file"},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
    {0, 7, "Rar!\x1a\x07\0", "a RAR archive"},
    {0, 7, "Rar!\x1a\x07\x01", "a RAR archive"},
    {0, 5, "%PDF-", "a PDF document"},
    {0, 4,
     "\x7f"
     "ELF",
     "a program or library (ELF)"},
    {0, 8, "\x89PNG\r\n\x1a\n", "a PNG picture"},
    {0, 3, "\xff\xd8\xff", "a JPEG picture"},
    {0, 4, "GIF8", "a GIF picture"},
    {0, 4, "RIFF", "a RIFF file (WebP, WAV, AVI)"},
    {4, 4, "ftyp", "a video or picture (MP4, HEIF)"},
    {0, 15, "SQLite format 3", "a database of SQLite"},
    {0, 4, "ARRO", "a file of Apache Arrow"},
    {0, 4, "PAR1", "a file of Apache Parquet"},
};

static gboolean
begins (const char *text, const char *with) {
  return g_ascii_strncasecmp (text, with, strlen (with)) == 0;
}

/* protobuf: ir_version, then the producer's name or the graph (ONNX); or a version and a graph of TensorFlow.
 */
static const char *
protobuf (const guint8 *p, gsize n) {
  if (n < 16 || p[0] != 0x08)
    return NULL;
  if (p[1] >= 1 && p[1] <= 32 && p[2] == 0x3a)
    return "an ONNX model";
  if (p[1] < 1 || p[1] > 32 || p[2] != 0x12)
    return NULL;
  gsize length = p[3];
  gboolean name = length < 64 && 4 + length <= n;
  for (gsize i = 0; name && i < length; i++)
    name = g_ascii_isprint (p[4 + i]);
  return name ? "an ONNX model" : p[1] == 1 ? "a SavedModel of TensorFlow" : NULL;
}

/* MessagePack, in which Flax stores parameters: a map whose first key is text. */
static gboolean
is_msgpack (const guint8 *p, gsize n) {
  if (n < 8)
    return FALSE;
  const guint8 *key = p + (p[0] == 0xde ? 3 : p[0] == 0xdf ? 5 : 1);
  guint length = key[0] >= 0xa1 && key[0] <= 0xbf ? key[0] & 31u : 0;
  gboolean map = (p[0] >= 0x81 && p[0] <= 0x8f) || p[0] == 0xde || p[0] == 0xdf;
  for (guint i = 1; map && length && i <= length; i++)
    map = key + i < p + n && g_ascii_isprint (key[i]);
  return map && length;
}

static char *
describe_text (const char *text, gboolean any) {
  if (begins (text, "version https://git-lfs.github.com/spec/") ||
      begins (text, "version https://hawser.github.com/spec/"))
    return g_strdup ("a pointer of Git LFS: the file itself was not downloaded (git lfs pull fetches it)");
  if (begins (text, "<!doctype html") || begins (text, "<html") || begins (text, "<head") ||
      begins (text, "<body") || begins (text, "<!--"))
    return g_strdup ("an HTML page, as a server sends in place of a file");
  if (begins (text, "<?xml") || begins (text, "<Error"))
    return g_strdup ("XML, as a server sends in place of a file");
  if (!any)
    return NULL;
  if (*text == '{' || *text == '[')
    return g_strdup (strstr (text, "\"weight_map\"") || strstr (text, "\"total_size\"")
                         ? "the index of a model in shards, whose name must end in .index.json"
                         : "JSON");
  char *line = g_strndup (text, MIN (strcspn (text, "\r\n"), 60)), *plain = clipmoe_plain (line, -1),
       *what = g_strdup_printf ("text: \"%s\"", plain);
  g_free (line);
  g_free (plain);
  return what;
}

char *
clipmoe_foreign_describe (const guint8 *head, gsize length, gboolean text) {
  for (guint i = 0; i < G_N_ELEMENTS (magics); i++)
    if (magics[i].at + magics[i].n <= length &&
        memcmp (head + magics[i].at, magics[i].bytes, magics[i].n) == 0)
      return g_strdup (magics[i].what);
  const char *message = protobuf (head, length);
  if (message)
    return g_strdup (message);
  if (is_msgpack (head, length))
    return g_strdup ("a MessagePack file (Flax)");
  gsize zeros = 0, skip = length >= 3 && memcmp (head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  while (zeros < length && !head[zeros])
    zeros++;
  if (length && zeros == length)
    return g_strdup ("nothing but zeros at its beginning, as a download leaves that was not finished");
  if (length >= 4 &&
      ((memcmp (head, "\xff\xfe", 2) == 0 && !head[3]) || (memcmp (head, "\xfe\xff", 2) == 0 && !head[2])))
    return text ? g_strdup ("text in UTF-16") : NULL;
  while (skip < length && g_ascii_isspace (head[skip]))
    skip++;
  for (gsize i = skip; i < length; i++)
    if ((head[i] < 32 && !g_ascii_isspace (head[i])) || head[i] == 127)
      return NULL;
  char *copy = g_strndup ((const char *)head + skip, length - skip);
  const char *end;
  /* The last character may be cut. */
  text = text && (g_utf8_validate (copy, -1, &end) || (length == CLIPMOE_FOREIGN_HEAD && strlen (end) < 4));
  char *what = *copy ? describe_text (copy, text) : NULL;
  g_free (copy);
  return what;
}
