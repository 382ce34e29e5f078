/* Keys of the .json files beside the weights: which are known, and values that several readers share. */
#ifndef CLIPMOE_CONFIG_KEYS_H
#define CLIPMOE_CONFIG_KEYS_H

#include "../base/json.h"
#include "model-private.h"

/* What a section may hold, without a fault of its own in what this library computes. */
typedef enum {
  CLIPMOE_KEY_READ,  /* its reader looks at it */
  CLIPMOE_KEY_IDLE,  /* never changes what these towers compute */
  CLIPMOE_KEY_OFF,   /* only null, false, 0, "" or an empty list or object */
  CLIPMOE_KEY_WORDS, /* only one of these words, separated by a space; or null */
} ClipmoeKeyRule;

typedef struct {
  const char *name;
  ClipmoeKeyRule rule;
  const char *words; /* of WORDS; of OFF: what it would mean, or NULL */
} ClipmoeKey;

/* Entries of a table of keys. */
#define READ(NAME)                                                                                           \
  { NAME, CLIPMOE_KEY_READ, NULL }
#define IDLE(NAME)                                                                                           \
  { NAME, CLIPMOE_KEY_IDLE, NULL }
#define OFF(NAME, WHY)                                                                                       \
  { NAME, CLIPMOE_KEY_OFF, WHY }
#define WORDS(NAME, ONES)                                                                                    \
  { NAME, CLIPMOE_KEY_WORDS, ONES }

/* Whether every key of @object is one of @keys, and says what its rule allows. Others are refused by name,
 * but for null. With @others they are listed there instead, as sentences of what was not read. */
gboolean clipmoe_keys_check (const char *path, json_t *object, const char *where, const ClipmoeKey *keys,
                             guint n, GPtrArray *others, GError **error);

/* A whole number above 0 in @object, if there; it must equal @expected unless that is 0. */
gboolean clipmoe_key_whole (const char *path, json_t *object, const char *where, const char *key,
                            guint expected, guint *out, GError **error);
/* Three numbers, if there; whoever says them first in @out (NaN: nobody yet), the others must agree. */
gboolean clipmoe_key_triple (const char *path, json_t *object, const char *where, const char *key,
                             gboolean deviation, float out[3], GError **error);
gboolean clipmoe_config_agree (const char *path, const char *key, const float said[3], float out[3],
                               GError **error);
gboolean clipmoe_activation_parse (const char *text, ClipmoeActivation *out);

/* What one file says of one tower; 0 where it says nothing. */
typedef struct {
  guint heads;
  ClipmoeActivation activation;
  float eps;
} ClipmoeSaid;

/* What one file says of both. Mean and deviation go to the model, which knows whether others agree. */
typedef struct {
  ClipmoeSaid image, text;
} ClipmoeSaidOfBoth;

/* Heads must divide the width, whoever says how many there are. */
gboolean clipmoe_config_check_heads (const char *path, const char *what, const ClipmoeArchitecture *t,
                                     guint heads, GError **error);

#endif
