/* Handlers that look something up; their lane's threads have a reader of the store each. */
#ifndef CLIPMOE_LOOKUPS_H
#define CLIPMOE_LOOKUPS_H

#include <exchange.h>

/* For lanes. @store: a char *, where it is. */
gpointer clipmoe_lookup_open (gpointer store, GError **error);
void clipmoe_lookup_close (gpointer reader);

void clipmoe_lookup_files (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data);
void clipmoe_lookup_moment (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data);
void clipmoe_lookup_thumbnail (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data);
void clipmoe_lookup_video (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data);

#endif
