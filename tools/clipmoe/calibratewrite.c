#include "calibratewrite.h"

#include <base/temporary.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
refuse (const char *path, const char *why, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: %s", path, why);
  return FALSE;
}

/* Whether pictures are named by paths that another folder makes others. */
static gboolean
has_pictures (GPtrArray *labels) {
  for (guint i = 0; i < labels->len; i++)
    if (((const ClipmoeLabel *)labels->pdata[i])->pictures)
      return TRUE;
  return FALSE;
}

static gboolean
check_folder (const char *list, GPtrArray *labels, const char *target, const char *output, GError **error) {
  char *folder = g_path_get_dirname (target), *before = g_path_get_dirname (list);
  struct stat here, there;
  gboolean ok = access (folder, W_OK | X_OK) == 0 ? TRUE : refuse (folder, g_strerror (errno), error);
  if (ok && output && has_pictures (labels) &&
      !(stat (folder, &here) == 0 && stat (before, &there) == 0 && here.st_dev == there.st_dev &&
        here.st_ino == there.st_ino))
    ok = refuse (output, "expected a file in the folder of the list, to which its pictures are relative",
                 error);
  g_free (folder);
  g_free (before);
  return ok;
}

char *
clipmoe_calibrate_target (const char *list, GPtrArray *labels, const char *output, GError **error) {
  struct stat st;
  char *target = NULL;
  if (output && lstat (output, &st) == 0) {
    refuse (output, "it is there already, expected a new file", error);
  } else if (!output && !(stat (list, &st) == 0 && S_ISREG (st.st_mode))) {
    refuse (list, "an installed list stays as it is, expected --output FILE or --dry-run", error);
  } else if (output) {
    target = g_strdup (output);
  } else {
    char *real = realpath (list, NULL); /* a link stays one */
    if (real)
      target = g_strdup (real);
    else
      refuse (list, g_strerror (errno), error);
    free (real);
  }
  if (target && !check_folder (list, labels, target, output, error))
    g_clear_pointer (&target, g_free);
  return target;
}

gboolean
clipmoe_calibrate_write (const char *list, GPtrArray *labels, const char *target, gboolean replace,
                         GError **error) {
  char *text = clipmoe_label_list_rewrite (list, labels, error);
  ClipmoeTemporary tmp;
  struct stat st;
  gboolean ok = text && clipmoe_temporary_write (&tmp, target, text, strlen (text), error), taken = FALSE;
  if (ok && replace && stat (target, &st) == 0 && fchmod (tmp.fd, st.st_mode & 07777) != 0) {
    refuse (target, g_strerror (errno), error);
    clipmoe_temporary_close (&tmp, FALSE);
    ok = FALSE;
  }
  if (ok && replace)
    ok = clipmoe_temporary_publish (&tmp, target, error);
  else if (ok)
    ok = clipmoe_temporary_publish_new (&tmp, target, &taken, error);
  if (taken) {
    clipmoe_temporary_close (&tmp, FALSE);
    refuse (target, "it is there already, expected a new file", error);
  }
  g_free (text);
  return ok;
}
