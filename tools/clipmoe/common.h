/* What the sub-commands share: options of a model, one sentence on failure, JSON strings. */
#ifndef CLIPMOE_COMMON_H
#define CLIPMOE_COMMON_H

#include <clipmoe/clipmoe.h>

typedef struct {
  char *model, *vocab, *activation;
  int experts, threads;
} ClipmoeModelArguments;

/* Entries for --model, --vocab, --activation, --experts, --threads. */
#define CLIPMOE_MODEL_ENTRIES(A)                                                                             \
  {                                                                                                          \
      "model",    0,                                                                                         \
      0,          G_OPTION_ARG_FILENAME,                                                                     \
      &(A).model, "Checkpoint file, folder, or name of an installed model",                                  \
      "PATH"},                                                                                               \
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &(A).vocab, "Vocabulary that does not lie beside the model",    \
       "PATH"},                                                                                              \
      {"activation", 0, 0, G_OPTION_ARG_STRING, &(A).activation, "auto, quick-gelu or gelu", "NAME"},        \
      {"experts", 0, 0, G_OPTION_ARG_INT, &(A).experts, "Experts a token uses; 0 = as the checkpoint says",  \
       "N"},                                                                                                 \
  {                                                                                                          \
    "threads", 0, 0, G_OPTION_ARG_INT, &(A).threads, "Threads; 0 = all", "N"                                 \
  }

/* Parses @argv; @files gets what is left (transfer full). 0 = go on, 1 = --help was printed, 2 = wrong usage,
 * said. */
int clipmoe_parse (int argc, char **argv, const char *name, const char *parameters, const char *description,
                   const GOptionEntry *entries, char ***files);
/* Prints the sentence, frees @error, returns 1. */
int clipmoe_fail (GError *error);
ClipmoeModel *clipmoe_open_model (const ClipmoeModelArguments *arguments, gboolean no_vocab, GError **error);
ClipmoeEncoder *clipmoe_open_encoder (const ClipmoeModelArguments *arguments, GError **error);
/* All of @out to standard output: 0, or 1 with a sentence when that fails. */
int clipmoe_print (const GString *out);
void clipmoe_json_string (GString *out, const char *text);

#endif
