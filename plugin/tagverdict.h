/* precision=auto: which arithmetic is as good as f32 here is measured aside, once the engine has run for a
 * while. */
#ifndef CLIPMOE_TAG_VERDICT_H
#define CLIPMOE_TAG_VERDICT_H

#include <clipmoe/clipmoe.h>

typedef struct _TagVerdict TagVerdict;

/* After some seconds a thread of lowest priority measures; what it finds holds from the next opening on.
 * NULL: there is no thread for it. */
TagVerdict *tag_verdict_start (ClipmoeModel *model);
/* Asks it to end, and does not wait for it. */
void tag_verdict_stop (TagVerdict *self);

#endif
