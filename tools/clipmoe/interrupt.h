/* A signal that ends the command leaves nothing half written behind. */
#ifndef CLIPMOE_INTERRUPT_H
#define CLIPMOE_INTERRUPT_H

#include <glib.h>

/* From here on SIGINT, SIGTERM, SIGHUP and SIGPIPE, unless they are ignored, delete what stands in the list
 * below before they end the process as ever. Call it before there are threads. */
void clipmoe_interrupt_begin (void);
/* @path is one of the files that go then; FALSE: there are too many. */
gboolean clipmoe_interrupt_add (const char *path);
/* It does not any more. */
void clipmoe_interrupt_remove (const char *path);
/* In between a signal waits: for what must be done whole. May be nested. */
void clipmoe_interrupt_hold (void);
void clipmoe_interrupt_release (void);

#endif
