/* Which files, columns and fields are pictures and which are words. */
#ifndef DMU_KEYS_H
#define DMU_KEYS_H

#include <glib.h>

/* Endings, columns and JSON fields, lower-case, NULL-terminated; NULL: the usual ones. */
typedef struct {
  char **image, **caption;
} DmuMemberKeys;

typedef enum {
  DMU_MEMBER_OTHER,
  DMU_MEMBER_ASIDE, /* would be one of those below, but other keys were named */
  DMU_MEMBER_PICTURE,
  DMU_MEMBER_TEXT,
  DMU_MEMBER_JSON,
  DMU_MEMBER_CLASS,
} DmuMember;

/* `;`-separated; NULL or empty gives NULL. */
char **dmu_keys_split (const char *text);
/* What a file of this ending, without the dot and in any case, is. @keys may be NULL. */
DmuMember dmu_keys_member (const DmuMemberKeys *keys, const char *ending);
/* What dmu_keys_member() looks for, for messages; free with g_free(). */
char *dmu_keys_describe (const DmuMemberKeys *keys);

#endif
