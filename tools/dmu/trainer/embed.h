/* The layers before the blocks, forward and backward: pictures and token ids become rows of a tape. */
#ifndef DMU_EMBED_H
#define DMU_EMBED_H

#include "tower.h"

/* @pixels [n][3][side][side]. @kept: NULL, or for each picture the indices of the @n_kept patches that are
 * used, ascending. */
typedef struct {
  guint n, n_kept;
  const float *pixels;
  const guint *kept; /* [n][n_kept] */
} DmuPictures;

/* @ids: the ids of all texts, concatenated; @lengths: of each. */
typedef struct {
  guint n;
  const guint32 *ids;
  const guint *lengths;
  gboolean whole; /* compute all @context positions, padded with id 0; else up to the end token */
} DmuTexts;

/* Scratch of the image side; zero-initialised. */
typedef struct {
  Real *columns;  /* [n patches][3PP], or those of a picture for each part of the work */
  Real *embedded; /* [n patches][D] and the class rows */
  DmuArena arena;
} DmuPatches;

/* Lay out the tape and fill block 0's input. Errors: ARGUMENT (a length or id out of range), MEMORY. */
gboolean dmu_embed_pictures (const DmuNet *net, const DmuPictures *pictures, DmuPatches *patches,
                             DmuTape *tape, DmuKeep keep, GError **error);
gboolean dmu_embed_texts (const DmuNet *net, const DmuTexts *texts, DmuTape *tape, DmuKeep keep,
                          GError **error);
/* @dx: the gradient of block 0's input; overwritten. */
void dmu_embed_pictures_backward (const DmuNet *net, const DmuPictures *pictures, DmuPatches *patches,
                                  DmuTape *tape, Real *dx);
void dmu_embed_texts_backward (const DmuNet *net, const DmuTexts *texts, DmuTape *tape, const Real *dx);

#endif
