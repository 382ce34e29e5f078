#include "pages.h"

#include <gio/gio.h>

static void
answer_page (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  const ClipmoeHttpPage *page = data;
  reply->body = g_resources_lookup_data (page->resource, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  char *digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, reply->body);
  reply->type = page->type;
  reply->etag = g_strdup_printf ("\"%.24s\"", digest);
  reply->changes = TRUE;
  g_free (digest);
}

void
clipmoe_http_add_pages (ClipmoeHttp *http, const ClipmoeHttpPage *pages, guint n) {
  for (guint i = 0; i < n; i++)
    clipmoe_http_add (http, pages[i].path, i ? CLIPMOE_ROUTE_OPEN : CLIPMOE_ROUTE_PAGE, answer_page, NULL,
                      (gpointer)&pages[i]);
}
