/* Names of classes that are given as numbers. */
#ifndef DMU_CLASSES_H
#define DMU_CLASSES_H

#include <clipmoe/error.h>

/* A class that is a whole number is a line of classnames.txt, counted from 0, beside the data or in the
 * folder above. Where there is none, and no class beside it is a word, that is an error: "a photo of a 7"
 * teaches and measures nothing. */
typedef struct _DmuClasses DmuClasses;

DmuClasses *dmu_classes_new (void);
void dmu_classes_free (DmuClasses *self);
/* The name of class @label of data in @folder, borrowed: a word is its own name. NULL: classnames.txt has no
 * such line, or cannot be read, which *error says. @sample: for the message. */
const char *dmu_classes_name (DmuClasses *self, const char *folder, const char *label, const char *sample,
                              GError **error);
/* Whether numbers in @folder have names. */
gboolean dmu_classes_have_names (DmuClasses *self, const char *folder);
/* "7", "007", "-1", "7.0". */
gboolean dmu_class_is_number (const char *label);
/* Call it when all data were read. */
gboolean dmu_classes_are_named (const DmuClasses *self, GError **error);

#endif
