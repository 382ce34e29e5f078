/* Checks a recipe's lines before GKeyFile parses them, which merges duplicates silently. */
#ifndef DMU_RECIPE_LINES_H
#define DMU_RECIPE_LINES_H

#include <clipmoe/error.h>

/* Refuses a group that is none of @groups (NULL-terminated) or stands there twice, a key that stands in its
 * group twice, and a key of a language ("name[de]"). Returns (transfer full) the line of each "GROUP\nKEY".
 */
GHashTable *dmu_recipe_lines (const char *path, const char *text, const char *const *groups, GError **error);
/* 0: it is not there. */
guint dmu_recipe_line_of (GHashTable *lines, const char *group, const char *key);

#endif
