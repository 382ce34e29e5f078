#include "classes.h"

#include <string.h>
#include <base/file.h>
#include "counts.h"

#define FILE_NAME "classnames.txt"
#define MAX_FILE (16u << 20)
#define MAX_DIGITS 9

/* What is known about one folder's classes. */
typedef struct {
  char *folder, *path;  /* of the file of names; NULL: there is none */
  GPtrArray *names;     /* NULL without such a file */
  GError *error;        /* why it could not be read */
  gboolean words;       /* a class that is a word was there too */
  char *first, *sample; /* the first number, and the sample that has it */
} Folder;

struct _DmuClasses {
  GPtrArray *folders; /* Folder, in the order in which they were met */
  Folder *last;
};

static void
folder_free (gpointer data) {
  Folder *f = data;
  g_free (f->folder);
  g_free (f->path);
  if (f->names)
    g_ptr_array_unref (f->names);
  g_clear_error (&f->error);
  g_free (f->first);
  g_free (f->sample);
  g_free (f);
}

DmuClasses *
dmu_classes_new (void) {
  DmuClasses *self = g_new0 (DmuClasses, 1);
  self->folders = g_ptr_array_new_with_free_func (folder_free);
  return self;
}

void
dmu_classes_free (DmuClasses *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->folders);
  g_free (self);
}

static void
read_names (Folder *f) {
  gsize n;
  char *text = clipmoe_file_read (f->path, MAX_FILE, &n, &f->error);
  if (text && (!g_utf8_validate (text, (gssize)n, NULL) || !n)) {
    g_set_error (&f->error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: expected a name a line, in UTF-8",
                 f->path);
    g_clear_pointer (&text, g_free);
  }
  if (!text)
    return;
  char **lines = g_strsplit (g_str_has_prefix (text, "\xef\xbb\xbf") ? text + 3 : text, "\n", -1);
  guint used = g_strv_length (lines);
  f->names = g_ptr_array_new_with_free_func (g_free);
  while (used && !*g_strstrip (lines[used - 1]))
    used--; /* blank lines at the end */
  for (guint i = 0; i < used; i++)
    g_ptr_array_add (f->names, g_strdup (g_strstrip (lines[i])));
  g_strfreev (lines);
  g_free (text);
}

static Folder *
folder_of (DmuClasses *self, const char *folder) {
  if (self->last && strcmp (self->last->folder, folder) == 0)
    return self->last;
  for (guint i = 0; i < self->folders->len; i++) {
    self->last = self->folders->pdata[i];
    if (strcmp (self->last->folder, folder) == 0)
      return self->last;
  }
  Folder *f = g_new0 (Folder, 1);
  f->folder = g_strdup (folder);
  char *own = g_build_filename (folder, FILE_NAME, NULL),
       *above = g_build_filename (folder, "..", FILE_NAME, NULL);
  if (clipmoe_file_is_there (own))
    f->path = g_strdup (own);
  else if (clipmoe_file_is_there (above))
    f->path = g_strdup (above);
  if (f->path)
    read_names (f);
  g_free (own);
  g_free (above);
  g_ptr_array_add (self->folders, f);
  return self->last = f;
}

gboolean
dmu_classes_have_names (DmuClasses *self, const char *folder) {
  return folder_of (self, folder)->path != NULL;
}

gboolean
dmu_class_is_number (const char *label) {
  const char *at = label + (*label == '-' || *label == '+');
  gsize digits = strspn (at, "0123456789");
  if (!digits)
    return FALSE;
  at += digits;
  return !*at || (*at == '.' && at[1] && at[1 + strspn (at + 1, "0")] == 0);
}

const char *
dmu_classes_name (DmuClasses *self, const char *folder, const char *label, const char *sample,
                  GError **error) {
  Folder *f = folder_of (self, folder);
  if (!dmu_class_is_number (label)) {
    f->words = TRUE;
    return label;
  }
  if (!f->first) {
    f->first = g_strdup (label);
    f->sample = dmu_quote (sample, -1);
  }
  if (f->error) {
    if (error)
      *error = g_error_copy (f->error);
    return NULL;
  }
  if (!f->names)
    return label;
  const char *digits = label + (*label == '+');
  guint64 line = *label == '-' ? G_MAXUINT64 : g_ascii_strtoull (digits, NULL, 10);
  if (strspn (digits, "0123456789") <= MAX_DIGITS && line < f->names->len && *(char *)f->names->pdata[line])
    return f->names->pdata[line];
  char *shown = dmu_quote (label, -1);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "class %s is none of the %u lines of %s", shown,
               f->names->len, f->path);
  g_free (shown);
  return NULL;
}

gboolean
dmu_classes_are_named (const DmuClasses *self, GError **error) {
  for (guint i = 0; i < self->folders->len; i++) {
    const Folder *f = self->folders->pdata[i];
    if (f->error && f->first) {
      g_propagate_error (error, g_error_copy (f->error));
      return FALSE;
    }
    if (!f->first || f->names || f->words)
      continue;
    char *shown = dmu_quote (f->first, -1);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: its classes are numbers, such as %s of %s: expected their names in " FILE_NAME
                 " there or in the folder above, a line each, the first that of 0",
                 f->folder, shown, f->sample);
    g_free (shown);
    return FALSE;
  }
  return TRUE;
}
