#include "zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "../base/error.h"
#include "../base/limits.h"

#define LOCAL_SIZE 30
#define CENTRAL_SIZE 46
#define END_SIZE 22
#define LOCATOR64_SIZE 20
#define END64_SIZE 56
/* Sizes follow the data; names are UTF-8. Every other flag (encryption, patches, masks) is refused. */
#define FLAG_DESCRIPTOR 0x0008
#define FLAG_UTF8 0x0800
#define FLAG_LEVEL 0x0006 /* deflate's compression level; irrelevant to a reader */

/* What the directory says of a member, and where it ends, trailing descriptor included. */
typedef struct {
  ClipmoeZipEntry entry;
  guint64 header, unpacked, end;
  guint16 flags, method;
} Member;

struct _ClipmoeZip {
  ClipmoeFile *file;
  const char *path;
  Member *members;
  guint n;
  GHashTable *names;   /* to Member */
  GStringChunk *texts; /* the names themselves */
};

/* The format is a literal. */
#define bad(zip, error, ...)                                                                                 \
  clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, (zip)->path, "zip archive: " __VA_ARGS__)

static guint16
u16 (const guint8 *p) {
  return (guint16)(p[0] | p[1] << 8);
}

static guint32
u32 (const guint8 *p) {
  return u16 (p) | (guint32)u16 (p + 2) << 16;
}

static guint64
u64 (const guint8 *p) {
  return u32 (p) | (guint64)u32 (p + 4) << 32;
}

/* A value of @width bytes that is all ones stands in the 64 bit record instead. */
static gboolean
agrees (guint64 small, guint width, guint64 large) {
  guint64 escape = width == 2 ? 0xffff : 0xffffffff;
  return small == escape || small == large;
}

/* Finds the directory. The end record must be the last thing in the file: an archive comment after it could
 * contain a second record, and readers would disagree on which one counts. */
static gboolean
find_directory (ClipmoeZip *zip, guint64 *offset, guint64 *size, guint64 *count, GError **error) {
  guint64 length = clipmoe_file_get_size (zip->file), end = length - END_SIZE;
  guint8 e[END_SIZE], l[LOCATOR64_SIZE], r[END64_SIZE];
  if (length < END_SIZE)
    return bad (zip, error, "%" G_GUINT64_FORMAT " bytes, too short for one", length);
  if (!clipmoe_file_pread (zip->file, end, e, sizeof e, error))
    return FALSE;
  if (memcmp (e, "PK\5\6", 4) != 0 || u16 (e + 20) != 0)
    return bad (zip, error, "no end record at the end of the file: cut, or with something behind it");
  if (u16 (e + 4) != 0 || u16 (e + 6) != 0 || u16 (e + 8) != u16 (e + 10))
    return bad (zip, error, "in several parts, expected one");
  *count = u16 (e + 10);
  *size = u32 (e + 12);
  *offset = u32 (e + 16);
  gboolean is64 = FALSE;
  if (end >= LOCATOR64_SIZE + END64_SIZE) {
    if (!clipmoe_file_pread (zip->file, end - LOCATOR64_SIZE, l, sizeof l, error))
      return FALSE;
    is64 = memcmp (l, "PK\6\7", 4) == 0;
  }
  if (is64) {
    guint64 end64 = end - LOCATOR64_SIZE - END64_SIZE;
    if (u64 (l + 8) != end64 || u32 (l + 4) != 0 || u32 (l + 16) != 1)
      return bad (zip, error, "its zip64 record is not directly before the end record");
    if (!clipmoe_file_pread (zip->file, end64, r, sizeof r, error))
      return FALSE;
    if (memcmp (r, "PK\6\6", 4) != 0 || u64 (r + 4) != END64_SIZE - 12 || u32 (r + 16) != 0 ||
        u32 (r + 20) != 0 || u64 (r + 24) != u64 (r + 32) || !agrees (*count, 2, u64 (r + 32)) ||
        !agrees (*size, 4, u64 (r + 40)) || !agrees (*offset, 4, u64 (r + 48)))
      return bad (zip, error, "its zip64 record contradicts the end record");
    *count = u64 (r + 32);
    *size = u64 (r + 40);
    *offset = u64 (r + 48);
    end = end64;
  }
  if (*offset > end || *size != end - *offset)
    return bad (zip, error,
                "a directory of %" G_GUINT64_FORMAT " bytes at byte %" G_GUINT64_FORMAT
                " does not end where the end record begins",
                *size, *offset);
  if (*count > CLIPMOE_MAX_ZIP_ENTRIES || *size > CLIPMOE_MAX_ZIP_DIRECTORY) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "%s: zip archive: a directory of %" G_GUINT64_FORMAT " members in %" G_GUINT64_FORMAT
                 " bytes, the limits are %u and %u",
                 zip->path, *count, *size, CLIPMOE_MAX_ZIP_ENTRIES, CLIPMOE_MAX_ZIP_DIRECTORY);
    return FALSE;
  }
  if (*count == 0 || *count > *size / CENTRAL_SIZE)
    return bad (zip, error,
                "%" G_GUINT64_FORMAT " members do not fit a directory of %" G_GUINT64_FORMAT " bytes", *count,
                *size);
  return TRUE;
}

