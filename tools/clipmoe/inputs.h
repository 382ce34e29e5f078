/* The files that a command is given; a folder stands for the files in it. */
#ifndef CLIPMOE_INPUTS_H
#define CLIPMOE_INPUTS_H

#include <glib.h>

typedef struct {
  GPtrArray *names; /* (element-type filename): in order; "-" stays */
  guint failed;     /* folders with nothing in them, or that cannot be read; said on stderr */
} ClipmoeInputs;

/* Folders are walked recursively in byte order of names; hidden names and links to folders are skipped. Files
 * in them are taken if their first bytes are those of a picture, or their extension is that of a picture or a
 * video. */
void clipmoe_inputs_init (ClipmoeInputs *self, char **arguments);
void clipmoe_inputs_clear (ClipmoeInputs *self);
/* Whether the name's extension is that of a video or a picture. */
gboolean clipmoe_inputs_is_media_name (const char *path);
/* Prints a progress line if stderr is a terminal and there are several files: count, rate, time left. */
void clipmoe_inputs_progress (const ClipmoeInputs *self, guint done, gint64 begun);
/* Clears that line: call it before anything else is printed. */
void clipmoe_inputs_quiet (const ClipmoeInputs *self);
/* Prints how many of several files failed. Returns the exit status. */
int clipmoe_inputs_finish (const ClipmoeInputs *self, guint failed);

#endif
