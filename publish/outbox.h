/* The bounded queue between streams and a broker: messages wait here while the broker is slow or not there,
 * in memory or in a file (outboxfile.h). Streams add at one end, each by a port of its own which counts; the
 * thread of the connection takes at the other, oldest first, so that the messages of a source keep their
 * order.
 *
 * A message leaves it when it is done, so that what was taken when a connection broke is sent again: each is
 * sent once or more. When it is full the oldest look goes first; events go when no look waits. Any thread. */
#ifndef CLIPMOE_OUTBOX_H
#define CLIPMOE_OUTBOX_H

#include "message.h"

typedef struct _ClipmoeOutbox ClipmoeOutbox;
typedef struct _ClipmoeOutboxPort ClipmoeOutboxPort;

#define CLIPMOE_OUTBOX_BYTES (16 << 20) /* in memory */

typedef struct {
  guint64 written[CLIPMOE_MESSAGE_KINDS], dropped[CLIPMOE_MESSAGE_KINDS], waiting;
} ClipmoeOutboxCounts;

/* Whether messages are taken: decides whether a stream that can wait waits. */
typedef enum { CLIPMOE_OUTBOX_BEGINS, CLIPMOE_OUTBOX_FLOWS, CLIPMOE_OUTBOX_CUT } ClipmoeOutboxState;

/* @path: NULL is memory. @target: which messages of the file are its own; an
 * error (ARGUMENT) where another outbox of the process has them. @wake: called when there may be
 * something to take; it must not call back, and comes no more when all ports have left. Errors as
 * clipmoe_outbox_file_open(). */
ClipmoeOutbox *clipmoe_outbox_new (const char *path, const char *target, void (*wake) (gpointer data),
                                   gpointer data, GError **error);
void clipmoe_outbox_unref (ClipmoeOutbox *self); /* each port has a reference too */
void clipmoe_outbox_set_state (ClipmoeOutbox *self, ClipmoeOutboxState state);
/* No port adds any more: another outbox may have the messages of the target from now on, although this one is
 * still referred to by a thread that hangs. */
void clipmoe_outbox_retire (ClipmoeOutbox *self);
/* The oldest message that is not taken. FALSE: there is none. @message: (transfer full). */
gboolean clipmoe_outbox_take (ClipmoeOutbox *self, guint64 *number, ClipmoeMessage *message);
/* A message that was taken is sent for good; FALSE: it never can be, and counts as dropped. */
void clipmoe_outbox_done (ClipmoeOutbox *self, guint64 number, gboolean sent);
/* All that was taken and is not done waits again, in the old order. */
void clipmoe_outbox_put_back (ClipmoeOutbox *self);
guint clipmoe_outbox_get_taken (ClipmoeOutbox *self);
guint clipmoe_outbox_get_waiting (ClipmoeOutbox *self);

/* @room: how many messages the outbox may hold for it; that of all ports is added up. */
ClipmoeOutboxPort *clipmoe_outbox_join (ClipmoeOutbox *self, guint room);
/* FALSE, the default: when the outbox is full and messages are being taken, clipmoe_outbox_port_add() waits,
 * ten seconds at most without progress. TRUE: it never waits for room. */
void clipmoe_outbox_port_set_live (ClipmoeOutboxPort *port, gboolean live);
typedef enum { CLIPMOE_OUTBOX_KEPT, CLIPMOE_OUTBOX_DROPPED, CLIPMOE_OUTBOX_CLOSED } ClipmoeOutboxResult;
/* Takes over what @message holds. With a file it is in the file afterwards, or, where the disk does not take
 * it in a twentieth of a second, will be. DROPPED: for it another one, or itself, was lost. CLOSED: cancelled
 * or left, and it counts as dropped. */
ClipmoeOutboxResult clipmoe_outbox_port_add (ClipmoeOutboxPort *port, ClipmoeMessage *message);
/* Waits until what the port added is sent: a live one two seconds at most, else until nothing moved for ten
 * seconds; not at all for a file while the broker cannot be reached. Returns how many still wait. */
guint clipmoe_outbox_port_drain (ClipmoeOutboxPort *port);
void clipmoe_outbox_port_cancel (ClipmoeOutboxPort *port, gboolean cancel);
void clipmoe_outbox_port_get_counts (ClipmoeOutboxPort *port, ClipmoeOutboxCounts *counts);
/* (transfer full): why the file cannot be written, or NULL. */
char *clipmoe_outbox_port_trouble (ClipmoeOutboxPort *port);
/* (transfer full): what was lost since the last call because the file could not be read, which is told once
 * and counts as dropped by @port; or NULL. */
char *clipmoe_outbox_port_losses (ClipmoeOutboxPort *port);
/* Waits two seconds at most for what the port added, if @wait (the thread that takes may not); no more can be
 * added afterwards. What is left is dropped, or stays in the file if it got there. Returns how many were
 * lost. */
guint64 clipmoe_outbox_port_leave (ClipmoeOutboxPort *port, gboolean wait);
void clipmoe_outbox_port_free (ClipmoeOutboxPort *port); /* after it left */

#endif
