/* ClipmoeModel: weights, configuration and tokenizer of one checkpoint. Immutable and reference counted: any
 * thread, at any time. Since: 0.1
 *
 * Opening finds out what the checkpoint is and whether it is whole; an encoder runs it. The file must stay as
 * it is as long as encoders of the model are made: weights are read again when a further one needs them. */
#ifndef CLIPMOE_MODEL_H
#define CLIPMOE_MODEL_H

#include <clipmoe/image.h>
#include <clipmoe/tokenizer.h>

G_BEGIN_DECLS

typedef struct _ClipmoeModel ClipmoeModel;

/**
 * ClipmoeActivation:
 * @CLIPMOE_ACTIVATION_AUTO: as the files say, else what published models of that layout have
 *
 * The function between a block's two feed-forward matrices.
 */
typedef enum {
  CLIPMOE_ACTIVATION_AUTO,
  CLIPMOE_ACTIVATION_QUICK_GELU,
  CLIPMOE_ACTIVATION_GELU,
} ClipmoeActivation;

/**
 * ClipmoeModelTower:
 * @CLIPMOE_MODEL_BOTH: all towers that the checkpoint has
 *
 * Which towers of a checkpoint are opened.
 */
typedef enum {
  CLIPMOE_MODEL_BOTH,
  CLIPMOE_MODEL_IMAGE,
  CLIPMOE_MODEL_TEXT,
} ClipmoeModelTower;

/**
 * ClipmoeModelOptions:
 * @struct_size: sizeof (ClipmoeModelOptions)
 * @vocab: (nullable): a vocabulary that lies elsewhere, as clipmoe_tokenizer_open() takes it; NULL = beside
 * the weights
 * @activation: AUTO by default
 * @experts: of a mixture, how many a token uses; 0 = as the checkpoint says, else 2
 * @heads: attention heads of the image tower; 0 = as the files say, else as in published models
 * @text_heads: of the text tower, as @heads
 * @no_vocab: open without a vocabulary: pictures can be encoded, texts cannot
 * @read_all: read every weight now, also of a file whose fingerprint is known from an earlier time
 * @shapes_only: read no weights: what the model is, quickly. It has no fingerprint, no id, no logit_scale and
 * no vocabulary, and can be neither run nor saved
 * @prefix: (nullable): which CLIP of a file that holds several: what the names of its tensors begin with,
 * such as "teacher."; "." for the one whose names begin with nothing; NULL or "" = the only one
 * @tower: BOTH by default
 * @side: pixels of a side of the pictures; 0 = as the image tower was trained. Its positions are stretched
 * @adapter: (nullable): a LoRA adapter as PEFT saves it, a folder or its adapter_model.safetensors, which is
 * added to the weights
 *
 * What the files do not say, and what is not needed. Made by the program.
 */
typedef struct {
  gsize struct_size;
  const char *vocab;
  ClipmoeActivation activation;
  guint experts;
  guint heads, text_heads;
  gboolean no_vocab;
  gboolean read_all;
  gboolean shapes_only;
  const char *prefix;
  const char *adapter;
  ClipmoeModelTower tower;
  guint side;
} ClipmoeModelOptions;

/**
 * ClipmoeTowerInfo:
 * @width: values of a token
 * @layers: blocks
 * @heads: of attention
 * @ffn_width: values between the two feed-forward matrices
 * @moe_layers: blocks that are mixtures of experts
 * @experts: the most experts in one of them; 0 = there are none
 * @activation: never AUTO
 * @eps: of the layer norms
 * @parameters: of this tower
 * @active_parameters: of these, what one token uses
 *
 * One of a model's two transformers; all 0: the model has no such tower. Made by the library.
 */
typedef struct {
  guint width, layers, heads, ffn_width;
  guint moe_layers, experts;
  ClipmoeActivation activation;
  float eps;
  guint64 parameters, active_parameters;
} ClipmoeTowerInfo;

