/* Lines of text to a file or a pipe from a thread of its own, so that a slow reader does not hold up video.
 */
#ifndef CLIPMOE_LINE_WRITER_H
#define CLIPMOE_LINE_WRITER_H

#include "news.h"

typedef struct _ClipmoeLineWriter ClipmoeLineWriter;

/* What a line is of; they are counted apart. */
typedef enum { CLIPMOE_LINE_LOOK, CLIPMOE_LINE_EVENT, CLIPMOE_LINE_KINDS } ClipmoeLineKind;

#define CLIPMOE_LINES_MOST 1000
#define CLIPMOE_LINES_BYTES (16 << 20)

/* @path: NULL is standard output. @tell: may be NULL. Returns NULL with @error when it cannot be opened
 * (G_FILE_ERROR) or no thread can be created (G_THREAD_ERROR). A named pipe without a reader is no error: the
 * writer waits for one. */
ClipmoeLineWriter *clipmoe_line_writer_new (const char *path, ClipmoeSinkTell tell, gpointer data,
                                            GError **error);
/* TRUE: a live stream, which cannot wait: when the queue is full the oldest line is dropped, and a failed
 * write drops its line. FALSE, the default: clipmoe_line_writer_add() waits, and a failed write ends the
 * writer. */
void clipmoe_line_writer_set_live (ClipmoeLineWriter *self, gboolean live);
/* Waits up to two seconds for the queue to be written; the counts are final then. Returns how many lines were
 * lost. */
guint64 clipmoe_line_writer_finish (ClipmoeLineWriter *self);
/* After clipmoe_line_writer_finish(). No other call may be running, or come later. */
void clipmoe_line_writer_free (ClipmoeLineWriter *self);
/* Takes over @text, which has no line feed. Returns FALSE with @error when a write failed before
 * (G_FILE_ERROR), FALSE without when it was cancelled or finished. */
gboolean clipmoe_line_writer_add (ClipmoeLineWriter *self, ClipmoeLineKind kind, char *text, GError **error);
/* Waits until the queue is written: for a live stream two seconds at most, else until nothing was read for
 * ten seconds. Returns how many lines still wait; @error: writing failed (G_FILE_ERROR). */
guint clipmoe_line_writer_drain (ClipmoeLineWriter *self, GError **error);
/* TRUE: the two functions above return at once; FALSE: they may wait again. */
void clipmoe_line_writer_cancel (ClipmoeLineWriter *self, gboolean cancel);
/* For log rotation: the path is opened again before the next line is written, or now if none waits. Anything
 * but a regular file is left as it is. */
void clipmoe_line_writer_reopen (ClipmoeLineWriter *self);
/* Lines of @kind written and dropped so far. Any thread. */
void clipmoe_line_writer_get_counts (ClipmoeLineWriter *self, ClipmoeLineKind kind, guint64 *written,
                                     guint64 *dropped);

#endif
