/* The form of a vector file: where its parts lie, its header, and the sums of its blocks. vectors.h is what
 * others use.
 *
 * A header of one page; then groups, each of a page of sums and the rows of 128 blocks, f16 [embed], one
 * behind the other. Each block has two slots for sums there: how many of its rows, from the first on, and the
 * XXH3-64 of them, seeded with the number of the block. An append to a block that is not full writes the rows
 * and the slot that is older. So at any instant one slot stands for rows that are all there, whenever its
 * writer is killed. A block is sound if one of its slots stands for at least the rows that count, and is
 * right. */
#ifndef CLIPMOE_ROWFILE_H
#define CLIPMOE_ROWFILE_H

#include "../core/clipmoe/error.h"
#include "rows.h"

#define CLIPMOE_ROW_PAGE 4096
#define CLIPMOE_GROUP_BLOCKS 128
/* f16 rows: 8 KiB each */
#define CLIPMOE_MAX_EMBED 4096
/* so that no offset overflows, whatever is asked for */
#define CLIPMOE_MAX_ROWS ((guint64)1 << 40)

typedef struct {
  int fd; /* -1: closed */
  char *path;
  guint embed;
} ClipmoeRowFile;

typedef struct {
  guint32 rows; /* 0: this slot is empty */
  guint32 zero;
  guint64 sum;
} ClipmoeBlockSlot;

/* Where @row lies, and where a file of @rows rows ends. */
guint64 clipmoe_row_offset (guint embed, guint64 row);
guint64 clipmoe_row_end (guint embed, guint64 rows);
guint64 clipmoe_slot_offset (guint embed, guint64 block);

/* The header alone, written to @fd. FALSE: errno says why. */
gboolean clipmoe_row_file_write_header (int fd, const char *model, guint embed);
/* Opens an existing file and checks that its header is that of @model and @embed. FALSE: nothing is open. */
gboolean clipmoe_row_file_open (ClipmoeRowFile *self, const char *path, const char *model, guint embed,
                                gboolean write, GError **error);
void clipmoe_row_file_close (ClipmoeRowFile *self);

/* (transfer full): the id that the header has. NULL on error. */
char *clipmoe_row_file_read_model (const ClipmoeRowFile *self, GError **error);
/* FORMAT unless the file has @rows rows by its size. */
gboolean clipmoe_row_file_has (const ClipmoeRowFile *self, guint64 rows, GError **error);
/* Exactly @length bytes; IO where the file ends before. */
gboolean clipmoe_row_file_read (const ClipmoeRowFile *self, guint64 offset, void *to, gsize length,
                                GError **error);
/* The rows of one block: @first is the first of @n. */
gboolean clipmoe_row_file_read_rows (const ClipmoeRowFile *self, guint64 first, gsize n, guint16 *to,
                                     GError **error);
gboolean clipmoe_row_file_read_slots (const ClipmoeRowFile *self, guint64 block, ClipmoeBlockSlot slots[2],
                                      GError **error);
/* The sum of the first @n rows of @block. */
guint64 clipmoe_rows_sum (const guint16 *rows, guint embed, gsize n, guint64 block);
/* Reads the first @n rows of a block to @rows, which has room for a whole one, and checks them: FORMAT where
 * they are damaged, naming them. */
gboolean clipmoe_row_file_read_block (const ClipmoeRowFile *self, guint64 block, gsize n, guint16 *rows,
                                      GError **error);

#endif
