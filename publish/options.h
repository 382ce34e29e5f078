/* What may be said of a target beside its URI. */
#ifndef CLIPMOE_TARGET_OPTIONS_H
#define CLIPMOE_TARGET_OPTIONS_H

#include "command.h"

#define CLIPMOE_OUTBOX_SIZE 1000

/* Called from any thread without a lock; may finish and unref the sink. @source: whose stream it is for. */
typedef void (*ClipmoeSinkCommand) (gpointer data, const char *source, const ClipmoeCommand *command);

/* Strings may be NULL. All but @gva are for brokers, and refused where a target has no use for them. */
typedef struct {
  const char *outbox; /* the file in which messages wait; NULL: in memory */
  guint outbox_size;  /* messages that may wait; 0: CLIPMOE_OUTBOX_SIZE */
  const char *login_file, *tls_ca;
  gboolean discovery; /* tells Home Assistant what there is */
  gboolean pictures;  /* a picture of each stream is kept (clipmoe_sink_set_picture()) */
  gboolean commands;  /* takes commands: @command gets them */
  gboolean gva;       /* looks have the fields of DL Streamer's JSON (gva.h) */
  ClipmoeSinkCommand command;
} ClipmoeTargetOptions;

#endif
