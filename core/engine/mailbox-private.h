/* A mailbox without an engine: at any scheduler, for tests. */
#ifndef CLIPMOE_MAILBOX_PRIVATE_H
#define CLIPMOE_MAILBOX_PRIVATE_H

#include "../clipmoe/mailbox.h"
#include "scheduler.h"

/* @n_floats of a picture. What else is in clipmoe_mailbox_new(); @scheduler outlives it, but for
 * clipmoe_scheduler_end(). */
ClipmoeMailbox *clipmoe_mailbox_new_at (ClipmoeScheduler *scheduler, gsize n_floats, gsize extra,
                                        GDestroyNotify clear, ClipmoeAnswered answered, gpointer data,
                                        GDestroyNotify destroy);

#endif
