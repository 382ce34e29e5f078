/* Weights, configuration and tokenizer of one checkpoint. Immutable, reference counted, shared between
 * threads. */
#ifndef CLIPMOE_MODEL_H
#define CLIPMOE_MODEL_H

#include "tokenizer.h"

G_BEGIN_DECLS

typedef struct _ClipmoeModel ClipmoeModel;

typedef enum {
  CLIPMOE_ACTIVATION_AUTO,
  CLIPMOE_ACTIVATION_QUICK_GELU,
  CLIPMOE_ACTIVATION_GELU,
} ClipmoeActivation;

/** Zero is the default for every field. Since: 0.1 */
typedef struct {
  const char *vocab;            /* a vocabulary elsewhere, or NULL */
  ClipmoeActivation activation; /* AUTO: as the files say, else what published models have */
  guint experts;                /* experts a token uses; 0 = as the checkpoint says, else 2 */
  guint heads, text_heads;      /* of the image and the text tower; 0 = as the files say, else as published */
  gboolean no_vocab;            /* open without a vocabulary (inspect, convert, image tower only) */
  gboolean read_all;    /* read every weight now, also of a file whose fingerprint is known from before */
  gboolean shapes_only; /* read no weights: what the model is, quickly. It has no fingerprint, no id, no
                         * logit_scale and no vocabulary, and can be neither run nor saved */
} ClipmoeModelOptions;

typedef struct {
  guint width, layers, heads, ffn_width;
  guint moe_layers, experts; /* blocks that are mixtures, and the most experts in one */
  ClipmoeActivation activation;
  float eps;
  guint64 parameters, active_parameters; /* of this tower, `active` = what one token uses */
} ClipmoeTowerInfo;

/** What a model is; borrowed strings live as long as the model. Since: 0.1 */
typedef struct {
  const char *name;           /* clip.name, else the file or folder name */
  const char *path;           /* where it came from */
  const char *layout;         /* "openai", "long-clip", "clip-moe", "huggingface", "openclip" */
  const char *dtype;          /* "f32", "f16", "mixed f16/f32", … as stored */
  const char *fingerprint;    /* 64 hex digits */
  const char *id;             /* NAME@12 hex digits */
  const char *licence;        /* what it may be used for (clip.licence), or NULL */
  const char *const *assumed; /* NULL-terminated sentences: what no file said */
  ClipmoeTowerInfo image, text;
  guint image_size, patch_size, embed, context, vocab_size, top_k;
  guint64 parameters, active_parameters; /* with logit_scale */
  float mean[3], std[3];
  float logit_scale; /* the exponent is not taken */
} ClipmoeModelInfo;

/**
 * clipmoe_model_open:
 * @path: (nullable): a checkpoint file, a folder, or the name of a model in $CLIPMOE_MODEL_PATH, the user's
 * data directory or the installed models; NULL = the default model
 * @options: (nullable): NULL = all defaults
 *
 * Returns: (transfer full) (nullable): the model; free with clipmoe_model_unref()
 * Since: 0.1
 */
CLIPMOE_API ClipmoeModel *clipmoe_model_open (const char *path, const ClipmoeModelOptions *options,
                                              GError **error);
CLIPMOE_API ClipmoeModel *clipmoe_model_ref (ClipmoeModel *self);
CLIPMOE_API void clipmoe_model_unref (ClipmoeModel *self);
CLIPMOE_API const ClipmoeModelInfo *clipmoe_model_get_info (const ClipmoeModel *self);
/** Borrowed; NULL when opened with no_vocab. Since: 0.1 */
CLIPMOE_API ClipmoeTokenizer *clipmoe_model_get_tokenizer (const ClipmoeModel *self);

/**
 * clipmoe_model_info_describe_assumed: what no file said of a model and was assumed, as one line for people.
 *
 * Returns: (transfer full) (nullable): "assumed of NAME: …; …", or NULL when nothing was; free with g_free()
 * Since: 0.1
 */
CLIPMOE_API char *clipmoe_model_info_describe_assumed (const ClipmoeModelInfo *info);

/** What clipmoe_model_save() writes. Since: 0.1 */
typedef enum {
  CLIPMOE_LAYOUT_CLIPMOE,     /* OpenAI's and CLIP-MoE's names, the configuration in the file's metadata */
  CLIPMOE_LAYOUT_HUGGINGFACE, /* CLIPModel's names, config.json and preprocessor_config.json; no mixtures */
} ClipmoeLayout;

/** How numbers are stored. KEEP: every tensor as it was read (F64 as F32, which is what a model computes
 * with). Since: 0.1 */
typedef enum {
  CLIPMOE_STORE_KEEP,
  CLIPMOE_STORE_F32,
  CLIPMOE_STORE_F16,
  CLIPMOE_STORE_BF16,
} ClipmoeStore;

/**
 * clipmoe_model_save: writes a model so that opening it gives the same model again.
 * @path: a name ending in ".safetensors" for one file (CLIPMOE alone), else a folder, which gets
 *   model.safetensors, config.json and the card (README.md). The vocabulary that the model was opened with,
 *   or that stands beside it, is copied along.
 * @overwrite: whether a file of that name is replaced, or a folder with model.safetensors in it and nothing
 * but files of the names that are written there
 * @n_rounded: (out) (optional): numbers that @store cannot hold exactly; 0 = the fingerprint is the same
 *
 * A file or folder appears whole or not at all. Refused: the place the model was read from, a mixture for
 * HUGGINGFACE (UNSUPPORTED), a number too large for F16 (LIMIT), one file for what metadata cannot say (heads
 * not of 64, an eps other than 1e-5, towers with different activations; UNSUPPORTED).
 * Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_model_save (const ClipmoeModel *self, const char *path, ClipmoeLayout layout,
                                         ClipmoeStore store, gboolean overwrite, guint64 *n_rounded,
                                         GError **error);

/**
 * clipmoe_resource_find: looks up an installed thing by name.
 * @kind: "" for a model folder, "labels" or "templates" for a list (NAME.txt)
 * @name: a name without '/'
 *
 * Searches $CLIPMOE_MODEL_PATH (colon-separated), the user's data directory, the installed models.
 * Returns: (transfer full) (nullable): the path, or NULL
 * Since: 0.1
 */
CLIPMOE_API char *clipmoe_resource_find (const char *kind, const char *name);
/**
 * clipmoe_resource_list: the names that clipmoe_resource_find() finds, sorted, each once.
 *
 * Of kind "" those folders and .safetensors or .pt files that look like a model.
 * Returns: (transfer full): NULL-terminated; free with g_strfreev()
 * Since: 0.1
 */
CLIPMOE_API char **clipmoe_resource_list (const char *kind);

G_END_DECLS

#endif
