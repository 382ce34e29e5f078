/* A strict reader of the zip archives that torch writes. An archive is read by its central directory, and
 * refused unless every local record says the same, nothing overlaps, and names are unique and plain: two
 * readers must not see different contents in one file. Only stored members are read, none is inflated, and no
 * path in the archive is ever opened. */
#ifndef CLIPMOE_ZIP_H
#define CLIPMOE_ZIP_H

#include "../base/file.h"

typedef struct _ClipmoeZip ClipmoeZip;

typedef struct {
  const char *name;
  guint64 data, size; /* where its bytes begin in the file, and how many it has there */
  guint32 crc;
  gboolean stored; /* else it is deflated: it can be listed, but not read */
} ClipmoeZipEntry;

/* @file must outlive the archive. Errors name the file. */
ClipmoeZip *clipmoe_zip_open (ClipmoeFile *file, GError **error);
void clipmoe_zip_free (ClipmoeZip *zip);
guint clipmoe_zip_get_n (const ClipmoeZip *zip);
/* In the order of the file. */
const ClipmoeZipEntry *clipmoe_zip_get (const ClipmoeZip *zip, guint i);
/* NULL when there is none of this name. */
const ClipmoeZipEntry *clipmoe_zip_find (const ClipmoeZip *zip, const char *name);
/* All bytes of a stored member of at most @limit, their checksum verified; g_free() them. */
guint8 *clipmoe_zip_read (ClipmoeZip *zip, const ClipmoeZipEntry *entry, guint64 limit, GError **error);
/* Whether @data, the member's bytes, have its checksum. */
gboolean clipmoe_zip_check (ClipmoeZip *zip, const ClipmoeZipEntry *entry, const guint8 *data,
                            GError **error);
/* The same, reading the member's bytes from the file piece by piece. */
gboolean clipmoe_zip_check_file (ClipmoeZip *zip, const ClipmoeZipEntry *entry, GError **error);

#endif
