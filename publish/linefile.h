/* Where lines go: a file that is appended to, a named pipe, standard output. A line is there whole or not at
 * all, also where other processes write to the same place. */
#ifndef CLIPMOE_LINE_FILE_H
#define CLIPMOE_LINE_FILE_H

#include <glib.h>

typedef struct {
  char *path;               /* NULL: standard output */
  int fd;                   /* -1: not open */
  gboolean pipe, regular;   /* what it is; neither: a socket, a terminal, a device */
  gboolean readable, named; /* its end can be looked at; a named pipe, which can be opened again */
  gboolean own;             /* the description is ours alone, and so is a lock on it */
  gboolean torn;            /* half a line of ours is at its end */
  gint64 no_lock_before;    /* monotonic: somebody kept the lock, nobody waits for it before */
} ClipmoeLineFile;

/* Asked again and again while a write waits. @moved: something was written since. FALSE: give up. */
typedef gboolean (*ClipmoeLineWait) (gpointer data, gboolean moved);

void clipmoe_line_file_init (ClipmoeLineFile *self, const char *path);
/* Opens what is not open. 0, or an errno; a named pipe that nobody reads is CLIPMOE_LINE_NOBODY, and may be
 * tried again. */
int clipmoe_line_file_open (ClipmoeLineFile *self);
#define CLIPMOE_LINE_NOBODY (-1)
/* @line holds its line feed. 0, an errno, ECANCELED when @wait gave up, CLIPMOE_LINE_NOBODY when the reader
 * of a named pipe left: nothing of the line counts then, and the pipe is closed. A file that was deleted is
 * made anew; where that fails it is closed, and may be opened again. */
int clipmoe_line_file_write (ClipmoeLineFile *self, const char *line, gsize length, ClipmoeLineWait wait,
                             gpointer data);
void clipmoe_line_file_close (ClipmoeLineFile *self);
void clipmoe_line_file_clear (ClipmoeLineFile *self);

#endif