/**
 * ClipmoeModelInfo:
 * @name: its metadata's clip.name, else the name of file or folder
 * @path: (nullable): where it came from
 * @layout: whose names the tensors have: "openai", "long-clip", "clip-moe", "huggingface", "openclip"
 * @dtype: how numbers are stored: "f32", "f16", "mixed f16/f32", …
 * @fingerprint: (nullable): 64 hex digits, of the weights' values: the same for the same model in whatever
 * file
 * @id: (nullable): NAME@ and 12 hex digits, of weights, configuration and vocabulary: vectors of equal ids
 * may be compared
 * @licence: (nullable): what it may be used for
 * @assumed: (array zero-terminated=1): what no file said, a sentence each
 * @image: the image tower
 * @text: the text tower
 * @image_size: pixels of a side of the square that it takes
 * @patch_size: pixels of a side of a patch
 * @embed: values of a vector
 * @context: the most tokens of a text, with start and end
 * @vocab_size: tokens that it knows
 * @top_k: experts that a token uses; 0 = no mixture
 * @parameters: of both towers and the scale
 * @active_parameters: of these, what a picture's token and a text's token use
 * @mean: of R, G and B of 0 to 1
 * @std: their standard deviations
 * @logit_scale: the natural logarithm of what cosines are multiplied with; 0 of a tower alone
 *
 * @geometry: how pictures become its square, unless somebody says otherwise; never AUTO
 *
 * What a model is. Made by the library; strings live as long as the model.
 */
typedef struct {
  const char *name;
  const char *path;
  const char *layout;
  const char *dtype;
  const char *fingerprint;
  const char *id;
  const char *licence;
  const char *const *assumed;
  const ClipmoeTowerInfo *image, *text;
  guint image_size, patch_size, embed, context, vocab_size, top_k;
  guint64 parameters, active_parameters;
  float mean[3], std[3];
  float logit_scale;
  ClipmoeGeometry geometry;
} ClipmoeModelInfo;

/**
 * clipmoe_model_open:
 * @path: (nullable): a checkpoint file, a folder, or a name that clipmoe_resource_find() finds; NULL = the
 * default model
 * @options: (nullable): NULL = all defaults
 * @error: (nullable): IO: no such file; FORMAT: it is damaged, or no checkpoint; UNSUPPORTED: a model of
 * another kind; MISMATCH: its files disagree; LIMIT; ARGUMENT: an option out of range, several
 * CLIPs in one file, or none under @prefix, or there is no vocabulary; MEMORY
 *
 * Reads all weights when it meets a file for the first time, and headers alone when it knows the file from an
 * earlier time. Any thread.
 *
 * Returns: (transfer full): free with clipmoe_model_unref(); NULL on error
 */
CLIPMOE_API ClipmoeModel *clipmoe_model_open (const char *path, const ClipmoeModelOptions *options,
                                              GError **error);
/**
 * clipmoe_model_ref:
 *
 * Returns: (transfer full): @self
 */
CLIPMOE_API ClipmoeModel *clipmoe_model_ref (ClipmoeModel *self);
CLIPMOE_API void clipmoe_model_unref (ClipmoeModel *self);
/**
 * clipmoe_model_get_info:
 *
 * Returns: (transfer none): what it is
 */
CLIPMOE_API const ClipmoeModelInfo *clipmoe_model_get_info (const ClipmoeModel *self);
/**
 * clipmoe_model_get_tokenizer:
 *
 * Returns: (transfer none) (nullable): NULL when it was opened with `no_vocab`, or has no text tower
 */
CLIPMOE_API ClipmoeTokenizer *clipmoe_model_get_tokenizer (const ClipmoeModel *self);

/**
 * clipmoe_model_info_describe_assumed:
 *
 * What no file said of a model and was assumed, as one line for people. Any thread.
 *
 * Returns: (transfer full) (nullable): "assumed of NAME: …; …", or NULL when nothing was; free with g_free()
 */
CLIPMOE_API char *clipmoe_model_info_describe_assumed (const ClipmoeModelInfo *info);

