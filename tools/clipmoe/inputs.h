/* What a command is given to look at: files, and folders in place of what is in them. */
#ifndef CLIPMOE_INPUTS_H
#define CLIPMOE_INPUTS_H

#include <glib.h>

typedef struct {
  GPtrArray *names; /* (element-type filename): in order; "-" stays */
  guint failed;     /* folders with nothing in them, or that cannot be read; said on stderr */
} ClipmoeInputs;

/* Folders are walked to the bottom in the order of their names' bytes; hidden names and links to other
 * folders are passed over. Taken is what is a picture by its first bytes, and what is a picture or a video by
 * its name. */
void clipmoe_inputs_init (ClipmoeInputs *self, char **arguments);
void clipmoe_inputs_clear (ClipmoeInputs *self);
/* One line where stderr is a terminal and there are several: how many are @done, how fast, how long still. */
void clipmoe_inputs_progress (const ClipmoeInputs *self, guint done, gint64 begun);
/* Takes that line away: call it before anything else is said. */
void clipmoe_inputs_quiet (const ClipmoeInputs *self);
/* Says how many of several failed: 1, or 0 when none did. */
int clipmoe_inputs_finish (const ClipmoeInputs *self, guint failed);

#endif
