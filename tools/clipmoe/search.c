/* clipmoe search: finds words, pictures and moments in an archive. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <base/plain.h>
#include <shown.h>
#include <when.h>
#include "commands.h"
#include "common.h"
#include "interrupt.h"
#include "searchoutputs.h"
#include "searchquery.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe search red van\n"
    "  clipmoe search \"red van\" + 0.5 night - rain             terms with weights, added up\n"
    "  clipmoe search --image lost-dog.jpg --since yesterday --hours 22-6\n"
    "  clipmoe search --like 17 --json                         what looks like moment 17\n"
    "  clipmoe search red van --html van.html --limit 100      a page to look at and to send\n"
    "  clipmoe search red van --edl --fps 25 > van.edl         a cut list for a video editor\n"
    "  clipmoe search red van --clips vans                     each hit as a video of its own\n\n"
    "A term is words, in quotes or between signs that stand alone; a number with a decimal point before it "
    "is\n"
    "its weight. Neighbouring moments of a file are one hit. Score: the query against everyday words, 0 to "
    "1.\n"
    "Distance: how many spreads the cosine lies above the median of all. A hit with * stands out; where "
    "none\n"
    "does, the first line says so: then the archive may not have it. --since and --until take 2026-11-01,\n"
    "\"2026-11-01 08:00\", 2026-11-01T08:00:12Z, 08:00, yesterday, -7d, -3h; a day is the whole day, and "
    "times\n"
    "are those of this machine's zone. In --path, * also stands for /.\n";

typedef struct {
  ClipmoeModelArguments model;
  char *store, *templates, *precision, *since, *until, *hours, *path, *source, *min_duration;
  char **images, **likes;
  int limit;
  gboolean ann, explain, play;
  ClipmoeSearchOutputs outputs;
} Options;

static void
clear (Options *o) {
  clipmoe_model_arguments_clear (&o->model);
  g_free (o->store);
  g_free (o->templates);
  g_free (o->precision);
  g_free (o->since);
  g_free (o->until);
  g_free (o->hours);
  g_free (o->path);
  g_free (o->source);
  g_free (o->min_duration);
  g_strfreev (o->images);
  g_strfreev (o->likes);
  clipmoe_search_outputs_clear (&o->outputs);
}

static int
parse (int argc, char **argv, Options *o, char ***words) {
  const GOptionEntry entries[] = {
      {"store", 0, 0, G_OPTION_ARG_FILENAME, &o->store,
       "The archive; default: clipmoe/archive in the user's data folder", "DIR"},
      {"image", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->images, "A picture to search for; may be repeated",
       "FILE"},
      {"like", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->likes,
       "A moment of the archive to search for; may be repeated", "ID"},
      {"since", 0, 0, G_OPTION_ARG_STRING, &o->since, "Taken then or later", "TIME"},
      {"until", 0, 0, G_OPTION_ARG_STRING, &o->until, "Taken before; of a day: before its end", "TIME"},
      {"hours", 0, 0, G_OPTION_ARG_STRING, &o->hours, "Hours of the day, such as 22-6 or 7:30-16", "FROM-TO"},
      {"path", 0, 0, G_OPTION_ARG_FILENAME, &o->path,
       "Only files whose path matches this pattern, or all in this folder", "GLOB"},
      {"source", 0, 0, G_OPTION_ARG_STRING, &o->source, "A live source", "NAME"},
      {"min-duration", 0, 0, G_OPTION_ARG_STRING, &o->min_duration,
       "Moments at least that long: 5, 1.5m, 1:30", "TIME"},
      {"limit", 0, 0, G_OPTION_ARG_INT, &o->limit, "The most hits; default 10", "N"},
      {"ann", 0, 0, G_OPTION_ARG_NONE, &o->ann,
       "Approximately, by the index that clipmoe index --ann made in a PostgreSQL archive", NULL},
      {"templates", 0, 0, G_OPTION_ARG_STRING, &o->templates,
       "Sentences for words, separated by ;, or @FILE, @NAME, none; default \"a photo of a {}.\"", "TEXT"},
      CLIPMOE_MODEL_ENTRIES (o->model),
      {"precision", 0, 0, G_OPTION_ARG_STRING, &o->precision, "Arithmetic: " CLIPMOE_PRECISION_NAMES, "NAME"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &o->outputs.forms.json, "JSON lines: one of the query, one a hit",
       NULL},
      CLIPMOE_FORM_ENTRIES (o->outputs.forms, "Hits", "25"),
      {"html", 0, 0, G_OPTION_ARG_FILENAME, &o->outputs.html, "Also write a page with pictures and timelines",
       "OUT.html"},
      {"sheet", 0, 0, G_OPTION_ARG_FILENAME, &o->outputs.sheet,
       "Also write a contact sheet of the first 24 hits", "OUT.png"},
      {"clips", 0, 0, G_OPTION_ARG_FILENAME, &o->outputs.clips,
       "Also cut each hit out, from the key frame before it on, into a file there", "DIR"},
      {"exact", 0, 0, G_OPTION_ARG_NONE, &o->outputs.exact,
       "Clips begin and end where the hits do: they are encoded anew", NULL},
      {"explain", 0, 0, G_OPTION_ARG_NONE, &o->explain, "Say how the hits came to their figures", NULL},
      {"play", 0, 0, G_OPTION_ARG_NONE, &o->play, "Play the first hit with mpv, or print the line that does",
       NULL},
      {NULL}};
  return clipmoe_parse (argc, argv, "clipmoe search", "WORDS… — find moments in an archive", about, entries,
                        words);
}

/* --- what is asked --- */

