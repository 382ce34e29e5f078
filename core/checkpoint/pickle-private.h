/* Between the interpreter of opcodes and the meaning of the names it meets. */
#ifndef CLIPMOE_PICKLE_PRIVATE_H
#define CLIPMOE_PICKLE_PRIVATE_H

#include "pickle.h"

/* Where an opcode was met, for messages. */
typedef struct {
  ClipmoePickle *memory;
  const char *path, *part;
  gsize offset;
  GError **error;
} ClipmoePickleContext;

/* Sets the error "PATH: PART, byte N: …"; returns NULL. */
gpointer clipmoe_pickle_fail (const ClipmoePickleContext *c, ClipmoeError code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* @n zeroed bytes that live as long as the pickle, or NULL with an error. */
gpointer clipmoe_pickle_alloc (const ClipmoePickleContext *c, gsize n);
ClipmoePickleValue *clipmoe_pickle_value (const ClipmoePickleContext *c, ClipmoePickleKind kind);
/* Appends to a tuple, list, dict or object. */
gboolean clipmoe_pickle_append (const ClipmoePickleContext *c, ClipmoePickleValue *to,
                                ClipmoePickleValue *value);

/* Puts @storage before those that were met. */
void clipmoe_pickle_met (const ClipmoePickleContext *c, ClipmoePickleStorage *storage);

/* Whether the name may stand in a pickle without being interpreted, and what it stands for then. */
gboolean clipmoe_pickle_inert (const char *module, const char *name, ClipmoePickleInert *inert);
/* A value that is not interpreted. @name: static, or of the pickle's memory. */
ClipmoePickleValue *clipmoe_pickle_inert_value (const ClipmoePickleContext *c, const char *name,
                                                ClipmoePickleInert inert);

/* What the pickle names, if it is on one of the lists; else NULL with an error that says the name. */
ClipmoePickleValue *clipmoe_pickle_name (const ClipmoePickleContext *c, const char *module, gsize n_module,
                                         const char *name, gsize n_name);
/* REDUCE. */
ClipmoePickleValue *clipmoe_pickle_call (const ClipmoePickleContext *c, const ClipmoePickleValue *callee,
                                         ClipmoePickleValue *arguments);
/* NEWOBJ, and NEWOBJ_EX, whose named arguments are of no interest. */
ClipmoePickleValue *clipmoe_pickle_make (const ClipmoePickleContext *c, const ClipmoePickleValue *type,
                                         const ClipmoePickleValue *arguments);
/* BUILD. */
gboolean clipmoe_pickle_build (const ClipmoePickleContext *c, ClipmoePickleValue *object,
                               ClipmoePickleValue *state);
/* BINPERSID: a storage. */
ClipmoePickleValue *clipmoe_pickle_persistent (const ClipmoePickleContext *c, const ClipmoePickleValue *id);

#endif
