/* The names that a pickle may mention, and what opcodes make of them. Every maker returns NULL with an error;
 * values live as long as the pickle of the context. */
#ifndef CLIPMOE_PICKLE_NAMES_H
#define CLIPMOE_PICKLE_NAMES_H

#include "pickle-foreign.h"
#include "pickle-values.h"

/* A value that is not interpreted. @name: static, or of the pickle's memory. */
ClipmoePickleValue *clipmoe_pickle_inert_value (const ClipmoePickleContext *c, const char *name,
                                                ClipmoePickleInert inert);

/* What the pickle names, if it is on one of the lists; else NULL with an error that quotes the name. */
ClipmoePickleValue *clipmoe_pickle_name (const ClipmoePickleContext *c, const char *module, gsize n_module,
                                         const char *name, gsize n_name);
/* REDUCE. */
ClipmoePickleValue *clipmoe_pickle_call (const ClipmoePickleContext *c, const ClipmoePickleValue *callee,
                                         ClipmoePickleValue *arguments);
/* NEWOBJ, and NEWOBJ_EX, whose keyword arguments are ignored. */
ClipmoePickleValue *clipmoe_pickle_make (const ClipmoePickleContext *c, const ClipmoePickleValue *type,
                                         const ClipmoePickleValue *arguments);
/* BUILD. */
gboolean clipmoe_pickle_build (const ClipmoePickleContext *c, ClipmoePickleValue *object,
                               ClipmoePickleValue *state);
/* BINPERSID: a storage. */
ClipmoePickleValue *clipmoe_pickle_persistent (const ClipmoePickleContext *c, const ClipmoePickleValue *id);

#endif
