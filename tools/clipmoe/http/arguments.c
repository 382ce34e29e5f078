#include "arguments.h"

char *
clipmoe_http_arguments_check (const ClipmoeHttpArguments *a) {
  if (a->connections < 1 || a->connections > 10000)
    return g_strdup_printf ("--connections %d: expected 1 to 10000", a->connections);
  if (a->timeout < 1 || a->timeout > 3600)
    return g_strdup_printf ("--timeout %d: expected 1 to 3600", a->timeout);
  return NULL;
}

ClipmoeHttpOptions
clipmoe_http_arguments_options (const ClipmoeHttpArguments *a, guint64 body) {
  return (ClipmoeHttpOptions){.listen = a->listen,
                              .token_file = a->token_file,
                              .connections = (guint)a->connections,
                              .timeout = (guint)a->timeout,
                              .body = body};
}

void
clipmoe_http_arguments_clear (ClipmoeHttpArguments *a) {
  g_free (a->listen);
  g_free (a->token_file);
}
