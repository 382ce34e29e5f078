/* Handlers that look something up; their lane's threads have a ClipmoeReader each. */
#ifndef CLIPMOE_LOOKUPS_H
#define CLIPMOE_LOOKUPS_H

#include <exchange.h>

void clipmoe_lookup_files (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer reader);
void clipmoe_lookup_moment (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer reader);
void clipmoe_lookup_thumbnail (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer reader);
void clipmoe_lookup_video (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer reader);

#endif