static gboolean
add_likes (GPtrArray *terms, char **likes, GError **error) {
  for (char **like = likes; like && *like; like++) {
    gint64 id;
    if (!g_ascii_string_to_signed (*like, 10, 1, G_MAXINT64, &id, NULL)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "--like %s: expected the number of a moment",
                   *like);
      return FALSE;
    }
    g_ptr_array_add (terms, clipmoe_term_new (CLIPMOE_TERM_MOMENT, 1, NULL, id));
  }
  return TRUE;
}

/* All terms of the command line; NULL with @error. */
static GPtrArray *
read_terms (const Options *o, char **words, GError **error) {
  GPtrArray *terms = *words ? clipmoe_terms_parse_arguments (words, error)
                            : g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_term_free);
  gboolean ok = terms != NULL;
  for (char **image = o->images; ok && image && *image; image++)
    g_ptr_array_add (terms, clipmoe_term_new (CLIPMOE_TERM_IMAGE, 1, *image, 0));
  ok = ok && add_likes (terms, o->likes, error);
  if (ok && terms->len > CLIPMOE_MAX_TERMS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "more than %d terms", CLIPMOE_MAX_TERMS);
    ok = FALSE;
  }
  if (!ok)
    g_clear_pointer (&terms, g_ptr_array_unref);
  return terms;
}

static gboolean
read_time (const char *option, const char *text, gboolean end, GTimeZone *zone, gint64 *utc, GError **error) {
  if (!text)
    return TRUE;
  if (clipmoe_when_parse (text, end, g_get_real_time (), zone, utc, error))
    return TRUE;
  g_prefix_error (error, "%s ", option);
  return FALSE;
}

/* Times of people depend on the zone, so it is said. */
static void
say_times (const ClipmoeFilter *filter, GTimeZone *zone) {
  const struct {
    const char *what;
    gint64 utc;
  } times[] = {{"since", filter->since}, {"until", filter->until}};
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    if (times[i].utc) {
      char *text = clipmoe_when_describe (times[i].utc, zone);
      fprintf (stderr, "clipmoe: %s %s\n", times[i].what, text);
      g_free (text);
    }
}

/* FALSE: wrong usage, @error has the sentence. @filter borrows from @o and *path. */
static gboolean
read_filter (const Options *o, GTimeZone *zone, char **path, ClipmoeFilter *filter, GError **error) {
  *filter = (ClipmoeFilter){.source = o->source};
  *path = o->path ? clipmoe_when_path (o->path) : NULL;
  filter->path = *path;
  if (!read_time ("--since", o->since, FALSE, zone, &filter->since, error) ||
      !read_time ("--until", o->until, TRUE, zone, &filter->until, error) ||
      (o->hours && !clipmoe_when_parse_hours (o->hours, &filter->hours_from, &filter->hours_until, error)) ||
      (o->min_duration && !clipmoe_when_parse_duration (o->min_duration, &filter->min_duration, error)))
    return FALSE;
  if (filter->since && filter->until && filter->since >= filter->until) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "--since %s lies behind --until %s", o->since,
                 o->until);
    return FALSE;
  }
  return TRUE;
}

/* --- a run --- */