/* Replaces what is all ones by the value in the zip64 extra field, in the order that the format fixes. */
static gboolean
apply_extra (const guint8 *extra, guint length, guint64 *fields[], guint n_fields) {
  gboolean seen = FALSE;
  guint needed = 0;
  for (guint i = 0; i < n_fields; i++)
    needed += *fields[i] == 0xffffffff;
  while (length) {
    guint id, size;
    if (length < 4)
      return FALSE;
    id = u16 (extra);
    size = u16 (extra + 2);
    if (size > length - 4)
      return FALSE;
    if (id == 1) {
      const guint8 *p = extra + 4;
      if (seen || size < 8 * needed)
        return FALSE;
      seen = TRUE;
      for (guint i = 0; i < n_fields; i++)
        if (*fields[i] == 0xffffffff) {
          *fields[i] = u64 (p);
          p += 8;
        }
    }
    extra += 4 + size;
    length -= 4 + size;
  }
  return seen || !needed;
}

/* Whether the name is a relative path of plain parts. No file is opened by that name, but it is printed and
 * compared. */
static gboolean
plain_name (const char *name, gsize length) {
  if (length < 1 || length > CLIPMOE_MAX_ZIP_NAME || !g_utf8_validate (name, (gssize)length, NULL))
    return FALSE;
  const char *part = name, *end = name + length;
  for (const char *c = name; c <= end; c++) {
    if (c < end && ((guint8)*c < 32 || *c == 127 || *c == '\\' || *c == ':'))
      return FALSE;
    if (c == end || *c == '/') {
      gsize n = (gsize)(c - part);
      if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
        return FALSE;
      part = c + 1;
    }
  }
  return TRUE;
}

static gboolean
parse_central (ClipmoeZip *zip, const guint8 *p, guint64 left, guint64 *used, GError **error) {
  Member m = {0};
  if (left < CENTRAL_SIZE || memcmp (p, "PK\1\2", 4) != 0)
    return bad (zip, error, "member %u of its directory is cut or no such record", zip->n);
  guint n_name = u16 (p + 28), n_extra = u16 (p + 30), n_comment = u16 (p + 32);
  *used = CENTRAL_SIZE + (guint64)n_name + n_extra + n_comment;
  if (*used > left)
    return bad (zip, error, "member %u of its directory is cut", zip->n);
  const char *text = (const char *)p + CENTRAL_SIZE;
  if (!plain_name (text, n_name)) {
    char *copy = g_strndup (text, MIN (n_name, 80)), *escaped = g_strescape (copy, NULL);
    bad (zip, error, "member \"%.80s\": expected a plain relative name in UTF-8", escaped);
    g_free (escaped);
    g_free (copy);
    return FALSE;
  }
  m.entry.name = g_string_chunk_insert_len (zip->texts, text, n_name);
  m.flags = u16 (p + 8);
  m.method = u16 (p + 10);
  m.entry.crc = u32 (p + 16);
  m.entry.size = u32 (p + 20);
  m.unpacked = u32 (p + 24);
  m.header = u32 (p + 42);
  m.entry.stored = m.method == 0;
  guint64 *fields[] = {&m.unpacked, &m.entry.size, &m.header};
  if (!apply_extra ((const guint8 *)text + n_name, n_extra, fields, G_N_ELEMENTS (fields)))
    return bad (zip, error, "member \"%.80s\": its extra fields are broken", m.entry.name);
  if (m.flags & ~(FLAG_DESCRIPTOR | FLAG_UTF8 | FLAG_LEVEL))
    return bad (zip, error, "member \"%.80s\" is encrypted or of an unknown kind (flags %#x)", m.entry.name,
                m.flags);
  if (m.method != 0 && m.method != 8)
    return bad (zip, error, "member \"%.80s\": unknown method %u, expected stored", m.entry.name, m.method);
  if (m.entry.stored && m.unpacked != m.entry.size)
    return bad (zip, error, "member \"%.80s\" is stored, but its two sizes differ", m.entry.name);
  if (u16 (p + 34) != 0)
    return bad (zip, error, "member \"%.80s\" lies in another part", m.entry.name);
  if (p[5] == 3 && (u32 (p + 38) >> 28) == 0xa)
    return bad (zip, error, "member \"%.80s\" is a link", m.entry.name);
  if (g_hash_table_contains (zip->names, m.entry.name))
    return bad (zip, error, "member \"%.80s\" stands there twice", m.entry.name);
  zip->members[zip->n] = m;
  g_hash_table_insert (zip->names, (gpointer)m.entry.name, &zip->members[zip->n]);
  zip->n++;
  return TRUE;
}

