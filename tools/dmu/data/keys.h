/* Which files, columns and fields hold pictures and which hold captions. */
#ifndef DMU_KEYS_H
#define DMU_KEYS_H

#include <glib.h>

/* Endings, columns and JSON fields, lower-case, NULL-terminated; NULL: the usual ones. */
typedef struct {
  char **image, **caption;
} DmuMemberKeys;

typedef enum {
  DMU_MEMBER_OTHER,
  DMU_MEMBER_ASIDE, /* would be one of those below, but the user named another key */
  DMU_MEMBER_PICTURE,
  DMU_MEMBER_TEXT,
  DMU_MEMBER_JSON,
  DMU_MEMBER_CLASS,
} DmuMember;

/* `;`-separated; NULL or empty gives NULL. */
char **dmu_keys_split (const char *text);
/* The kind of a file with this ending (without the dot, in either case). @keys may be NULL. */
DmuMember dmu_keys_member (const DmuMemberKeys *keys, const char *ending);
/* What dmu_keys_member() looks for, for messages; free with g_free(). */
char *dmu_keys_describe (const DmuMemberKeys *keys);

#endif