/* Plays the first hit; without mpv, or where nobody looks on, the line is printed. */
static int
play (const ClipmoeAnswer *answer) {
  const ClipmoeHit *hit = answer->hits->len ? answer->hits->pdata[0] : NULL;
  char *mpv = g_find_program_in_path ("mpv"), start[64], seconds[G_ASCII_DTOSTR_BUF_SIZE];
  if (!hit || !hit->found->path) {
    clipmoe_say (hit ? "the first hit is of a live source, which has no file to play"
                     : "there is nothing to play");
    g_free (mpv);
    return 1;
  }
  g_snprintf (start, sizeof start, "--start=%s",
              g_ascii_formatd (seconds, sizeof seconds, "%.3f", (double)hit->found->time / 1e9));
  char *const line[] = {mpv ? mpv : (char *)"mpv", start, (char *)"--", hit->found->path, NULL};
  if (mpv && isatty (1)) {
    execv (mpv, line);
    fprintf (stderr, "clipmoe: %s could not be started\n", mpv);
  }
  char *quoted = g_shell_quote (hit->found->path), *shown = clipmoe_shown (quoted);
  fprintf (stderr, "mpv %s -- %s\n", start, shown);
  g_free (shown);
  g_free (quoted);
  g_free (mpv);
  return 0;
}

static int
search (Options *o, GPtrArray *terms, const ClipmoeFilter *filter, ClipmoePrecision precision,
        char **templates) {
  GError *error = NULL;
  char *where =
      o->store ? g_strdup (o->store) : g_build_filename (g_get_user_data_dir (), "clipmoe", "archive", NULL);
  ClipmoeStore *store =
      clipmoe_store_open (where, o->ann ? CLIPMOE_STORE_ANN : CLIPMOE_STORE_READ, 0, &error);
  ClipmoeSearchAsk ask = {&o->model, precision, templates, terms};
  ClipmoeSearchQuery query = {0};
  ClipmoeAnswer *answer = NULL;
  if (store && clipmoe_store_refresh (store, NULL, &error) &&
      clipmoe_search_query_make (&query, &ask, store, where, &error))
    answer = clipmoe_search (store, query.query, query.words, filter, query.bank, query.scale,
                             (guint)o->limit, (guint)o->model.threads, &error);
  int r;
  if (answer) {
    const ClipmoeSearchPrint print = {answer, terms, query.id, query.words, o->explain};
    r = clipmoe_search_outputs_write (&o->outputs, &print, store);
  } else {
    r = clipmoe_fail (error);
  }
  if (answer && !r && o->play)
    r = play (answer);
  clipmoe_answer_free (answer);
  clipmoe_search_query_clear (&query);
  clipmoe_store_close (store);
  g_free (where);
  return r;
}

/* Wrong usage that a parser has found. */
static int
misused (GError *error) {
  if (!error)
    return 2;
  char *line = clipmoe_plain (error->message, -1);
  int r = clipmoe_usage ("search", "%s", line);
  g_free (line);
  g_error_free (error);
  return r;
}

static int
check (const Options *o, char **words, ClipmoePrecision *precision) {
  if (!*words && !o->images && !o->likes)
    return clipmoe_usage ("search", "expected words, --image or --like");
  if (o->limit < 1 || o->limit > CLIPMOE_MAX_HITS)
    return clipmoe_usage ("search", "--limit %d: expected 1 to %d", o->limit, CLIPMOE_MAX_HITS);
  if (!clipmoe_parse_precision (o->precision, precision))
    return clipmoe_usage ("search", "--precision %s: expected " CLIPMOE_PRECISION_NAMES, o->precision);
  return clipmoe_check ("search", &o->model);
}

/* Before there are threads, and before the search takes its time. */
static int
check_outputs (Options *o) {
  clipmoe_interrupt_begin ();
  clipmoe_say_zone ();
  return clipmoe_search_outputs_check (&o->outputs, o->images);
}

int
clipmoe_cmd_search (int argc, char **argv) {
  Options o = {.limit = 10};
  char **words = NULL, **templates = NULL, *path = NULL;
  GPtrArray *terms = NULL;
  ClipmoeFilter filter = {0};
  ClipmoePrecision precision = CLIPMOE_PRECISION_AUTO;
  GError *error = NULL;
  GTimeZone *zone = g_time_zone_new_local ();
  int r = parse (argc, argv, &o, &words);
  gboolean help = r == 1;
  if (!r)
    r = check (&o, words, &precision);
  if (!r && (!(terms = read_terms (&o, words, &error)) || !read_filter (&o, zone, &path, &filter, &error) ||
             !(templates = clipmoe_templates_parse (o.templates, &error))))
    r = misused (error);
  if (!r)
    r = check_outputs (&o);
  if (!r) {
    say_times (&filter, zone);
    r = search (&o, terms, &filter, precision, templates);
  }
  g_clear_pointer (&terms, g_ptr_array_unref);
  g_strfreev (templates);
  g_strfreev (words);
  g_free (path);
  g_time_zone_unref (zone);
  clear (&o);
  return help ? 0 : r;
}
