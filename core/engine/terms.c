#include "terms.h"

#include "../encoder/arithmetic.h"

/* The same file by another name is the same model. */
static char *
resolve (const char *path) {
  char *found = path && g_file_test (path, G_FILE_TEST_EXISTS)
                    ? g_canonicalize_filename (path, NULL)
                    : clipmoe_resource_find ("", path ? path : "default");
  return found ? found : g_strdup (path ? path : "default");
}

ClipmoeTerms *
clipmoe_terms_new (const char *id, const char *path, const ClipmoeModelOptions *options,
                   const ClipmoeEncoderOptions *how, guint wait) {
  ClipmoeTerms *self = g_new0 (ClipmoeTerms, 1);
  self->id = g_strdup (id);
  self->path = resolve (path);
  self->vocab = options->vocab ? g_canonicalize_filename (options->vocab, NULL) : NULL;
  self->options = *options;
  self->prefix = options->prefix && *options->prefix ? g_strdup (options->prefix) : NULL;
  self->adapter = options->adapter ? g_canonicalize_filename (options->adapter, NULL) : NULL;
  self->options.vocab = self->options.prefix = self->options.adapter = NULL;
  self->how = *how;
  self->wait = wait;
  return self;
}

void
clipmoe_terms_free (ClipmoeTerms *self) {
  if (!self)
    return;
  g_free (self->id);
  g_free (self->path);
  g_free (self->vocab);
  g_free (self->prefix);
  g_free (self->adapter);
  g_free (self);
}

static gboolean
agree_text (const ClipmoeTerms *open, const char *what, const char *a, const char *b, GError **error) {
  if (g_strcmp0 (a, b) == 0)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "engine \"%s\": %s %s, expected %s, which it was opened with", open->id, what, b ? b : "unset",
               a ? a : "unset");
  return FALSE;
}

static gboolean
agree_number (const ClipmoeTerms *open, const char *what, guint a, guint b, GError **error) {
  if (a == b)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "engine \"%s\": %s %u, expected %u, which it was opened with", open->id, what, b, a);
  return FALSE;
}

/* What no version knows is refused where it is used; here it is no other value's equal. */
static const char *
activation_name (ClipmoeActivation activation) {
  static const char *const names[] = {"auto", "quick-gelu", "gelu"};
  return (guint)activation < G_N_ELEMENTS (names) ? names[activation] : "unknown";
}

static const char *
precision_name (ClipmoePrecision precision) {
  return (guint)precision <= CLIPMOE_PRECISION_INT8 ? clipmoe_precision_name (precision) : "unknown";
}

gboolean
clipmoe_terms_agree (const ClipmoeTerms *open, const ClipmoeTerms *asked, GError **error) {
  const ClipmoeModelOptions *a = &open->options, *b = &asked->options;
  return agree_text (open, "model", open->path, asked->path, error) &&
         agree_text (open, "vocab", open->vocab, asked->vocab, error) &&
         agree_text (open, "prefix", open->prefix, asked->prefix, error) &&
         agree_text (open, "adapter", open->adapter, asked->adapter, error) &&
         agree_text (open, "activation", activation_name (a->activation), activation_name (b->activation),
                     error) &&
         agree_number (open, "tower", a->tower, b->tower, error) &&
         agree_number (open, "side", a->side, b->side, error) &&
         agree_number (open, "no_vocab", a->no_vocab != 0, b->no_vocab != 0, error) &&
         agree_number (open, "experts", a->experts, b->experts, error) &&
         agree_number (open, "heads", a->heads, b->heads, error) &&
         agree_number (open, "text-heads", a->text_heads, b->text_heads, error) &&
         agree_text (open, "precision", precision_name (open->how.precision),
                     precision_name (asked->how.precision), error) &&
         agree_number (open, "threads", open->how.threads, asked->how.threads, error) &&
         (!open->how.batch || !asked->how.batch ||
          agree_number (open, "batch-size", open->how.batch, asked->how.batch, error)) &&
         (!open->wait || !asked->wait ||
          agree_number (open, "batch-timeout", open->wait, asked->wait, error));
}
