/* What is sent to a broker: one look or one event, as text. */
#ifndef CLIPMOE_MESSAGE_H
#define CLIPMOE_MESSAGE_H

#include <glib.h>

typedef enum { CLIPMOE_MESSAGE_LOOK, CLIPMOE_MESSAGE_EVENT } ClipmoeMessageKind;
#define CLIPMOE_MESSAGE_KINDS 2

typedef struct {
  ClipmoeMessageKind kind;
  char *source; /* of which stream */
  char *body;   /* UTF-8 */
} ClipmoeMessage;

static inline void
clipmoe_message_clear (ClipmoeMessage *self) {
  g_clear_pointer (&self->source, g_free);
  g_clear_pointer (&self->body, g_free);
}

#endif
