/* Files that appear whole or not at all: they are written under a temporary name in the folder of the real
 * one, synced and renamed. The name is hidden and has a mark of our own, and the file is locked while its
 * writer lives: so what a killed process left can be told from what is being written, and from what is not
 * ours. */
#ifndef CLIPMOE_TEMPORARY_H
#define CLIPMOE_TEMPORARY_H

#include "../clipmoe/error.h"

typedef struct {
  int fd; /* open for reading and writing; -1: none */
  char *path;
} ClipmoeTemporary;

/* Creates an empty file in the folder of @path, with the access rights @mode less the umask. FALSE: none, and
 * errno says why. End it with clipmoe_temporary_publish() or clipmoe_temporary_close(). */
gboolean clipmoe_temporary_open (ClipmoeTemporary *self, const char *path, int mode);
/* The same with @length bytes in it, synced. FALSE: an error that names @path, and nothing is left. */
gboolean clipmoe_temporary_write (ClipmoeTemporary *self, const char *path, const void *data, gsize length,
                                  GError **error);
/* Syncs the file, whoever wrote it, renames it to @path and syncs the folder. Ends @self; FALSE: an error
 * that names @path, and nothing is left. */
gboolean clipmoe_temporary_publish (ClipmoeTemporary *self, const char *path, GError **error);
/* The same, but nothing that is there is replaced. FALSE with *taken: there is something at @path; no error,
 * and @self can be published elsewhere. */
gboolean clipmoe_temporary_publish_new (ClipmoeTemporary *self, const char *path, gboolean *taken,
                                        GError **error);
/* Ends @self; deletes the file unless it was @renamed. */
void clipmoe_temporary_close (ClipmoeTemporary *self, gboolean renamed);

/* (transfer full): the template of a temporary name in the folder of @path, for g_mkdtemp(). */
char *clipmoe_temporary_template (const char *path);
/* Whether @name, without folders, is one that such a template gives, now or in earlier versions. */
gboolean clipmoe_temporary_is_ours (const char *name);
/* Deletes the temporary files in @folder whose writer is dead: plain files of this user that nobody has
 * locked, and those that were not written for @stale seconds, where @stale is not 0. Where the file system
 * has no locks, only time tells. */
void clipmoe_temporary_sweep (const char *folder, guint stale);
/* Writes @length bytes to the file @fd from byte @offset. FALSE: not all of them, and errno says why. */
gboolean clipmoe_write_at (int fd, const void *data, gsize length, guint64 offset);
/* Syncs the folder of @path, after a rename. */
void clipmoe_sync_folder (const char *path);

#endif
