/* The sub-commands of `clipmoe-dmu`: each gets argv from its own name on and returns the exit status (0 done,
 * 1 failed with one sentence on stderr, 2 wrong usage). */
#ifndef DMU_COMMANDS_H
#define DMU_COMMANDS_H

#include <clipmoe/clipmoe.h>
#include <dataset.h>

int dmu_cmd_run (int argc, char **argv);
int dmu_cmd_train (int argc, char **argv); /* train, finetune and route */
int dmu_cmd_cluster (int argc, char **argv);
int dmu_cmd_upcycle (int argc, char **argv);
int dmu_cmd_stretch (int argc, char **argv);
int dmu_cmd_evaluate (int argc, char **argv);
int dmu_cmd_compare (int argc, char **argv);
int dmu_cmd_inspect (int argc, char **argv);

/* Prints the error, shortened in the middle if it is long; frees @error, returns 1. */
int dmu_fail (GError *error);

/* Set by SIGTERM and SIGINT once dmu_catch_signals() was called. */
extern gboolean dmu_stop;
void dmu_catch_signals (void);

/* What commands that read pairs have in common. */
typedef struct {
  char **data, *templates, *image_key, *caption_key;
  int threads, context, memory;
  gint64 seed;
  gboolean keep_words; /* not an option: for commands that show captions */
} DmuPairsArguments;

#define DMU_PAIRS_ENTRIES(A)                                                                                 \
  {"data",    0,                                                                                             \
   0,         G_OPTION_ARG_FILENAME_ARRAY,                                                                   \
   &(A).data, "Shards, a folder, .csv, .tsv, .jsonl or ShareGPT4V's .json; may be repeated",                 \
   "PATH"},                                                                                                  \
      {"templates",                                                                                          \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       &(A).templates,                                                                                       \
       "Captions of classes: `;`-separated, @FILE or @NAME",                                                 \
       "TEXT"},                                                                                              \
      {"image-key",                                                                                          \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       &(A).image_key,                                                                                       \
       "Endings, columns or fields that are pictures, `;`-separated, instead of the usual",                  \
       "KEY"},                                                                                               \
      {"caption-key", 0, 0, G_OPTION_ARG_STRING, &(A).caption_key, "The same of captions", "KEY"},           \
      {"context",                                                                                            \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_INT,                                                                                     \
       &(A).context,                                                                                         \
       "Longer captions are cut to N tokens; 0 = to what the model takes",                                   \
       "N"},                                                                                                 \
      {"memory",    0,                                                                                       \
       0,           G_OPTION_ARG_INT,                                                                        \
       &(A).memory, "MiB of pictures in compressed shards that are held; 0 = a quarter of all",              \
       "MIB"},                                                                                               \
  {                                                                                                          \
    "threads", 0, 0, G_OPTION_ARG_INT, &(A).threads, "Threads; 0 = all", "N"                                 \
  }

/* Prints to stderr which model is used if none was named. */
void dmu_say_model (const char *given, const ClipmoeModel *model);
guint dmu_threads (const DmuPairsArguments *a);
/* Opens the pairs for @model; prints to stderr what was left out. */
DmuDataset *dmu_open_pairs (const DmuPairsArguments *a, const ClipmoeModel *model, GError **error);
void dmu_pairs_arguments_clear (DmuPairsArguments *a);

#endif
