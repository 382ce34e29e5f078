/* An engine from inside. */
#ifndef CLIPMOE_ENGINE_PRIVATE_H
#define CLIPMOE_ENGINE_PRIVATE_H

#include "../clipmoe/engine.h"
#include "scheduler.h"

/* Borrowed; as long as the engine. */
ClipmoeScheduler *clipmoe_engine_get_scheduler (ClipmoeEngine *self);
/* A verdict about @model stands: every engine of it that waits for one goes on with an encoder that is made
 * now. */
void clipmoe_engines_follow (ClipmoeModel *model, ClipmoePrecision verdict);

#endif
