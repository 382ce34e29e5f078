/* The weights of a checkpoint of any layout under OpenAI's names, as f32. */
#ifndef CLIPMOE_CANONICAL_H
#define CLIPMOE_CANONICAL_H

#include "../clipmoe/model.h"
#include "names.h"

typedef struct {
  guint n_dims;
  guint64 shape[CLIPMOE_MAX_DIMS];
  guint64 n_elements;
  float *data;
  ClipmoeDtype dtype; /* as stored; parts of different types: F32 */
  char *source;       /* the name in the file; of q where q, k and v make up one */
  ClipmoePart part;   /* how it is made of the source; Q: it was stored in three parts */
  gboolean used;      /* bound to a role */
} ClipmoeWeight;

typedef struct {
  GHashTable *weights;     /* canonical name -> ClipmoeWeight */
  ClipmoeTensors *tensors; /* the file, while it is being opened */
  ClipmoeNaming naming;
  const char *layout;         /* "openai", "long-clip", "clip-moe", "huggingface", "openclip" */
  char *dtype;                /* as stored */
  gboolean mixture;           /* some block has a router */
  gboolean shapes_only;       /* no weight has data */
  gboolean logit_bias;        /* the file has one; it is not in `weights` */
  gboolean two_tables;        /* positions came as Long-CLIP's two tables */
  gboolean no_image, no_text; /* one tower stands alone */
  gboolean made_projection;   /* it has no projection of its own, and here that of ones */
  char *rest;                 /* a sentence on tensors of the file that are not the model's, or NULL */
} ClipmoeWeights;

/* Converts and takes over @tensors, also on failure. Long-CLIP's two tables of positions are merged into
 * "positional_embedding". Each tensor of the file is freed once it is converted. @prefix: (nullable): as
 * clipmoe_place_find() takes it. @tower: of both the one that is taken.
 * @shapes_only: @tensors have no values, and the weights will have none. Returns (transfer full). Errors:
 * FORMAT (unknown or double names, values that are not finite), UNSUPPORTED (another kind of model), ARGUMENT
 * (several models), MEMORY. */
ClipmoeWeights *clipmoe_weights_new (const char *path, ClipmoeTensors *tensors, const char *prefix,
                                     ClipmoeModelTower tower, gboolean shapes_only, GError **error);
/* An empty table, which counts as a file of F32 in OpenAI's layout. */
ClipmoeWeights *clipmoe_weights_empty (void);
/* Puts @data (taken over, also on failure) under @name, in place of what stood there. */
void clipmoe_weights_put (ClipmoeWeights *self, const char *name, guint n_dims, const guint64 *shape,
                          float *data);
/* A copy of one of @from's weights under @name. FALSE: no memory. */
gboolean clipmoe_weights_copy (ClipmoeWeights *self, const char *name, const ClipmoeWeight *from,
                               GError **error);
/* Frees what is left of the file's table, including its metadata. */
void clipmoe_weights_drop_file (ClipmoeWeights *self);
void clipmoe_weights_free (ClipmoeWeights *self);
/* SHA-256 over the names in byte order, their shapes, and XXH3-128 of their values: 64 hex digits, free with
 * g_free(). */
char *clipmoe_weights_fingerprint (const ClipmoeWeights *self);
/* Moves the values of @from, which has the same names and shapes, to @self. */
void clipmoe_weights_take_numbers (ClipmoeWeights *self, ClipmoeWeights *from);
/* Frees all values; names and shapes stay. */
void clipmoe_weights_forget_numbers (ClipmoeWeights *self);
/* A GDestroyNotify for ClipmoeWeight; NULL is allowed. */
void clipmoe_weight_free (gpointer weight);

#endif
