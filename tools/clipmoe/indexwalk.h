/* The files that `clipmoe index` is given: files, folders, and lists of both on standard input. */
#ifndef CLIPMOE_INDEX_WALK_H
#define CLIPMOE_INDEX_WALK_H

#include <glib.h>

typedef struct {
  char *path;     /* absolute, bytes as the file system has them; nothing in it is resolved */
  guint64 size;   /* bytes */
  gboolean named; /* by the user, and not found in a folder */
} ClipmoeIndexInput;

/* What could not be read: one sentence. */
typedef void (*ClipmoeIndexWalkFault) (const char *path, const char *reason, gpointer data);

typedef struct {
  GPtrArray *inputs;  /* (element-type ClipmoeIndexInput): in order, each path once */
  GPtrArray *folders; /* (element-type filename): absolute: all that were entered, for those who watch them */
  gboolean other_file_systems; /* enter those that are mounted in a folder */
  const char *without; /* (nullable): the store's folder: it is not entered, nor is its database opened */
  ClipmoeIndexWalkFault fault; /* (nullable) */
  gpointer data;
  GHashTable *seen_paths, *seen_folders; /* its own */
  const volatile gint *stop;             /* (nullable): set from outside: it returns soon */
} ClipmoeIndexWalk;

/* Sets what is needed; the fields that are not its own may be set before or after. */
void clipmoe_index_walk_init (ClipmoeIndexWalk *self);
void clipmoe_index_walk_clear (ClipmoeIndexWalk *self);
/* Adds a file, or what is in a folder, recursively in byte order of names. Hidden names are passed over;
 * links are followed, but no folder is entered twice, so that loops end. FALSE: there is nothing of that
 * name, said to `fault`. */
gboolean clipmoe_index_walk_add (ClipmoeIndexWalk *self, const char *given);
/* The same for each path in a list: ended by NUL bytes where there is one, else by line ends. */
void clipmoe_index_walk_add_list (ClipmoeIndexWalk *self, const char *text, gsize length);
/* Whether a name is that of a file which is taken from a folder: not hidden. */
gboolean clipmoe_index_walk_is_wanted (const char *name);

#endif
