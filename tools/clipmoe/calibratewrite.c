#include "calibratewrite.h"

#include <base/temporary.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "interrupt.h"

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

/* A file is replaced by another of the same name: what that would change beside the text is refused. */
static gboolean
may_replace (const char *target, GError **error) {
  struct stat st;
  if (stat (target, &st) != 0)
    return refuse (target, g_strerror (errno), error);
  if (!(st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) || access (target, W_OK) != 0)
    return refuse (target, "it may not be written to, expected --output FILE or --dry-run", error);
  if (st.st_nlink > 1)
    return refuse (target,
                   "it has several names (hard links), of which one would change, expected --output FILE",
                   error);
  return TRUE;
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
    if (target && !may_replace (target, error))
      g_clear_pointer (&target, g_free);
  }
  if (target && !check_folder (list, labels, target, output, error))
    g_clear_pointer (&target, g_free);
  return target;
}

static gboolean
same_strings (const char *const *a, const char *const *b) {
  return a && b ? g_strv_equal (a, b) : a == b;
}

/* Whether the list says still what scores were made of; of thresholds and comments none depends. */
static gboolean
same_labels (const char *list, GPtrArray *labels, GError **error) {
  GPtrArray *now = clipmoe_label_list_load (list, error);
  if (!now)
    return FALSE;
  gboolean same = now->len == labels->len;
  for (guint i = 0; same && i < labels->len; i++) {
    const ClipmoeLabel *a = labels->pdata[i], *b = now->pdata[i];
    same = g_str_equal (a->name, b->name) && g_strcmp0 (a->prompt, b->prompt) == 0 &&
           g_strcmp0 (a->group, b->group) == 0 && same_strings (a->pictures, b->pictures);
  }
  g_ptr_array_unref (now);
  return same || refuse (list,
                         "its labels were changed meanwhile, so that these thresholds are not theirs: "
                         "it is left as it is",
                         error);
}

/* Whether the file @list is still the one at @target with this state. */
static gboolean
is_still (const char *list, const char *target, const struct stat *before) {
  struct stat now;
  char *real = realpath (list, NULL);
  gboolean same = real && g_str_equal (real, target) && stat (target, &now) == 0 &&
                  now.st_dev == before->st_dev && now.st_ino == before->st_ino &&
                  now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
                  now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
  free (real);
  return same;
}

/* Owner and access rights: the first, since the other drops some of the second. */
static gboolean
take_rights (int fd, const struct stat *from) {
  struct stat own;
  return fstat (fd, &own) == 0 &&
         ((own.st_uid == from->st_uid && own.st_gid == from->st_gid) ||
          fchown (fd, from->st_uid, from->st_gid) == 0) &&
         fchmod (fd, from->st_mode & 07777) == 0;
}

static gboolean
replace (const char *list, const char *target, ClipmoeTemporary *tmp, const struct stat *before,
         GError **error) {
  gboolean ok =
      take_rights (tmp->fd, before) ||
      refuse (target, "its owner and access rights cannot be given to a new file, expected --output FILE",
              error);
  ok = ok && (is_still (list, target, before) ||
              refuse (target, "it was changed meanwhile: it is left as it is", error));
  if (ok)
    return clipmoe_temporary_publish (tmp, target, error);
  clipmoe_temporary_close (tmp, FALSE);
  return FALSE;
}

static gboolean
put_new (const char *target, ClipmoeTemporary *tmp, GError **error) {
  gboolean taken = FALSE, ok = clipmoe_temporary_publish_new (tmp, target, &taken, error);
  if (taken) {
    clipmoe_temporary_close (tmp, FALSE);
    refuse (target, "it is there already, expected a new file", error);
  }
  return ok;
}

gboolean
clipmoe_calibrate_write (const char *list, GPtrArray *labels, const char *target, gboolean own,
                         GError **error) {
  ClipmoeTemporary tmp;
  struct stat before;
  if (own && stat (target, &before) != 0)
    return refuse (target, g_strerror (errno), error);
  char *text = same_labels (list, labels, error) ? clipmoe_label_list_rewrite (list, labels, error) : NULL;
  clipmoe_interrupt_hold (); /* a signal waits until no unfinished file is there */
  gboolean ok = text && clipmoe_temporary_write (&tmp, target, text, strlen (text), error);
  if (ok)
    ok = own ? replace (list, target, &tmp, &before, error) : put_new (target, &tmp, error);
  clipmoe_interrupt_release ();
  g_free (text);
  return ok;
}
