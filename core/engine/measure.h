/* precision=auto: which arithmetic is as good as f32 here is measured aside, once an engine has run for a
 * while. */
#ifndef CLIPMOE_ENGINE_MEASURE_H
#define CLIPMOE_ENGINE_MEASURE_H

#include "../clipmoe/precision.h"

typedef struct _ClipmoeMeasure ClipmoeMeasure;

/* Called from the measuring thread: a verdict about @model stands now. */
typedef void (*ClipmoeMeasureFound) (ClipmoeModel *model, ClipmoePrecision verdict);

/* After ten seconds a thread of lowest priority measures, one thread of the process at a time; not where
 * clipmoe_measure_stop() was called meanwhile. NULL: there is no thread for it. */
ClipmoeMeasure *clipmoe_measure_start (ClipmoeModel *model, ClipmoeMeasureFound found);
/* Asks it to end, and does not wait for it. With the engines' lock. (nullable) */
void clipmoe_measure_stop (ClipmoeMeasure *self);
/* (nullable) */
void clipmoe_measure_unref (ClipmoeMeasure *self);

#endif
