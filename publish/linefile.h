/* Writes lines to a file (appending), a named pipe or standard output. A line is written whole or not at all,
 * also when other processes write to the same file. Not thread-safe. */
#ifndef CLIPMOE_LINE_FILE_H
#define CLIPMOE_LINE_FILE_H

#include <glib.h>

typedef struct {
  char *path;               /* NULL: standard output */
  int fd;                   /* -1: not open */
  gboolean pipe, regular;   /* the type of file; neither: a socket, a terminal, a device */
  gboolean readable, named; /* its end can be read; it is a named pipe, which can be opened again */
  gboolean own;             /* the file description is not shared, so that a lock on it is ours */
  gboolean torn;            /* it ends with half a line of ours */
  gint64 no_lock_before; /* monotonic time, us: the lock is not waited for before, since another process kept
                            it */
} ClipmoeLineFile;

/* Called repeatedly while a write waits. @moved: bytes were written since the last call. Return FALSE to give
 * up. */
typedef gboolean (*ClipmoeLineWait) (gpointer data, gboolean moved);

void clipmoe_line_file_init (ClipmoeLineFile *self, const char *path);
/* Opens the file unless it is open. Returns 0 or an errno; CLIPMOE_LINE_NOBODY for a named pipe without a
 * reader, which may be tried again. */
int clipmoe_line_file_open (ClipmoeLineFile *self);
#define CLIPMOE_LINE_NOBODY (-1)
/* @line: @length bytes with the line feed. Returns 0; an errno; ECANCELED when @wait gave up;
 * CLIPMOE_LINE_NOBODY when the reader of a named pipe left, in which case the pipe is closed and the line
 * counts as not written. A deleted file is created again; if that fails it is closed and may be opened again.
 */
int clipmoe_line_file_write (ClipmoeLineFile *self, const char *line, gsize length, ClipmoeLineWait wait,
                             gpointer data);
void clipmoe_line_file_close (ClipmoeLineFile *self);
void clipmoe_line_file_clear (ClipmoeLineFile *self);

#endif
