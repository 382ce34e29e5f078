/* One writer a folder: a file that is locked while the writer lives, and says who it is. */
#ifndef CLIPMOE_WRITERLOCK_H
#define CLIPMOE_WRITERLOCK_H

#include <clipmoe/error.h>

/* Locks the file @path, which is made where it is missing; @dir is for messages. A lock that another process
 * has is waited for @seconds long; BUSY then, and the message says who has it and since when. Returns the
 * descriptor that holds it, -1 on error. A process that dies gives its lock back. */
int clipmoe_writer_lock (const char *path, const char *dir, guint seconds, GError **error);
void clipmoe_writer_unlock (int fd);

#endif
