/* The names under which checkpoints of each kind store CLIP's tensors, and OpenAI's, which are ours. */
#ifndef CLIPMOE_NAMES_H
#define CLIPMOE_NAMES_H

#include "../checkpoint/tensors.h"

typedef enum {
  CLIPMOE_NAMING_OPENAI,      /* CLIP, Long-CLIP, CLIP-MoE, OpenCLIP's plain class */
  CLIPMOE_NAMING_OPENCLIP,    /* CustomTextCLIP: the text tower begins with "text." */
  CLIPMOE_NAMING_HUGGINGFACE, /* CLIPModel */
} ClipmoeNaming;

/* How a stored tensor makes up the canonical one. */
typedef enum {
  CLIPMOE_PART_WHOLE,
  CLIPMOE_PART_TRANSPOSED,
  CLIPMOE_PART_Q, /* one third of the rows, in this order */
  CLIPMOE_PART_K,
  CLIPMOE_PART_V,
} ClipmoePart;

/* How many bytes of prefix ("module." and the like, perhaps nested) all names share. */
gsize clipmoe_names_prefix (const ClipmoeTensors *tensors);

/* Which naming it is. A file that is no ViT CLIP with both towers is refused with what it is instead. */
gboolean clipmoe_names_recognise (const char *path, const ClipmoeTensors *tensors, gsize prefix,
                                  ClipmoeNaming *naming, GError **error);

/* Buffers and constants that carry no weights of a tower: masks, position ids, sizes; and the bias that a
 * CLIP trained with the sigmoid loss has beside its scale, on which no vector depends. */
gboolean clipmoe_name_ignored (const char *name);

/* The canonical name of @name (without prefix); NULL when @name is none of a Hugging Face CLIP. Free with
 * g_free(). */
char *clipmoe_name_to_canonical (ClipmoeNaming naming, const char *name, ClipmoePart *part);

/* The way back. @third: for q, k, v which of them (0 to 2), else ignored. *part says how it is stored. A name
 * that the naming cannot hold (a mixture in Hugging Face's) gives NULL. */
char *clipmoe_name_from_canonical (ClipmoeNaming naming, const char *canonical, guint third,
                                   ClipmoePart *part);

#endif
