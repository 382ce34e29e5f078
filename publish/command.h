/* Commands from a broker, which anyone may have sent who can reach it: bounded and checked here. */
#ifndef CLIPMOE_COMMAND_H
#define CLIPMOE_COMMAND_H

#include <glib.h>

typedef enum { CLIPMOE_COMMAND_LABELS, CLIPMOE_COMMAND_THRESHOLD, CLIPMOE_COMMAND_ENABLE } ClipmoeCommandKind;

#define CLIPMOE_COMMAND_BYTES 16384 /* of a text */
#define CLIPMOE_COMMAND_LABELS_MOST 1000

typedef struct {
  ClipmoeCommandKind kind;
  char *labels;     /* LABELS: as the property of the tagger has them */
  double threshold; /* THRESHOLD: -1 to 1 */
  gboolean enable;  /* ENABLE: whether the stream is looked at */
} ClipmoeCommand;

/* @name: labels, threshold or enable. @text: what came, @length bytes with a NUL behind them: labels
 * separated by
 * `;` or `,`; a number; ON, OFF, true, false, 1 or 0. FALSE: @error says what was expected (ARGUMENT). */
gboolean clipmoe_command_read (const char *name, const char *text, gsize length, ClipmoeCommand *command,
                               GError **error);
void clipmoe_command_clear (ClipmoeCommand *command);

#endif
