#include "calibratesets.h"

#include <string.h>
#include "inputs.h"

static void
clear (gpointer data) {
  g_free (((ClipmoeShownPicture *)data)->path);
}

GArray *
clipmoe_calibrate_pictures_new (void) {
  GArray *pictures = g_array_new (FALSE, FALSE, sizeof (ClipmoeShownPicture));
  g_array_set_clear_func (pictures, clear);
  return pictures;
}

/* -1: no such label. */
static gint
find (GPtrArray *labels, const char *name) {
  for (guint i = 0; i < labels->len; i++)
    if (g_str_equal (((const ClipmoeLabel *)labels->pdata[i])->name, name))
      return (gint)i;
  return -1;
}

static gboolean
refuse (const char *folder, const char *why, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: %s", folder, why);
  return FALSE;
}

/* Its pictures, and those of the folders in it. */
static gboolean
take (const char *folder, guint label, gboolean there, GArray *pictures) {
  ClipmoeInputs inputs;
  clipmoe_inputs_init (&inputs, (char *[]){(char *)folder, NULL});
  gboolean ok = !inputs.failed;
  for (guint i = 0; i < inputs.names->len; i++) {
    ClipmoeShownPicture picture = {g_strdup (inputs.names->pdata[i]), label, there};
    g_array_append_val (pictures, picture);
  }
  clipmoe_inputs_clear (&inputs);
  return ok;
}

static int
by_bytes (gconstpointer a, gconstpointer b) {
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* The folders in @folder, but hidden ones, in byte order. NULL: it cannot be read. */
static GPtrArray *
folders_in (const char *folder, GError **error) {
  GError *why = NULL;
  GDir *dir = g_dir_open (folder, 0, &why);
  if (!dir) {
    refuse (folder, why->message, error);
    g_error_free (why);
    return NULL;
  }
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name; (name = g_dir_read_name (dir));) {
    char *path = g_build_filename (folder, name, NULL);
    if (*name != '.' && g_file_test (path, G_FILE_TEST_IS_DIR))
      g_ptr_array_add (names, g_strdup (name));
    g_free (path);
  }
  g_dir_close (dir);
  g_ptr_array_sort (names, by_bytes);
  return names;
}

/* @folder: its name is no label. */
static gboolean
take_each (GPtrArray *labels, const char *folder, gboolean there, GArray *pictures, GError **error) {
  GPtrArray *names = folders_in (folder, error);
  gboolean ok = names != NULL;
  if (ok && !names->len)
    ok = refuse (folder, "no label of the file has this name, expected it, or folders with such names in it",
                 error);
  for (guint i = 0; ok && i < names->len; i++) {
    gint label = find (labels, names->pdata[i]);
    char *path = g_build_filename (folder, names->pdata[i], NULL);
    ok = label < 0 ? refuse (path, "no label of the file has this name", error)
                   : take (path, (guint)label, there, pictures);
    g_free (path);
  }
  g_clear_pointer (&names, g_ptr_array_unref);
  return ok;
}

gboolean
clipmoe_calibrate_folders (GPtrArray *labels, char **folders, gboolean there, GArray *pictures,
                           GError **error) {
  gboolean ok = TRUE;
  for (; folders && *folders && ok; folders++) {
    if (!g_file_test (*folders, G_FILE_TEST_IS_DIR))
      return refuse (*folders, "no folder, expected one whose name is a label, with pictures in it", error);
    char *name = g_path_get_basename (*folders); /* also with a / behind it */
    gint label = find (labels, name);
    g_free (name);
    ok = label < 0 ? take_each (labels, *folders, there, pictures, error)
                   : take (*folders, (guint)label, there, pictures);
  }
  return ok;
}
