/* Models made in memory from a seed: weights of sane scale for benches and tests. No file is read or written.
 */
#ifndef CLIPMOE_SEEDED_H
#define CLIPMOE_SEEDED_H

#include <clipmoe/model.h>

typedef struct {
  guint width, layers, heads, ffn_width;
  guint experts;    /* 0 = dense */
  guint moe_layers; /* with experts: the last so many blocks are mixtures; 0 = all */
} ClipmoeSeededTower;

typedef struct {
  const char *name;
  guint image_size, patch_size, embed, context, vocab_size;
  guint top_k;                  /* experts a token uses; 0 without mixtures */
  ClipmoeActivation activation; /* AUTO: QuickGELU */
  ClipmoeSeededTower image, text;
} ClipmoeSeededShape;

/* Same shape and seed: same bytes, on every machine. It has no vocabulary. MEMORY when it does not fit,
 * ARGUMENT when the sizes make no model. */
ClipmoeModel *clipmoe_seeded_model_new (const ClipmoeSeededShape *shape, guint64 seed, GError **error);

/* The published architectures: "ViT-B-32", "ViT-L-14-336", …, and as CLIP-MoE with 4 experts, of which a
 * token uses 2, in every block: "ViT-B-32-moe". "ViT-L/14@336px" is read as "ViT-L-14-336". */
gboolean clipmoe_seeded_shape_find (const char *name, ClipmoeSeededShape *shape, GError **error);
/* (transfer full): all names, NULL-terminated. */
char **clipmoe_seeded_shape_names (void);

#endif