/* Behind the data: perhaps a signature, then checksum and sizes of 4 or 8 bytes. 0 when none of the forms
 * fits. */
static guint
descriptor_size (const guint8 *p, guint64 length, const Member *m) {
  for (guint form = 0; form < 4; form++) {
    guint signature = form & 1 ? 0 : 4, wide = form & 2 ? 8 : 4, size = signature + 4 + 2 * wide;
    if (size > length || (signature && memcmp (p, "PK\7\10", 4) != 0))
      continue;
    const guint8 *q = p + signature;
    guint64 packed = wide == 8 ? u64 (q + 4) : u32 (q + 4);
    guint64 unpacked = wide == 8 ? u64 (q + 12) : u32 (q + 8);
    if (u32 (q) == m->entry.crc && packed == m->entry.size && unpacked == m->unpacked)
      return size;
  }
  return 0;
}

/* The local record must say what the directory says, and all of the member must lie before the directory. */
static gboolean
check_local (ClipmoeZip *zip, Member *m, guint64 directory, GError **error) {
  guint8 h[LOCAL_SIZE], text[CLIPMOE_MAX_ZIP_NAME], descriptor[24];
  if (m->header > directory || directory - m->header < LOCAL_SIZE)
    return bad (zip, error, "member \"%.80s\" lies outside the file", m->entry.name);
  if (!clipmoe_file_pread (zip->file, m->header, h, sizeof h, error))
    return FALSE;
  guint n_name = u16 (h + 26), n_extra = u16 (h + 28);
  m->entry.data = m->header + LOCAL_SIZE + n_name + n_extra;
  if (memcmp (h, "PK\3\4", 4) != 0 || n_name != strlen (m->entry.name))
    return bad (zip, error, "member \"%.80s\" has no local record of that name", m->entry.name);
  if (m->entry.data > directory || m->entry.size > directory - m->entry.data)
    return bad (zip, error, "member \"%.80s\" lies outside the file", m->entry.name);
  if (!clipmoe_file_pread (zip->file, m->header + LOCAL_SIZE, text, n_name, error))
    return FALSE;
  if (memcmp (text, m->entry.name, n_name) != 0)
    return bad (zip, error, "member \"%.80s\" has no local record of that name", m->entry.name);

  guint64 packed = u32 (h + 18), unpacked = u32 (h + 22);
  guint64 *fields[] = {&unpacked, &packed};
  guint8 *extra = g_malloc (MAX (n_extra, 1)); /* at most 64 KiB, and in the file */
  gboolean ok = clipmoe_file_pread (zip->file, m->header + LOCAL_SIZE + n_name, extra, n_extra, error);
  if (ok && !apply_extra (extra, n_extra, fields, G_N_ELEMENTS (fields)))
    ok = bad (zip, error, "member \"%.80s\": its local extra fields are broken", m->entry.name);
  g_free (extra);
  if (!ok)
    return FALSE;
  guint32 crc = u32 (h + 14);
  gboolean deferred = m->flags & FLAG_DESCRIPTOR && !crc && !packed && !unpacked;
  if (u16 (h + 6) != m->flags || u16 (h + 8) != m->method ||
      (!deferred && (crc != m->entry.crc || packed != m->entry.size || unpacked != m->unpacked)))
    return bad (zip, error, "member \"%.80s\": its local record contradicts the directory", m->entry.name);
  m->end = m->entry.data + m->entry.size;
  if (m->flags & FLAG_DESCRIPTOR) {
    guint64 left = MIN (directory - m->end, sizeof descriptor);
    if (!clipmoe_file_pread (zip->file, m->end, descriptor, (gsize)left, error))
      return FALSE;
    guint size = descriptor_size (descriptor, left, m);
    if (!size)
      return bad (zip, error, "member \"%.80s\": what follows its data contradicts the directory",
                  m->entry.name);
    m->end += size;
  }
  return TRUE;
}

static int
by_place (gconstpointer a, gconstpointer b) {
  const Member *x = a, *y = b;
  return x->header < y->header ? -1 : x->header > y->header;
}

