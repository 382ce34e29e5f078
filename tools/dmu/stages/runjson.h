/* JSON of a run's files: reading, and values that can always be written. */
#ifndef DMU_RUNJSON_H
#define DMU_RUNJSON_H

#include <jansson.h>
#include <clipmoe/error.h>

/* The JSON object in @path, of at most 256 MiB (transfer full). NULL with an error (IO, FORMAT, LIMIT). */
json_t *dmu_json_load (const char *path, GError **error);
/* The same for file @name of a folder. */
json_t *dmu_json_load_in (const char *folder, const char *name, GError **error);
/* Members of an object; 0 and "" where there is none of that type. */
double dmu_json_real (json_t *object, const char *key);
const char *dmu_json_string (json_t *object, const char *key);

/* A JSON number rounded to six decimals; null for NaN and infinity. Never NULL. */
json_t *dmu_json_number (double x);
/* JSON text that is safe for terminals: control and invisible characters are written as \uXXXX. Free with
 * g_free(). */
char *dmu_json_plain (const char *json);

#endif
