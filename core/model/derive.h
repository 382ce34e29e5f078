/* Models made from models: other weights, the same configuration and vocabulary. */
#ifndef CLIPMOE_DERIVE_H
#define CLIPMOE_DERIVE_H

#include "canonical.h"
#include "model-private.h"

/* The weight of a model under its canonical name, or NULL; borrowed. Its data is there while the model's
 * weights are held (residence.h). */
const ClipmoeWeight *clipmoe_model_get_weight (const ClipmoeModel *model, const char *name);
/* The canonical names of a model's weights in byte order (transfer container). */
GList *clipmoe_model_list_weights (const ClipmoeModel *model);

/* FALSE (UNSUPPORTED): one of the towers is not there. */
gboolean clipmoe_model_check_whole (const ClipmoeModel *model, GError **error);

/* A model of @weights (taken over, also on failure) that is otherwise as @like: name, heads, activation,
 * mean, deviation, vocabulary. @top_k: experts a token uses where the weights hold a mixture. Errors name
 * @like's file. Returns (transfer full). */
ClipmoeModel *clipmoe_model_derive (const ClipmoeModel *like, ClipmoeWeights *weights, guint top_k,
                                    GError **error);
/* A copy of @like with some weights replaced: @values maps canonical names to as many floats, which are
 * copied. Reads @like's file again where some weight is not replaced and not in memory. Returns (transfer
 * full). Errors: IO, MEMORY. */
ClipmoeModel *clipmoe_model_with_values (ClipmoeModel *like, GHashTable *values, GError **error);

/* Gives a new name and so a new id; the model must not be shared yet. */
void clipmoe_model_rename (ClipmoeModel *model, const char *name);

#endif
