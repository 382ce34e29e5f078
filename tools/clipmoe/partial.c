#include "partial.h"

#include <errno.h>
#include <base/error.h>
#include <base/temporary.h>
#include "interrupt.h"

struct _ClipmoePartial {
  char *path;
  ClipmoeTemporary file;
};

ClipmoePartial *
clipmoe_partial_new (const char *path, GError **error) {
  char *folder = g_path_get_dirname (path);
  ClipmoeTemporary file;
  clipmoe_temporary_sweep (folder, 0);
  g_free (folder);
  clipmoe_interrupt_hold ();
  gboolean ok = clipmoe_temporary_open (&file, path, 0666);
  int why = errno;
  if (ok && !clipmoe_interrupt_add (file.path)) {
    clipmoe_temporary_close (&file, FALSE);
    ok = FALSE;
    why = EMFILE;
  }
  clipmoe_interrupt_release ();
  if (!ok) {
    errno = why;
    clipmoe_error_set_errno (error, path, "cannot create");
    return NULL;
  }
  ClipmoePartial *self = g_new (ClipmoePartial, 1);
  *self = (ClipmoePartial){g_strdup (path), file};
  return self;
}

const char *
clipmoe_partial_get_name (const ClipmoePartial *self) {
  return self->file.path;
}

int
clipmoe_partial_get_fd (const ClipmoePartial *self) {
  return self->file.fd;
}

/* @name: of the temporary file, which is freed. */
static void
forget (ClipmoePartial *self, char *name) {
  clipmoe_interrupt_remove (name);
  g_free (name);
  g_free (self->path);
  g_free (self);
}

gboolean
clipmoe_partial_finish (ClipmoePartial *self, gboolean publish, GError **error) {
  clipmoe_interrupt_hold ();
  char *name = g_strdup (self->file.path);
  gboolean ok = publish && clipmoe_temporary_publish (&self->file, self->path, error);
  if (!publish)
    clipmoe_temporary_close (&self->file, FALSE);
  forget (self, name);
  clipmoe_interrupt_release ();
  return ok || !publish;
}

gboolean
clipmoe_partial_finish_new (ClipmoePartial *self, const char *path, gboolean *taken, GError **error) {
  clipmoe_interrupt_hold ();
  char *name = g_strdup (self->file.path);
  gboolean ok = clipmoe_temporary_publish_new (&self->file, path, taken, error);
  if (*taken)
    g_free (name);
  else
    forget (self, name);
  clipmoe_interrupt_release ();
  return ok;
}
