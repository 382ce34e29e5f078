#include "html.h"

#include <math.h>
#include "lanes.h"
#include "shown.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1c2024;--paper:#fff;--soft:#f0f2f4;--line:#ccd2d8;--dim:#55606b;"
    "--bar:#0a5eb0;--link:#0a5eb0}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e7e9eb;--paper:#14171a;--soft:#1f2429;--line:#3a424a;"
    "--dim:#a5aeb7;--bar:#63acf5;--link:#8cc2f8}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:80rem;padding:1rem;font:1rem/1.45 system-ui,sans-serif;color:var(--ink);"
    "background:var(--paper)}\n"
    "h1{font-size:1.5rem;line-height:1.2;margin:0 0 .5rem}\n"
    "h2{font-size:1.2rem;margin:2rem 0 .5rem}\n"
    "h3{font-size:1rem;margin:0}\n"
    "h1,h2,h3,p{overflow-wrap:anywhere}\n"
    "p{margin:.25rem 0}\n"
    "a{color:var(--link)}\n"
    ".dim{color:var(--dim)}\n"
    "ol{list-style:none;margin:1rem 0;padding:0;display:grid;gap:1rem;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr))}\n"
    "li{background:var(--soft);border:1px solid var(--line);border-radius:.5rem;overflow:hidden}\n"
    "li img{display:block;width:100%;aspect-ratio:16/9;object-fit:contain;background:#000}\n"
    "li h2,li h3{font-size:1rem;margin:0}\n"
    "li>div{padding:.5rem .75rem .75rem}\n"
    "li>.none{display:grid;place-items:center;aspect-ratio:16/9;color:var(--dim)}\n"
    "mark{background:var(--bar);color:var(--paper);border-radius:.25rem;padding:0 .4em;font-size:.85em}\n"
    "dl{display:flex;flex-wrap:wrap;gap:0 1rem;margin:.25rem 0 0;font-variant-numeric:tabular-nums}\n"
    "dl div{display:flex;gap:.4rem}\n"
    "dt{color:var(--dim)}\n"
    "dd{margin:0}\n"
    ".lane{display:grid;grid-template-columns:minmax(0,9rem) minmax(0,1fr);gap:.5rem;align-items:center;"
    "margin:.15rem 0}\n"
    ".lane span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:.875rem}\n"
    ".lane svg{display:block;width:100%;height:.9rem;background:var(--soft);border:1px solid var(--line)}\n"
    ".lane rect{fill:var(--bar)}\n"
    ".ends{display:flex;justify-content:space-between;font-size:.8rem;color:var(--dim)}\n"
    "@media(max-width:30rem){.lane{grid-template-columns:minmax(0,6rem) minmax(0,1fr)}}\n";

/* The style is named by its hash, so that no other one is obeyed. */
static void
append_head (GString *out, const char *title) {
  guint8 digest[32];
  gsize length = sizeof digest;
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guchar *)style, (gssize)(sizeof style - 1));
  g_checksum_get_digest (sum, digest, &length);
  g_checksum_free (sum);
  char *hash = g_base64_encode (digest, length);
  g_string_append_printf (
      out,
      CLIPMOE_HTML_BEGIN
      "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
      hash);
  clipmoe_shown_markup (out, title);
  g_string_append_printf (out, "</title>\n<style>%s</style>\n</head>\n<body>\n", style);
  g_free (hash);
}

static void
append_link (GString *out, const ClipmoeSpan *s) {
  char *uri = s->path ? g_filename_to_uri (s->path, NULL, NULL) : NULL;
  if (uri) {
    char *escaped = g_markup_escape_text (uri, -1);
    g_string_append_printf (out, "<a href=\"%s", escaped);
    if (s->timed) {
      g_string_append (out, "#t=");
      clipmoe_shown_number (out, s->start, 3);
    }
    g_string_append (out, "\">");
    g_free (escaped);
  }
  if (s->timed) {
    clipmoe_shown_clock (out, s->start);
    g_string_append (out, " – ");
    clipmoe_shown_clock (out, s->end);
  } else {
    g_string_append (out, "picture");
  }
  g_string_append (out, uri ? "</a>" : "");
  g_free (uri);
}

static void
append_figure (GString *out, const char *name, double value, guint decimals) {
  if (!isfinite (value))
    return;
  g_string_append_printf (out, "<div><dt>%s</dt><dd>", name);
  clipmoe_shown_number (out, value, decimals);
  g_string_append (out, "</dd></div>");
}

static void
append_picture (GString *out, const ClipmoeSpan *s) {
  gsize length;
  const guint8 *bytes = g_bytes_get_data (s->thumbnail, &length);
  char *base64 = g_base64_encode (bytes, length);
  g_string_append_printf (out, "<img src=\"data:image/jpeg;base64,%s\" alt=\"", base64);
  if (s->timed) {
    g_string_append (out, "The frame at ");
    clipmoe_shown_clock (out, s->time);
  } else {
    g_string_append (out, "The picture, small");
  }
  g_string_append (out, "\">\n");
  g_free (base64);
}

