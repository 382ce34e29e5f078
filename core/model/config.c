/* What files say that shapes do not: heads, activation, eps, experts a token uses, mean and deviation. What
 * no file gives is assumed, and a sentence about it is listed. */
#include "config.h"

#include <math.h>
#include <string.h>
#include "config-huggingface.h"
#include "config-openclip.h"

static gboolean
metadata_triple (const char *path, const ClipmoeTensors *tensors, const char *key, gboolean deviation,
                 float out[3], GError **error) {
  const char *text = clipmoe_tensors_get_metadata (tensors, key);
  if (!text)
    return TRUE;
  char **parts = g_strsplit_set (text, " ,", 0);
  float said[3];
  guint n = 0;
  gboolean ok = TRUE;
  for (char **p = parts; *p && ok; p++) {
    char *end;
    if (!**p)
      continue;
    double v = g_ascii_strtod (*p, &end);
    ok = n < 3 && !*end && isfinite (v) && fabs (v) < 1000 && (!deviation || v > 1e-6);
    if (ok)
      said[n++] = (float)v;
  }
  g_strfreev (parts);
  if (!ok || n != 3) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: metadata %s: expected three %snumbers",
                 path, key, deviation ? "positive " : "");
    return FALSE;
  }
  char *where = g_strconcat ("metadata ", key, NULL);
  ok = clipmoe_config_agree (path, where, said, out, error);
  g_free (where);
  return ok;
}

guint
clipmoe_config_default_heads (guint width, gboolean image) {
  /* ViT-H, g, G and bigG have 16 heads, not width / 64. */
  static const guint published[] = {1280, 1408, 1664, 1792};
  for (guint i = 0; image && i < G_N_ELEMENTS (published); i++)
    if (width == published[i])
      return 16;
  return width % 64 ? 0 : width / 64;
}

ClipmoeActivation
clipmoe_config_default_activation (const char *layout, guint width) {
  /* Only OpenCLIP writes OpenCLIP's own names, and its models use GELU unless their configuration says
   * otherwise. Nearly all towers of ViT-H and larger use GELU too, whatever their layout. */
  gboolean large = width % 64 == 0 && clipmoe_config_default_heads (width, TRUE) != width / 64;
  return large || g_strcmp0 (layout, "openclip") == 0 ? CLIPMOE_ACTIVATION_GELU
                                                      : CLIPMOE_ACTIVATION_QUICK_GELU;
}

/* What a .json beside the weights is about. */
typedef enum {
  FOREIGN, /* of another library, or another kind of model */
  HUGGINGFACE,
  OPENCLIP,
} Kind;

static Kind
kind_of (json_t *root) {
  static const char *const openclip[] = {"model_cfg", "vision_cfg", "text_cfg"}, *const huggingface[] = {
                                                                                     "text_config",
                                                                                     "vision_config",
                                                                                     "text_config_dict",
                                                                                     "vision_config_dict"};
  const char *type = json_string_value (json_object_get (root, "model_type"));
  for (guint i = 0; i < G_N_ELEMENTS (openclip); i++)
    if (json_object_get (root, openclip[i]))
      return OPENCLIP;
  for (guint i = 0; i < G_N_ELEMENTS (huggingface); i++)
    if (json_object_get (root, huggingface[i]))
      return HUGGINGFACE;
  if (clipmoe_config_is_tower (root))
    return HUGGINGFACE;
  return g_strcmp0 (type, "clip") == 0 || g_strcmp0 (type, "clip-moe") == 0 ? HUGGINGFACE : FOREIGN;
}

/* What the files read so far gave, and the last of them. */
typedef struct {
  ClipmoeSaidOfBoth said;
  const char *path; /* NULL: nobody yet */
} Known;

static gboolean
contradicts (const char *path, const char *other, const char *tower, const char *what, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH, "%s: contradicts %s in the %s of the %s tower",
               path, other, what, tower);
  return FALSE;
}

static gboolean
merge_tower (ClipmoeSaid *to, const ClipmoeSaid *from, const char *path, const char *other, const char *tower,
             GError **error) {
  if (to->heads && from->heads && to->heads != from->heads)
    return contradicts (path, other, tower, "heads", error);
  if (to->activation && from->activation && to->activation != from->activation)
    return contradicts (path, other, tower, "activation", error);
  if (to->eps > 0 && from->eps > 0 && fabsf (to->eps - from->eps) > 1e-9f)
    return contradicts (path, other, tower, "eps of the norms", error);
  to->heads = to->heads ? to->heads : from->heads;
  to->activation = to->activation ? to->activation : from->activation;
  to->eps = to->eps > 0 ? to->eps : from->eps;
  return TRUE;
}

/* Reads one of the two configuration files that a folder may hold; both must agree. @only: it is the only
 * one. */
