/* Labels whose scores mean less than whoever chose them may think. */
#ifndef CLIPMOE_TAG_ADVICE_H
#define CLIPMOE_TAG_ADVICE_H

#include <clipmoe/labels.h>

/* Returns (transfer none): a sentence for a person, or NULL. */
const char *tag_advice (const ClipmoeLabels *labels, ClipmoeScore score);

#endif
