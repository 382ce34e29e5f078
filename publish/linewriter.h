/* Lines of text to a file or a pipe from a thread of its own, so that a slow reader does not hold up video.
 */
#ifndef CLIPMOE_LINE_WRITER_H
#define CLIPMOE_LINE_WRITER_H

#include <gst/gst.h>

typedef struct _ClipmoeLineWriter ClipmoeLineWriter;

#define CLIPMOE_LINES_MOST 1000
#define CLIPMOE_LINES_BYTES (16 << 20)

typedef enum {
  CLIPMOE_LINE_NO_READER, /* nobody has opened the named pipe for reading */
  CLIPMOE_LINE_LEFT,      /* its reader went away */
  CLIPMOE_LINE_READER,    /* there is one now */
  CLIPMOE_LINE_SLOW,      /* the reader is too slow, the first line was dropped */
  CLIPMOE_LINE_WAITS,     /* a stream that can wait waits, and nothing is read */
  CLIPMOE_LINE_FAILED,    /* a live stream's line could not be written: @failed is an errno */
  CLIPMOE_LINE_WORKS      /* lines can be written again */
} ClipmoeLineNews;

/* Called from any thread without a lock, each kind once until its opposite. It may end the writer, and
 * free it. */
typedef void (*ClipmoeLineTell) (gpointer data, ClipmoeLineNews news, int failed);

/* @path: NULL is standard output. NULL: it cannot be opened, @error says why. A named pipe without a reader
 * is no error: one is waited for. */
ClipmoeLineWriter *clipmoe_line_writer_new (const char *path, ClipmoeLineTell tell, gpointer data,
                                            GError **error);
/* TRUE: a live stream, which cannot wait. When the reader is too slow the oldest waiting line goes, and a
 * write that fails costs its line alone. FALSE, as at first: clipmoe_line_writer_add() waits, a failed write
 * is the end. */
void clipmoe_line_writer_set_live (ClipmoeLineWriter *self, gboolean live);
/* Gives what waits two seconds more; the counts are final then. Returns how many lines were lost at the end.
 */
guint64 clipmoe_line_writer_finish (ClipmoeLineWriter *self);
/* For whoever is in one of the calls below while another, or he himself, in @tell, frees it. */
ClipmoeLineWriter *clipmoe_line_writer_ref (ClipmoeLineWriter *self);
/* Gives a reference back, of which clipmoe_line_writer_new() gave the first; that one after
 * clipmoe_line_writer_finish(). */
void clipmoe_line_writer_free (ClipmoeLineWriter *self);
/* Takes over @line, without a line feed. FALSE: writing failed before (@error says how), or was cancelled. */
gboolean clipmoe_line_writer_add (ClipmoeLineWriter *self, char *line, GError **error);
/* Waits until all is written, or nobody reads any more: of a live stream two seconds at most, else ten
 * seconds in which nothing is read. Returns how many lines still wait; @error: writing failed. */
guint clipmoe_line_writer_drain (ClipmoeLineWriter *self, GError **error);
/* Whoever waits in the two above returns; @cancel FALSE lets them wait again. */
void clipmoe_line_writer_cancel (ClipmoeLineWriter *self, gboolean cancel);
/* Lines written and dropped so far. Any thread. */
void clipmoe_line_writer_get_counts (ClipmoeLineWriter *self, guint64 *written, guint64 *dropped);

#endif
