/* The files that go along with a saved model's weights: its vocabulary, its card. */
#ifndef CLIPMOE_SAVE_COMPANIONS_H
#define CLIPMOE_SAVE_COMPANIONS_H

#include "model-private.h"

/* Copies the vocabulary into @folder; @card: README.md too. A file of the same name with the same content is
 * left alone, with another one an error (IO). With @dry everything is checked and nothing written. */
gboolean clipmoe_save_companions (const ClipmoeModel *m, const char *folder, gboolean card, gboolean dry,
                                  GError **error);

#endif
