/* precision=auto: which arithmetic is as good as f32 here is measured aside, once the engine has run for a
 * while. */
#ifndef CLIPMOE_TAG_VERDICT_H
#define CLIPMOE_TAG_VERDICT_H

#include <clipmoe/clipmoe.h>

typedef struct _TagVerdict TagVerdict;

/* Called from the measuring thread: a verdict about @model stands now. */
typedef void (*TagVerdictFound) (ClipmoeModel *model, ClipmoePrecision verdict);

/* After some seconds a thread of lowest priority measures, one thread of the process at a time; not where
 * tag_verdict_stop() was called meanwhile. NULL: there is no thread for it. */
TagVerdict *tag_verdict_start (ClipmoeModel *model, TagVerdictFound found);
/* Asks it to end, and does not wait for it. Keeps what it was given. */
void tag_verdict_stop (TagVerdict *self);
void tag_verdict_unref (TagVerdict *self);

#endif
