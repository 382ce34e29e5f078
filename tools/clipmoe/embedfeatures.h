/* clipmoe embed --features: rows of the image tower in place of vectors; of a picture, or of a picture and
 * its tiles. */
#ifndef CLIPMOE_EMBED_FEATURES_H
#define CLIPMOE_EMBED_FEATURES_H

#include <clipmoe/clipmoe.h>

/* What was asked for. */
typedef struct {
  char *rows;  /* a name, or NULL: no features */
  char *layer; /* a number, or NULL */
  gboolean norm;
  char *grid; /* "2x2", or NULL */
} ClipmoeFeatureArguments;

#define CLIPMOE_FEATURE_ENTRIES(A)                                                                           \
  {"features", 0,                                                                                            \
   0,          G_OPTION_ARG_STRING,                                                                          \
   &(A).rows,  "With --npy: rows of the image tower in place of vectors: patches, class or all",             \
   "ROWS"},                                                                                                  \
      {"layer",                                                                                              \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       &(A).layer,                                                                                           \
       "Of --features: after how many blocks; -1 is after the last one, -2 after the last but one "          \
       "(default)",                                                                                          \
       "N"},                                                                                                 \
      {"norm", 0, 0, G_OPTION_ARG_NONE, &(A).norm, "Of --features: behind the tower's last norm", NULL}, {   \
    "grid", 0, 0, G_OPTION_ARG_STRING, &(A).grid,                                                            \
        "Of --features: the picture, then its tiles at so many times the size: 2x2 to 8x8", "NxN"            \
  }

typedef struct _ClipmoeFeatureMaker ClipmoeFeatureMaker;

/* 0, or 2 with a sentence; what is left unset stands for itself. *grid: tiles along an edge, 1: no tiles. */
int clipmoe_features_check (const ClipmoeFeatureArguments *arguments, ClipmoeFeatureOptions *options,
                            guint *grid);
void clipmoe_feature_arguments_clear (ClipmoeFeatureArguments *arguments);

/* @encoder is borrowed. NULL: the model has no such rows, or no memory. */
ClipmoeFeatureMaker *clipmoe_feature_maker_new (ClipmoeEncoder *encoder, const ClipmoeFeatureOptions *options,
                                                guint grid, GError **error);
void clipmoe_feature_maker_free (ClipmoeFeatureMaker *self); /* NULL: nothing */
/* Of a picture: [rows][width], or with a grid [1 + grid * grid][rows][width]. Returns how many dimensions. */
guint clipmoe_feature_maker_get_shape (const ClipmoeFeatureMaker *self, guint shape[3]);
/* Floats of that shape, valid until the next call. NULL: an error. */
const float *clipmoe_feature_maker_run (ClipmoeFeatureMaker *self, const ClipmoeImage *image,
                                        ClipmoeGeometry geometry, ClipmoeOrientation orientation,
                                        GError **error);

#endif
