/* Lines of text to a file or a pipe from a thread of its own, so that a slow reader does not hold up video.
 */
#ifndef CLIPMOE_LINE_WRITER_H
#define CLIPMOE_LINE_WRITER_H

#include <gst/gst.h>

typedef struct _ClipmoeLineWriter ClipmoeLineWriter;

#define CLIPMOE_LINES_MOST 1000
#define CLIPMOE_LINES_BYTES (16 << 20)

/* @fd: written to, and closed at the end if @close. */
ClipmoeLineWriter *clipmoe_line_writer_new (int fd, gboolean close, GError **error);
/* TRUE: when the reader is too slow the oldest waiting line goes (a live stream cannot wait); FALSE, as at
 * first: clipmoe_line_writer_add() waits. */
void clipmoe_line_writer_set_drop (ClipmoeLineWriter *self, gboolean drop);
/* Gives what waits two seconds more, then frees. Returns how many lines were lost at the end. */
guint clipmoe_line_writer_free (ClipmoeLineWriter *self);
/* Takes over @line, without a line feed. FALSE: writing failed before (@error says how), or was cancelled. */
gboolean clipmoe_line_writer_add (ClipmoeLineWriter *self, char *line, GError **error);
/* Waits until all is written. FALSE as above. */
gboolean clipmoe_line_writer_drain (ClipmoeLineWriter *self, GError **error);
/* Whoever waits in the two above returns; @cancel FALSE lets them wait again. */
void clipmoe_line_writer_cancel (ClipmoeLineWriter *self, gboolean cancel);
void clipmoe_line_writer_get_counts (ClipmoeLineWriter *self, guint64 *written, guint64 *dropped);

#endif
