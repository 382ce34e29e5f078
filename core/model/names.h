/* Naming of CLIP's tensors in each kind of checkpoint. OpenAI's names are the canonical ones. */
#ifndef CLIPMOE_NAMES_H
#define CLIPMOE_NAMES_H

#include "../checkpoint/tensors.h"

typedef enum {
  CLIPMOE_NAMING_OPENAI,      /* CLIP, Long-CLIP, CLIP-MoE, OpenCLIP's plain class */
  CLIPMOE_NAMING_OPENCLIP,    /* CustomTextCLIP: the text tower begins with "text." */
  CLIPMOE_NAMING_HUGGINGFACE, /* CLIPModel */
} ClipmoeNaming;

/* How the canonical tensor is made of a stored one. */
typedef enum {
  CLIPMOE_PART_WHOLE,
  CLIPMOE_PART_TRANSPOSED,
  CLIPMOE_PART_Q, /* q, k and v are a third of the rows each, in this order */
  CLIPMOE_PART_K,
  CLIPMOE_PART_V,
} ClipmoePart;

/* Whether @name (without prefix; @whole: with it) is one of another kind of model, which the message
 * names (UNSUPPORTED). */
gboolean clipmoe_name_foreign (const char *path, const char *whole, const char *name, GError **error);

/* Whether @name is not a weight of a tower: masks, position ids, sizes, and logit_bias of models trained with
 * a sigmoid loss, on which no vector depends. */
gboolean clipmoe_name_ignored (const char *name);

/* The canonical name of @name (without prefix); NULL: not a name of Hugging Face's CLIP. Free with g_free().
 */
char *clipmoe_name_to_canonical (ClipmoeNaming naming, const char *name, ClipmoePart *part);

/* The reverse. @third: which of q, k and v (0 to 2), ignored for others. *part: how the tensor is stored.
 * NULL: the naming has no such tensor (mixtures in Hugging Face's). Free with g_free(). */
char *clipmoe_name_from_canonical (ClipmoeNaming naming, const char *canonical, guint third,
                                   ClipmoePart *part);

#endif