static gboolean
read_config (ClipmoeModel *m, const char *path, gboolean only, Known *known, GPtrArray *assumed,
             GError **error) {
  json_t *root = clipmoe_json_read (path, CLIPMOE_MAX_JSON, error);
  if (!root)
    return FALSE;
  ClipmoeSaidOfBoth said = {0};
  gboolean ok = json_is_object (root);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no JSON object", path);
  Kind kind = ok ? kind_of (root) : FOREIGN;
  if (ok && kind == OPENCLIP)
    ok = clipmoe_config_openclip (m, path, root, &said, assumed, error);
  else if (ok && kind == HUGGINGFACE)
    ok = clipmoe_config_huggingface (m, path, root, &said, assumed, error);
  else if (ok && only)
    g_ptr_array_add (assumed, g_strdup_printf ("%s is not CLIP's (no text_config, vision_config or "
                                               "model_cfg), and was not read",
                                               path));
  ok = ok && merge_tower (&known->said.image, &said.image, path, known->path, "image", error) &&
       merge_tower (&known->said.text, &said.text, path, known->path, "text", error);
  if (kind != FOREIGN)
    known->path = path;
  json_decref (root);
  return ok;
}

static gboolean
read_metadata (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors, Known *known,
               GError **error) {
  const char *activation = clipmoe_tensors_get_metadata (tensors, "clip.activation");
  if (!metadata_triple (files->weights, tensors, "clip.mean", FALSE, m->info.mean, error) ||
      !metadata_triple (files->weights, tensors, "clip.std", TRUE, m->info.std, error))
    return FALSE;
  if (!activation)
    return TRUE;
  ClipmoeSaid *towers[] = {&known->said.image, &known->said.text};
  for (guint i = 0; i < G_N_ELEMENTS (towers); i++) {
    ClipmoeActivation said;
    if (!clipmoe_activation_parse (activation, &said)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                   "%s: metadata clip.activation is \"%.40s\", expected quick_gelu or gelu", files->weights,
                   activation);
      return FALSE;
    }
    if (towers[i]->activation && towers[i]->activation != said) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: its activation contradicts clip.activation \"%s\" in %s", known->path, activation,
                   files->weights);
      return FALSE;
    }
    towers[i]->activation = said;
    /* clipmoe_model_save() writes one file only for models with the default heads and eps. */
    if (towers[i]->eps <= 0)
      towers[i]->eps = 1e-5f;
    const ClipmoeArchitecture *t = i ? &m->text : &m->image;
    if (!towers[i]->heads && clipmoe_architecture_is_there (t))
      towers[i]->heads = clipmoe_config_default_heads (t->width, i == 0);
  }
  return TRUE;
}

static gboolean
metadata_geometry (ClipmoeModel *m, const char *path, const ClipmoeTensors *tensors, GError **error) {
  const char *text = clipmoe_tensors_get_metadata (tensors, "clip.geometry");
  gboolean squash = g_strcmp0 (text, "squash") == 0;
  if (text && !squash && strcmp (text, "pad") != 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: metadata clip.geometry is \"%.40s\", expected squash or pad", path, text);
    return FALSE;
  }
  return !text || clipmoe_config_agree_geometry (path, "metadata clip.geometry",
                                                 squash ? CLIPMOE_GEOMETRY_SQUASH : CLIPMOE_GEOMETRY_PAD,
                                                 &m->info.geometry, error);
}

static void
assume_pictures (ClipmoeModel *m, GPtrArray *assumed) {
  static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
                     std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
  if (clipmoe_architecture_is_there (&m->image) && (isnan (m->info.mean[0]) || isnan (m->info.std[0])))
    g_ptr_array_add (assumed,
                     g_strdup ("pictures are normalised with CLIP's mean and deviation: no file says "
                               "how (clip.mean, clip.std)"));
  if (isnan (m->info.mean[0]))
    memcpy (m->info.mean, mean, sizeof mean);
  if (isnan (m->info.std[0]))
    memcpy (m->info.std, std, sizeof std);
}

/* An option wins over files, and files over what published models have. */
static gboolean
settle_heads (ClipmoeArchitecture *t, const ClipmoeFiles *files, guint option, guint said, gboolean image,
              GPtrArray *assumed, GError **error) {
  const char *name = image ? "heads" : "text-heads", *tower = image ? "image" : "text";
  if (!clipmoe_architecture_is_there (t))
    return TRUE;
  if (option && !clipmoe_config_check_heads (files->weights, name, t, option, error))
    return FALSE;
  t->heads = option ? option : said ? said : clipmoe_config_default_heads (t->width, image);
  if (!t->heads) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: no file says how many heads the %s tower of width %u has, and 64 does not divide that: "
                 "expected a config.json, or %s",
                 files->weights, tower, t->width, name);
    return FALSE;
  }
  if (!option && !said)
    g_ptr_array_add (assumed, g_strdup_printf ("the %s tower has %u heads of %u: no file says how many (%s)",
                                               tower, t->heads, clipmoe_architecture_head_width (t), name));
  return TRUE;
}

