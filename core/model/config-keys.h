/* Keys of the .json files beside the weights: checks against tables of known keys, and values that several
 * readers share. An unknown key is refused, since it may change what the model computes. */
#ifndef CLIPMOE_CONFIG_KEYS_H
#define CLIPMOE_CONFIG_KEYS_H

#include "../base/json.h"
#include "model-private.h"

/* What a key of a section means to this library. */
typedef enum {
  CLIPMOE_KEY_READ,  /* the section's reader interprets it */
  CLIPMOE_KEY_IDLE,  /* does not change what the towers compute */
  CLIPMOE_KEY_OFF,   /* must be null, false, 0, "" or an empty list or object */
  CLIPMOE_KEY_WORDS, /* must be null or one of `words`, which spaces separate */
} ClipmoeKeyRule;

typedef struct {
  const char *name;
  ClipmoeKeyRule rule;
  const char *words; /* the words of WORDS; of OFF: what another value would mean, or NULL */
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

/* Whether every key of @object is one of @keys and has a value that its rule allows. An unknown key that is
 * not null is an error (UNSUPPORTED); with @others a sentence about it is added there instead. */
gboolean clipmoe_keys_check (const char *path, json_t *object, const char *where, const ClipmoeKey *keys,
                             guint n, GPtrArray *others, GError **error);

/* Reads a whole number above 0, if there, to *out (may be NULL); it must equal @expected unless that is 0.
 * FORMAT, MISMATCH. */
gboolean clipmoe_key_whole (const char *path, json_t *object, const char *where, const char *key,
                            guint expected, guint *out, GError **error);
/* Reads three numbers, if there, to @out. @out holds NaN until some file has given them; later files must
 * agree (MISMATCH). */
gboolean clipmoe_key_triple (const char *path, json_t *object, const char *where, const char *key,
                             gboolean deviation, float out[3], GError **error);
gboolean clipmoe_config_agree (const char *path, const char *key, const float said[3], float out[3],
                               GError **error);
/* Sets *out, which is AUTO until some file has said it; later files must agree (MISMATCH). */
gboolean clipmoe_config_agree_geometry (const char *path, const char *key, ClipmoeGeometry said,
                                        ClipmoeGeometry *out, GError **error);
gboolean clipmoe_activation_parse (const char *text, ClipmoeActivation *out);

/* What one file gives for one tower; 0 where it gives nothing. */
typedef struct {
  guint heads;
  ClipmoeActivation activation;
  float eps;
} ClipmoeSaid;

/* The same for both towers. Mean and deviation go to the model's info directly, where they are compared. */
typedef struct {
  ClipmoeSaid image, text;
} ClipmoeSaidOfBoth;

/* Whether @heads divides the tower's width; else MISMATCH, naming @what. */
gboolean clipmoe_config_check_heads (const char *path, const char *what, const ClipmoeArchitecture *t,
                                     guint heads, GError **error);

#endif