static gboolean
read_directory (ClipmoeZip *zip, GError **error) {
  guint64 offset = 0, size = 0, count = 0, at = 0, used = 0;
  if (!find_directory (zip, &offset, &size, &count, error))
    return FALSE;
  guint8 *directory = g_try_malloc ((gsize)size);
  zip->members = g_try_new0 (Member, (gsize)count);
  if (!directory || !zip->members) {
    g_free (directory);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for the zip directory",
                 zip->path);
    return FALSE;
  }
  gboolean ok = clipmoe_file_pread (zip->file, offset, directory, (gsize)size, error);
  while (ok && zip->n < count) {
    ok = parse_central (zip, directory + at, size - at, &used, error);
    at += used;
  }
  g_free (directory);
  if (ok && at != size)
    ok = bad (zip, error, "its directory goes on behind the last member");
  for (guint i = 0; i < zip->n && ok; i++)
    ok = check_local (zip, &zip->members[i], offset, error);
  if (!ok)
    return FALSE;
  qsort (zip->members, zip->n, sizeof *zip->members, by_place);
  for (guint i = 0; i < zip->n; i++) {
    Member *m = &zip->members[i];
    g_hash_table_insert (zip->names, (gpointer)m->entry.name, m); /* sorting moved it */
    if (i == 0 ? m->header != 0 : m->header < zip->members[i - 1].end)
      return i ? bad (zip, error, "member \"%.80s\" overlaps another one", m->entry.name)
               : bad (zip, error, "something stands before member \"%.80s\"", m->entry.name);
  }
  return TRUE;
}

ClipmoeZip *
clipmoe_zip_open (ClipmoeFile *file, GError **error) {
  ClipmoeZip *zip = g_new0 (ClipmoeZip, 1);
  zip->file = file;
  zip->path = clipmoe_file_get_path (file);
  zip->names = g_hash_table_new (g_str_hash, g_str_equal);
  zip->texts = g_string_chunk_new (4096);
  if (!read_directory (zip, error))
    g_clear_pointer (&zip, clipmoe_zip_free);
  return zip;
}

void
clipmoe_zip_free (ClipmoeZip *zip) {
  if (!zip)
    return;
  g_hash_table_unref (zip->names);
  g_string_chunk_free (zip->texts);
  g_free (zip->members);
  g_free (zip);
}

guint
clipmoe_zip_get_n (const ClipmoeZip *zip) {
  return zip->n;
}

const ClipmoeZipEntry *
clipmoe_zip_get (const ClipmoeZip *zip, guint i) {
  return &zip->members[i].entry;
}

const ClipmoeZipEntry *
clipmoe_zip_find (const ClipmoeZip *zip, const char *name) {
  const Member *m = g_hash_table_lookup (zip->names, name);
  return m ? &m->entry : NULL;
}

static gboolean
compare_crc (const ClipmoeZip *zip, const ClipmoeZipEntry *entry, gulong crc, GError **error) {
  return crc == entry->crc ||
         bad (zip, error, "member \"%.80s\" has the checksum %08lx, expected %08x: damaged", entry->name, crc,
              entry->crc);
}

gboolean
clipmoe_zip_check (ClipmoeZip *zip, const ClipmoeZipEntry *entry, const guint8 *data, GError **error) {
  return compare_crc (zip, entry, crc32_z (0, data, (z_size_t)entry->size), error);
}

gboolean
clipmoe_zip_check_file (ClipmoeZip *zip, const ClipmoeZipEntry *entry, GError **error) {
  const gsize step = 1 << 20;
  guint8 *buffer = g_malloc (step);
  gulong crc = 0;
  gboolean ok = TRUE;
  for (guint64 done = 0; done < entry->size && ok; done += step) {
    gsize n = (gsize)MIN (entry->size - done, step);
    ok = clipmoe_file_pread (zip->file, entry->data + done, buffer, n, error);
    if (ok)
      crc = crc32_z (crc, buffer, n);
  }
  g_free (buffer);
  return ok && compare_crc (zip, entry, crc, error);
}

guint8 *
clipmoe_zip_read (ClipmoeZip *zip, const ClipmoeZipEntry *entry, guint64 limit, GError **error) {
  if (!entry->stored) {
    bad (zip, error, "member \"%.80s\" is deflated, expected stored", entry->name);
    return NULL;
  }
  if (entry->size > limit) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "%s: zip archive: member \"%.80s\" of %" G_GUINT64_FORMAT
                 " bytes, the limit is %" G_GUINT64_FORMAT,
                 zip->path, entry->name, entry->size, limit);
    return NULL;
  }
  guint8 *data = g_try_malloc (MAX ((gsize)entry->size, 1));
  if (!data) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for member \"%.80s\"", zip->path,
                 entry->name);
  } else if (!clipmoe_file_pread (zip->file, entry->data, data, (gsize)entry->size, error) ||
             !clipmoe_zip_check (zip, entry, data, error)) {
    g_clear_pointer (&data, g_free);
  }
  return data;
}