static void
settle_activation (ClipmoeModel *m, const Known *known, ClipmoeActivation option, GPtrArray *assumed) {
  ClipmoeActivation usual = clipmoe_config_default_activation (m->info.layout, m->image.width);
  if (clipmoe_architecture_is_there (&m->image))
    m->image.activation = option ? option : known->said.image.activation;
  if (clipmoe_architecture_is_there (&m->text))
    m->text.activation = option ? option : known->said.text.activation;
  gboolean image = clipmoe_architecture_is_there (&m->image), text = clipmoe_architecture_is_there (&m->text);
  if ((m->image.activation || !image) && (m->text.activation || !text))
    return;
  g_ptr_array_add (assumed, g_strdup_printf ("the activation is %s: no file says which (activation)",
                                             usual == CLIPMOE_ACTIVATION_GELU ? "GELU" : "QuickGELU"));
  if (image && !m->image.activation)
    m->image.activation = usual;
  if (text && !m->text.activation)
    m->text.activation = usual;
}

static void
settle_eps (ClipmoeModel *m, const Known *known, GPtrArray *assumed) {
  m->image.eps = known->said.image.eps;
  m->text.eps = known->said.text.eps;
  if ((m->image.eps > 0 || !clipmoe_architecture_is_there (&m->image)) &&
      (m->text.eps > 0 || !clipmoe_architecture_is_there (&m->text)))
    return;
  g_ptr_array_add (assumed, g_strdup ("the norms have an eps of 1e-5: no file says which (config.json)"));
  if (!(m->image.eps > 0))
    m->image.eps = 1e-5f;
  if (!(m->text.eps > 0))
    m->text.eps = 1e-5f;
}

static gboolean
settle_experts (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors, gboolean mixture,
                guint option, GPtrArray *assumed, GError **error) {
  const char *k = clipmoe_tensors_get_metadata (tensors, "clip.top_k");
  guint64 said = 0, most = MAX (m->image.experts ? clipmoe_architecture_most_experts (&m->image) : 0,
                                m->text.experts ? clipmoe_architecture_most_experts (&m->text) : 0);
  m->image.top_k = m->text.top_k = 0;
  if (k && !g_ascii_string_to_unsigned (k, 10, mixture ? 1 : 0, 1024, &said, NULL)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: metadata clip.top_k is \"%.40s\", expected 1 to 1024", files->weights, k);
    return FALSE;
  }
  if (!mixture)
    return TRUE;
  guint64 asked = option ? option : said;
  if (most && asked > most) { /* a gate that is not a matrix is reported when it is bound */
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: %s is %" G_GUINT64_FORMAT ", but no block has more than %" G_GUINT64_FORMAT
                 " experts, expected at most that",
                 files->weights, option ? "experts" : "metadata clip.top_k", asked, most);
    return FALSE;
  }
  if (!asked) {
    asked = most ? MIN (most, 2) : 2;
    g_ptr_array_add (assumed, g_strdup_printf ("a token uses %u expert%s: no file says how many (experts)",
                                               (guint)asked, asked == 1 ? "" : "s"));
  }
  m->image.top_k = m->text.top_k = (guint)asked;
  return TRUE;
}

gboolean
clipmoe_config_apply (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors,
                      gboolean mixture, const ClipmoeModelOptions *options, GPtrArray *assumed,
                      GError **error) {
  Known known = {0};
  for (guint i = 0; i < 3; i++)
    m->info.mean[i] = m->info.std[i] = NAN;
  m->info.geometry = CLIPMOE_GEOMETRY_AUTO;
  if ((files->config && !read_config (m, files->config, !files->openclip, &known, assumed, error)) ||
      (files->openclip && !read_config (m, files->openclip, TRUE, &known, assumed, error)) ||
      (files->preprocessor && !clipmoe_config_preprocessor (m, files->preprocessor, NULL, error)) ||
      (files->processor && !clipmoe_config_preprocessor (m, files->processor, "image_processor", error)) ||
      !read_metadata (m, files, tensors, &known, error) ||
      !metadata_geometry (m, files->weights, tensors, error))
    return FALSE;
  if (m->info.geometry == CLIPMOE_GEOMETRY_AUTO || !clipmoe_architecture_is_there (&m->image))
    m->info.geometry = CLIPMOE_GEOMETRY_CROP;
  assume_pictures (m, assumed);
  settle_activation (m, &known, options->activation, assumed);
  if (!settle_experts (m, files, tensors, mixture, options->experts, assumed, error) ||
      !settle_heads (&m->image, files, options->heads, known.said.image.heads, TRUE, assumed, error) ||
      !settle_heads (&m->text, files, options->text_heads, known.said.text.heads, FALSE, assumed, error))
    return FALSE;
  settle_eps (m, &known, assumed);
  ClipmoeArchitecture *towers[] = {&m->image, &m->text};
  for (guint i = 0; i < G_N_ELEMENTS (towers); i++) /* whatever files say of a tower that is not there */
    if (!clipmoe_architecture_is_there (towers[i])) {
      g_free (towers[i]->experts);
      *towers[i] = (ClipmoeArchitecture){0};
    }
  return TRUE;
}