/**
 * clipmoe_model_join:
 * @image: a model with an image tower, which is taken
 * @text: a model with a text tower, which is taken, with its vocabulary
 * @error: (nullable): ARGUMENT: one lacks its tower; MISMATCH: their vectors are not of one size; IO; MEMORY
 *
 * A model of two towers from two places, held in memory. Its logit_scale is that of @text where that is a
 * whole model, else that of @image, else ln 100, which is said among what was assumed. Whether the two were
 * trained for each other nobody can tell from their sizes. Any thread.
 *
 * Returns: (transfer full): free with clipmoe_model_unref(); NULL on error
 */
CLIPMOE_API ClipmoeModel *clipmoe_model_join (ClipmoeModel *image, ClipmoeModel *text, GError **error);

/**
 * ClipmoeLayout:
 * @CLIPMOE_LAYOUT_CLIPMOE: OpenAI's and CLIP-MoE's names, the configuration in the file's metadata
 * @CLIPMOE_LAYOUT_HUGGINGFACE: CLIPModel's names, config.json and preprocessor_config.json; no mixtures
 *
 * What clipmoe_model_save() writes.
 */
typedef enum {
  CLIPMOE_LAYOUT_CLIPMOE,
  CLIPMOE_LAYOUT_HUGGINGFACE,
} ClipmoeLayout;

/**
 * ClipmoeSaveAs:
 * @CLIPMOE_STORE_KEEP: every tensor as it was read; F64 as F32, which is what models compute with
 *
 * How clipmoe_model_save() stores numbers.
 */
typedef enum {
  CLIPMOE_STORE_KEEP,
  CLIPMOE_STORE_F32,
  CLIPMOE_STORE_F16,
  CLIPMOE_STORE_BF16,
} ClipmoeSaveAs;

/**
 * clipmoe_model_save:
 * @path: a name ending in ".safetensors" for one file (CLIPMOE alone), else a folder, which gets
 *   model.safetensors, config.json and the card (README.md). The vocabulary that the model was opened with,
 *   or that lies beside it, is copied along
 * @layout: whose names
 * @store: of numbers
 * @overwrite: whether a file of that name is replaced, or a folder with model.safetensors in it and nothing
 *   but files of the names that are written there
 * @n_rounded: (out) (optional): how many numbers @store cannot hold exactly; 0 = the fingerprint is the same
 * @error: (nullable): IO; ARGUMENT: the place that the model was read from, or one that is taken;
 * UNSUPPORTED: a mixture for HUGGINGFACE, or one file for what its metadata cannot say (heads not of 64, an
 * eps other than 1e-5, towers with different activations); LIMIT: a number too large for F16
 *
 * Writes a model so that opening it gives the same model again. The file or folder appears whole or not at
 * all. Any thread.
 *
 * Returns: whether it was written
 */
CLIPMOE_API gboolean clipmoe_model_save (const ClipmoeModel *self, const char *path, ClipmoeLayout layout,
                                         ClipmoeSaveAs store, gboolean overwrite, guint64 *n_rounded,
                                         GError **error);

/**
 * clipmoe_resource_find:
 * @kind: "" for a model, "labels" or "templates" for a list (NAME.txt)
 * @name: a name without '/'
 *
 * Looks for something that is installed: in the folders of $CLIPMOE_MODEL_PATH (separated by colons), in
 * clipmoe/models of the user's data folder, then in what was installed with the library. Any thread.
 *
 * Returns: (transfer full) (nullable): its path, free with g_free(); NULL: there is none
 */
CLIPMOE_API char *clipmoe_resource_find (const char *kind, const char *name);
/**
 * clipmoe_resource_list:
 * @kind: as in clipmoe_resource_find(); of kind "" those folders and files that look like a model
 *
 * Any thread.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names that clipmoe_resource_find() finds, sorted,
 * each once; free with g_strfreev()
 */
CLIPMOE_API char **clipmoe_resource_list (const char *kind);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeModel, clipmoe_model_unref)

G_END_DECLS

#endif
