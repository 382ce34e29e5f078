/* Names of classes that are given as numbers. */
#ifndef DMU_CLASSES_H
#define DMU_CLASSES_H

#include <clipmoe/error.h>

/* A class that is a whole number is a line number, from 0, of classnames.txt beside the data or in the
 * folder above. Without that file it is an error, unless other classes of the folder are words: "a photo of a
 * 7" is no useful caption. */
typedef struct _DmuClasses DmuClasses;

DmuClasses *dmu_classes_new (void);
void dmu_classes_free (DmuClasses *self);
/* The name of class @label of data in @folder, borrowed: @label itself if it is a word. NULL: classnames.txt
 * has no such line, or cannot be read, which *error says. @sample says whose class it is. */
const char *dmu_classes_name (DmuClasses *self, const char *folder, const char *label, const char *sample,
                              GError **error);
/* Whether numbers in @folder have names. */
gboolean dmu_classes_have_names (DmuClasses *self, const char *folder);
/* "7", "007", "-1", "7.0". */
gboolean dmu_class_is_number (const char *label);
/* Call it once all data were read. FALSE: a number had no name, see above. */
gboolean dmu_classes_are_named (const DmuClasses *self, GError **error);

#endif
