/* The tiny models of tests/golden with the inputs of make_gradients.py, as the trainer takes them. */
#ifndef DMU_FIXTURE_H
#define DMU_FIXTURE_H

#include <checkpoint/checkpoint.h>
#include <model/model-private.h>
#include <step.h>

typedef struct {
  ClipmoeModel *model;
  ClipmoeTensors *golden;
  float *pixels;   /* [3][3][side][side] */
  guint32 *ids[2]; /* captions 0, 1, 2; captions 2, 0, 1 */
  guint lengths[3];
  DmuBatch batch; /* of three pairs */
} Fixture;

void fixture_init (Fixture *self, const char *name, ClipmoeActivation activation);
void fixture_clear (Fixture *self);
/* The file @name in tests/dmu. */
ClipmoeTensors *fixture_tensors (const char *folder, const char *name);

#endif
