/* Lines of text to a file or a pipe from a thread of its own, so that a slow reader does not hold up video.
 */
#ifndef CLIPMOE_LINE_WRITER_H
#define CLIPMOE_LINE_WRITER_H

#include "news.h"

typedef struct _ClipmoeLineWriter ClipmoeLineWriter;

#define CLIPMOE_LINES_MOST 1000
#define CLIPMOE_LINES_BYTES (16 << 20)

/* @path: NULL is standard output. @tell: may be NULL. NULL: it cannot be opened, @error (G_FILE_ERROR) says
 * why, or there is no thread to be had (G_THREAD_ERROR). A named pipe without a reader is no error: one is
 * waited for. */
ClipmoeLineWriter *clipmoe_line_writer_new (const char *path, ClipmoeSinkTell tell, gpointer data,
                                            GError **error);
/* TRUE: a live stream, which cannot wait. When the reader is too slow the oldest waiting line goes, and a
 * write that fails costs its line alone. FALSE, as at first: clipmoe_line_writer_add() waits, a failed write
 * is the end. */
void clipmoe_line_writer_set_live (ClipmoeLineWriter *self, gboolean live);
/* Gives what waits two seconds more; the counts are final then. Returns how many lines were lost at the end.
 */
guint64 clipmoe_line_writer_finish (ClipmoeLineWriter *self);
/* After clipmoe_line_writer_finish(). Nobody may be in one of the calls below, nor come to be. */
void clipmoe_line_writer_free (ClipmoeLineWriter *self);
/* Takes over @line, without a line feed. FALSE: writing failed before (@error says how: G_FILE_ERROR), or was
 * cancelled. */
gboolean clipmoe_line_writer_add (ClipmoeLineWriter *self, char *line, GError **error);
/* Waits until all is written, or nobody reads any more: of a live stream two seconds at most, else ten
 * seconds in which nothing is read. Returns how many lines still wait; @error: writing failed. */
guint clipmoe_line_writer_drain (ClipmoeLineWriter *self, GError **error);
/* Whoever waits in the two above returns; @cancel FALSE lets them wait again. */
void clipmoe_line_writer_cancel (ClipmoeLineWriter *self, gboolean cancel);
/* Log rotation: the path is opened anew before the next line is written, or now where none waits. What is no
 * regular file is left as it is. */
void clipmoe_line_writer_reopen (ClipmoeLineWriter *self);
/* Lines written and dropped so far. Any thread. */
void clipmoe_line_writer_get_counts (ClipmoeLineWriter *self, guint64 *written, guint64 *dropped);

#endif
