/* The file of an outbox: messages that a killed process does not lose. An SQLite database that one process
 * has open at a time; all outboxes of a process that name it share it.
 *
 * A thread writes what was put and forgotten, all that waits in one transaction. What is committed survives
 * the end of the process, however it ends; a power failure may take the last seconds. While the disk cannot
 * be written, or the file is not at its place any more, messages are kept in memory and writing is tried
 * again. */
#ifndef CLIPMOE_OUTBOX_FILE_H
#define CLIPMOE_OUTBOX_FILE_H

#include "message.h"

typedef struct _ClipmoeOutboxFile ClipmoeOutboxFile;

/* Bytes of messages that wait for the disk. */
#define CLIPMOE_OUTBOX_FILE_BYTES (16 << 20)

/* Creates @path where it is missing. Returns NULL with @error: FORMAT, a file of another kind, which was left
 * alone, or a damaged one; UNSUPPORTED, a newer version; BUSY, another process has it; IO. */
ClipmoeOutboxFile *clipmoe_outbox_file_open (const char *path, GError **error);
/* The last one writes what waits and closes the file. */
void clipmoe_outbox_file_unref (ClipmoeOutboxFile *self);

/* Only one outbox of a process may have the messages of a target, else each would send them. FALSE: another
 * one has (ARGUMENT). */
gboolean clipmoe_outbox_file_claim (ClipmoeOutboxFile *self, const char *target, GError **error);
void clipmoe_outbox_file_release (ClipmoeOutboxFile *self, const char *target);
/* Called for every message of a target that the file has, oldest first. */
typedef void (*ClipmoeOutboxFound) (gpointer data, guint64 number, ClipmoeMessageKind kind, gsize length);
gboolean clipmoe_outbox_file_list (ClipmoeOutboxFile *self, const char *target, ClipmoeOutboxFound found,
                                   gpointer data, GError **error);
/* Takes over what @message holds. Returns its number, larger than all before it; 0: too much waits for the
 * disk, and @message is unchanged. Never waits for the disk. */
guint64 clipmoe_outbox_file_put (ClipmoeOutboxFile *self, const char *target, ClipmoeMessage *message);
/* Waits @us microseconds at most, and not at all while the disk cannot be written. TRUE: @number is committed
 * or forgotten. */
gboolean clipmoe_outbox_file_wait (ClipmoeOutboxFile *self, guint64 number, gint64 us);
/* FALSE: it cannot be read, and @error says why (FORMAT, IO). Else @message: (transfer full). May wait for
 * the disk. */
gboolean clipmoe_outbox_file_read (ClipmoeOutboxFile *self, guint64 number, ClipmoeMessage *message,
                                   GError **error);
void clipmoe_outbox_file_forget (ClipmoeOutboxFile *self, guint64 number);
/* (transfer full): why nothing can be written, as a sentence that names the file; NULL: it works. */
char *clipmoe_outbox_file_trouble (ClipmoeOutboxFile *self);

#endif
