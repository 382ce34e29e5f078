/* What the sub-commands share: options of a model, one sentence on failure. */
#ifndef CLIPMOE_COMMON_H
#define CLIPMOE_COMMON_H

#include <clipmoe/clipmoe.h>

typedef struct {
  char *model, *vocab, *prefix, *activation;
  char *adapter; /* no option but of model convert, as the next */
  ClipmoeModelTower tower;
  int side, experts, heads, text_heads, threads;
  gboolean read_all; /* no option: for commands that look at every weight */
} ClipmoeModelArguments;

/* Entries for --model, --vocab, --activation, --experts, --threads. */
#define CLIPMOE_MODEL_ENTRIES(A)                                                                               \
  {                                                                                                            \
      "model",    0,                                                                                           \
      0,          G_OPTION_ARG_FILENAME,                                                                       \
      &(A).model, "Checkpoint file, folder, or name of an installed model",                                    \
      "PATH"},                                                                                                 \
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &(A).vocab, "Vocabulary that does not lie beside the model",      \
       "PATH"},                                                                                                \
      {"prefix",    0,                                                                                         \
       0,           G_OPTION_ARG_STRING,                                                                       \
       &(A).prefix, "Of several CLIPs in one file, what this one's names begin with; . = nothing",             \
       "PREFIX"},                                                                                              \
      {"side",    0,                                                                                           \
       0,         G_OPTION_ARG_INT,                                                                            \
       &(A).side, "Pixels of a side of the model's square; 0 = as it was trained",                             \
       "N"},                                                                                                   \
      {"activation", 0, 0, G_OPTION_ARG_STRING, &(A).activation, "auto, quick-gelu or gelu", "NAME"},          \
      {"experts", 0, 0, G_OPTION_ARG_INT, &(A).experts, "Experts a token uses; 0 = as the checkpoint says",    \
       "N"},                                                                                                   \
      {"heads", 0, 0, G_OPTION_ARG_INT, &(A).heads, "Heads of the image tower; 0 = as the files say", "N"},    \
      {"text-heads", 0, 0, G_OPTION_ARG_INT, &(A).text_heads, "Heads of the text tower; 0 = as the files say", \
       "N"},                                                                                                   \
  {                                                                                                            \
    "threads", 0, 0, G_OPTION_ARG_INT, &(A).threads, "Threads; 0 = all", "N"                                   \
  }

/* Parses @argv; @files gets what is left (transfer full). 0 = go on, 1 = --help was printed, 2 = wrong usage,
 * said. */
int clipmoe_parse (int argc, char **argv, const char *name, const char *parameters, const char *description,
                   const GOptionEntry *entries, char ***files);
/* "clipmoe NAME: SENTENCE, see clipmoe NAME --help" on stderr; returns 2. */
int clipmoe_usage (const char *name, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* 0, or 2 with a sentence, when one of @arguments is a value that it cannot have. */
int clipmoe_check (const char *name, const ClipmoeModelArguments *arguments);
void clipmoe_model_arguments_clear (ClipmoeModelArguments *arguments);
/* Of a command that takes at most one path, the model's: checks all of @arguments. Takes over @rest. 0, or 2
 * with a sentence, and @arguments are cleared. */
int clipmoe_take_model (const char *name, char **rest, ClipmoeModelArguments *arguments);
/* "clipmoe: SENTENCE" on stderr, without what a terminal would obey. */
void clipmoe_say (const char *sentence);
/* The same, unless it was the last one said so: every element of a run that opens a
 * model says the same. */
void clipmoe_say_once (const char *sentence);
/* Says so where TZ names a time zone that is not known, which stands for UTC. */
void clipmoe_say_zone (void);
/* What no file says of the model. */
void clipmoe_say_assumed (const ClipmoeModelInfo *info);
/* Prints the sentence, frees @error, returns 1. */
int clipmoe_fail (GError *error);
/* @arguments passed clipmoe_check(). */
ClipmoeModel *clipmoe_open_model (const ClipmoeModelArguments *arguments, gboolean no_vocab, GError **error);
/* All of @out to standard output, at once: 0, or 1 with a sentence when that fails, without one when nobody
 * reads it any more. */
int clipmoe_print (const GString *out);
/* With its vocabulary, on which the id depends; without, where there is none and none was named. */
ClipmoeModel *clipmoe_open_model_anyhow (const ClipmoeModelArguments *arguments, GError **error);
/* FALSE: no such name. @activation is optional. */
gboolean clipmoe_parse_activation (const char *name, ClipmoeActivation *activation);
#define CLIPMOE_PRECISION_NAMES "auto, f32, half or int8"
/* NULL is auto. FALSE: none of these names. */
gboolean clipmoe_parse_precision (const char *name, ClipmoePrecision *precision);
/* Says so on stderr where text @number is not UTF-8, which U+FFFD then stands for. */
void clipmoe_warn_text (guint number, const char *text, gsize length);

#endif
