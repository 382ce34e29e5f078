/* The options of commands that serve. */
#ifndef CLIPMOE_HTTP_ARGUMENTS_H
#define CLIPMOE_HTTP_ARGUMENTS_H

#include "http.h"

typedef struct {
  char *listen, *token_file;
  int connections, timeout;
} ClipmoeHttpArguments;

#define CLIPMOE_HTTP_ARGUMENTS                                                                               \
  { .connections = CLIPMOE_HTTP_CONNECTIONS, .timeout = CLIPMOE_HTTP_TIMEOUT }

/* Rows of a table of GOptionEntry. @where: what --listen is by default, or "nowhere"; a constant. */
#define CLIPMOE_HTTP_ENTRIES(a, where)                                                                       \
  {"listen",      0, 0, G_OPTION_ARG_STRING, &(a).listen, "Where to answer; port 0 = any (" where ")",       \
   "ADDRESS:PORT"},                                                                                          \
      {"token-file",                                                                                         \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_FILENAME,                                                                                \
       &(a).token_file,                                                                                      \
       "The word that lets people in is in this file",                                                       \
       "FILE"},                                                                                              \
      {"connections", 0, 0, G_OPTION_ARG_INT, &(a).connections, "The most at a time (256)", "N"}, {          \
    "timeout", 0, 0, G_OPTION_ARG_INT, &(a).timeout, "Seconds without movement that end a connection (60)",  \
        "N"                                                                                                  \
  }

/* NULL, or what is wrong with them, a sentence; free with g_free(). */
char *clipmoe_http_arguments_check (const ClipmoeHttpArguments *arguments);
/* @body: bytes that a POST may have. What it points to is @arguments'. */
ClipmoeHttpOptions clipmoe_http_arguments_options (const ClipmoeHttpArguments *arguments, guint64 body);
void clipmoe_http_arguments_clear (ClipmoeHttpArguments *arguments);

#endif
