/* Deletes unfinished files when a signal ends the command. */
#ifndef CLIPMOE_INTERRUPT_H
#define CLIPMOE_INTERRUPT_H

#include <glib.h>

/* From here on SIGINT, SIGTERM, SIGHUP and SIGPIPE, unless they are ignored, delete the files of the list
 * below before they end the process as usual. Call it before there are threads. */
void clipmoe_interrupt_begin (void);
/* Adds @path to the list; FALSE: the list is full. */
gboolean clipmoe_interrupt_add (const char *path);
/* Removes it from the list. */
void clipmoe_interrupt_remove (const char *path);
/* Between the two, signals are deferred. May be nested. */
void clipmoe_interrupt_hold (void);
void clipmoe_interrupt_release (void);

#endif
