/* An interpreter of pickles that executes nothing. It knows the few names that a state dict or a TorchScript
 * module needs and turns them into plain descriptions of tensors. Names of classes that trainers put beside
 * weights, and whatever would be made of them, become values of no interest; names that run or load something
 * are refused, whether they would be called or not. It never recurses, and its memory is bounded. */
#ifndef CLIPMOE_PICKLE_H
#define CLIPMOE_PICKLE_H

#include "pickle-values.h"

/* Interprets one pickle at the beginning of @data and tells in @used where it ended. @path and @part are for
 * messages. The value belongs to @self; @data is needed no longer. */
const ClipmoePickleValue *clipmoe_pickle_run (ClipmoePickle *self, const char *path, const char *part,
                                              const guint8 *data, gsize length, gsize *used, GError **error);

#endif