/* @heading: 2 or 3. @name_file: not only the label. *pictures: how many more may be put in. */
static void
append_span (GString *out, const ClipmoeSpan *s, guint heading, gboolean name_file, guint *pictures) {
  g_string_append (out, "<li>");
  if (s->thumbnail && *pictures) {
    append_picture (out, s);
    --*pictures;
  } else {
    g_string_append (out, "<div class=\"none\">no picture</div>\n");
  }
  char *base = name_file ? clipmoe_shown_base (s->file) : NULL;
  g_string_append_printf (out, "<div><h%u><bdi>", heading);
  clipmoe_shown_markup (out, base ? base : s->label);
  g_string_append_printf (out, "</bdi>%s</h%u>\n<p>", s->stands_out > 0 ? " <mark>stands out</mark>" : "",
                          heading);
  append_link (out, s);
  g_string_append (out, "</p>\n");
  if (base) {
    g_string_append (out, "<p><bdi>");
    clipmoe_shown_markup (out, s->label);
    g_string_append (out, "</bdi></p>\n<p class=\"dim\"><bdi>");
    clipmoe_shown_markup (out, s->file);
    g_string_append (out, "</bdi></p>\n");
    g_free (base);
  }
  if (s->at) {
    g_string_append (out, "<p class=\"dim\">");
    clipmoe_shown_markup (out, s->at);
    g_string_append (out, "</p>\n");
  }
  g_string_append (out, "<dl>");
  append_figure (out, "score", s->score, 3);
  append_figure (out, "cosine", s->cosine, 4);
  append_figure (out, "distance", s->distance, 2);
  g_string_append (out, "</dl></div></li>\n");
}

/* A file's name and timeline; @list: and its spans. */
static void
append_file (GString *out, const GPtrArray *spans, guint number, guint heading, gboolean list,
             guint *pictures) {
  const ClipmoeSpan *first = spans->pdata[0];
  g_string_append_printf (out, "<section aria-labelledby=\"f%u\">\n<h%u id=\"f%u\"><bdi>", number, heading,
                          number);
  clipmoe_shown_markup (out, first->file);
  g_string_append_printf (out, "</bdi></h%u>\n", heading);
  clipmoe_html_lanes (out, spans);
  if (list) {
    g_string_append (out, "<ol role=\"list\">\n");
    for (guint i = 0; i < spans->len; i++)
      append_span (out, spans->pdata[i], heading + 1, FALSE, pictures);
    g_string_append (out, "</ol>\n");
  }
  g_string_append (out, "</section>\n");
}

/* (element-type GPtrArray): the spans of each file, in order of first appearance. */
static GPtrArray *
by_file (const ClipmoeSpan *spans, guint n) {
  GHashTable *files = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *groups = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < n; i++) {
    const char *file = clipmoe_order_file (&spans[i]);
    GPtrArray *group = g_hash_table_lookup (files, file);
    if (!group) {
      group = g_ptr_array_new ();
      g_ptr_array_add (groups, group);
      g_hash_table_insert (files, (gpointer)file, group);
    }
    g_ptr_array_add (group, (gpointer)&spans[i]);
  }
  g_hash_table_unref (files);
  return groups;
}

static void
note_pictures (const ClipmoeSpan *spans, guint n, ClipmoeNotes *notes) {
  guint have = 0;
  for (guint i = 0; i < n; i++)
    have += spans[i].thumbnail != NULL;
  if (notes && have > CLIPMOE_HTML_PICTURES)
    g_ptr_array_add (notes,
                     g_strdup_printf ("a report has at most %d pictures: %u of its %u entries have none",
                                      CLIPMOE_HTML_PICTURES, n - CLIPMOE_HTML_PICTURES, n));
}

void
clipmoe_write_html (GString *out, const ClipmoeSpan *spans, guint n, const ClipmoeHtmlOptions *options,
                    ClipmoeNotes *notes) {
  guint pictures = CLIPMOE_HTML_PICTURES;
  GPtrArray *files = by_file (spans, n);
  append_head (out, options->title);
  g_string_append (out, "<header>\n<h1><bdi>");
  clipmoe_shown_markup (out, options->title);
  g_string_append (out, "</bdi></h1>\n");
  for (guint i = 0; options->lines && options->lines[i]; i++) {
    g_string_append (out, "<p>");
    clipmoe_shown_markup (out, options->lines[i]);
    g_string_append (out, "</p>\n");
  }
  g_string_append (out, "</header>\n<main>\n");
  if (!options->by_file && n) {
    g_string_append (out, "<ol role=\"list\">\n");
    for (guint i = 0; i < n; i++)
      append_span (out, &spans[i], 2, TRUE, &pictures);
    g_string_append (out, "</ol>\n<h2>Where in the files</h2>\n");
  }
  for (guint i = 0; i < files->len; i++)
    append_file (out, files->pdata[i], i + 1, options->by_file ? 2 : 3, options->by_file, &pictures);
  g_string_append (out, "</main>\n</body>\n</html>\n");
  note_pictures (spans, n, notes);
  g_ptr_array_unref (files);
}
