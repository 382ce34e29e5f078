/* Checks what the writers make of spans, hostile names and labels among them: that each form can be read
 * back, and that nothing in a name gets out of its place. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include "edl.h"
#include "html.h"
#include "shown.h"
#include <small.h>
#include "writers.h"

/* Everything that some form gives a meaning to. */
#define HOSTILE "a\n[CHAPTER]=;#\\\"'<b>&--> \xff\xe2\x80\xae\x1b[31m\r\n001  AX \xf0\x9f\x9a\x90"

static ClipmoeSpan
span (const char *file, const char *label, double start, double end) {
  return (ClipmoeSpan){.file = file,
                       .label = label,
                       .timed = TRUE,
                       .start = start,
                       .end = end,
                       .time = start,
                       .score = 0.5,
                       .cosine = NAN,
                       .distance = NAN,
                       .stands_out = -1,
                       .mean = 0.25};
}

static char *
write_form (ClipmoeForm form, const ClipmoeSpan *spans, guint n, const ClipmoeFormOptions *options,
            ClipmoeNotes *notes) {
  const ClipmoeFormOptions none = {0};
  GError *error = NULL;
  GString *out = g_string_new (NULL);
  g_assert_true (clipmoe_form_write (form, out, spans, n, options ? options : &none, notes, &error));
  g_assert_no_error (error);
  g_assert_true (form == CLIPMOE_FORM_CSV || g_utf8_validate (out->str, (gssize)out->len, NULL));
  return g_string_free (out, FALSE);
}

static guint
count (const char *text, const char *what) {
  guint n = 0;
  for (const char *p = text; (p = strstr (p, what)); p += strlen (what))
    n++;
  return n;
}

static void
test_shown (void) {
  char *text = clipmoe_shown ("a\tb\nc\rd\x1b\x7f\xc2\x85\xff\xc3(\xe2\x80\xae\xf3\xa0\x80\x81 \\ é");
  g_assert_cmpstr (text, ==, "a\\tb\\nc\\rd\\x1b\\x7f\\u0085\\xff\\xc3(\\u202e\\U000e0001 \\ é");
  g_free (text);
  text = clipmoe_shown_base ("/a/b\xff.mp4");
  g_assert_cmpstr (text, ==, "b\\xff.mp4");
  g_free (text);
  text = clipmoe_shown_base ("/");
  g_assert_cmpstr (text, ==, "/");
  g_free (text);
  char clock[32];
  g_assert_cmpstr (clipmoe_clock (clock, 3723.456), ==, "1:02:03.46");
}

static void
test_csv (void) {
  ClipmoeSpan spans[2] = {span ("a,\"b\"\n.mp4", "x", 1.5, 2), span ("b.jpg", "y, z", 0, 0)};
  char *text = write_form (CLIPMOE_FORM_CSV, spans, 1, NULL, NULL);
  g_assert_cmpstr (text, ==, "\"a,\"\"b\"\"\n.mp4\",1.500,2.000,x,0.500000,1.500,0.250000\r\n");
  g_free (text);
  const ClipmoeFormOptions hits = {.columns = CLIPMOE_CSV_HITS, .header = TRUE};
  spans[1].timed = FALSE;
  spans[1].cosine = 0.25;
  spans[1].score = NAN;
  spans[1].stands_out = 0;
  spans[1].at = "2026-11-01T08:00:12Z";
  text = write_form (CLIPMOE_FORM_CSV, &spans[1], 1, &hits, NULL);
  g_assert_cmpstr (text, ==,
                   "file,start,end,label,time,score,cosine,distance,stands_out,at\r\n"
                   "b.jpg,,,\"y, z\",,,0.250000,,false,2026-11-01T08:00:12Z\r\n");
  g_free (text);
}

static void
test_vtt (void) {
  const ClipmoeSpan spans[] = {span ("a", "late", 3661.5, 3662), span ("a", HOSTILE, 1, 1)};
  char *text = write_form (CLIPMOE_FORM_VTT, spans, 2, NULL, NULL);
  g_assert_true (g_str_has_prefix (text, "WEBVTT\n\n00:00:01.000 --> 00:00:01.001\na"));
  g_assert_true (g_str_has_suffix (text, "\n\n01:01:01.500 --> 01:01:02.000\nlate (0.50)\n"));
  g_assert_cmpuint (count (text, "-->"), ==, 2);
  g_assert_cmpuint (count (text, "\n"), ==, 7); /* none of the label */
  g_assert_cmpuint (count (text, "<") + count (text, "\x1b"), ==, 0);
  g_free (text);
}

static void
test_chapters (void) {
  ClipmoeSpan spans[] = {span ("a", "one", 0, 10), span ("a", "two", 5, 15), span ("a", "one", 20, 20),
                         span ("a", "long", 29, 99)};
  spans[3].length = 30;
  char *text = write_form (CLIPMOE_FORM_CHAPTERS, spans, 4, NULL, NULL);
  g_assert_cmpstr (text, ==,
                   ";FFMETADATA1\n"
                   "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=5000\ntitle=one (0.50)\n"
                   "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=5000\nEND=10000\ntitle=one (0.50), two (0.50)\n"
                   "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=10000\nEND=15000\ntitle=two (0.50)\n"
                   "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=20000\nEND=20001\ntitle=one (0.50)\n"
                   "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=29000\nEND=30000\ntitle=long (0.50)\n");
  g_free (text);
  ClipmoeSpan hostile = span ("a", HOSTILE, 0, 1);
  ClipmoeNotes *notes = g_ptr_array_new_with_free_func (g_free);
  text = write_form (CLIPMOE_FORM_CHAPTERS, &hostile, 1, NULL, notes);
  g_assert_cmpuint (count (text, "\n"), ==, 7);
  g_assert_nonnull (strstr (
      text, "title=a\\\\n[CHAPTER]\\=\\;\\#\\\\\"'<b>&--> \\\\xff\\\\u202e\\\\x1b[31m\\\\r\\\\n001  AX "));
  g_assert_cmpuint (notes->len, ==, 0);
  g_free (text);
  hostile.timed = FALSE;
  text = write_form (CLIPMOE_FORM_CHAPTERS, &hostile, 1, NULL, notes);
  g_assert_cmpstr (text, ==, ";FFMETADATA1\n");
  g_assert_cmpuint (notes->len, ==, 1); /* that a picture was left out */
  g_ptr_array_unref (notes);
  g_free (text);
}

/* Neither video subtitles nor chapters of several files. */
static void
test_one_file (void) {
  const ClipmoeFormOptions none = {0};
  ClipmoeSpan spans[] = {span ("a", "x", 0, 1), span ("b", "x", 0, 1)};
  for (ClipmoeForm form = CLIPMOE_FORM_CSV; form <= CLIPMOE_FORM_OTIO; form++) {
    GError *error = NULL;
    GString *out = g_string_new (NULL);
    gboolean ok = clipmoe_form_write (form, out, spans, 2, &none, NULL, &error);
    g_assert_cmpint (ok, ==, !clipmoe_form_is_of_one_file (form));
    if (!ok) {
      g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
      g_assert_nonnull (strstr (error->message, clipmoe_form_name (form)));
      g_assert_cmpuint (out->len, ==, 0);
    }
    g_clear_error (&error);
    g_string_free (out, TRUE);
  }
  /* one name for two files, as --source gives, is still two */
  spans[1].file = "a";
  spans[0].path = "/1/a";
  spans[1].path = "/2/a";
  g_assert_cmpuint (clipmoe_order_count_files (spans, 2), ==, 2);
}

static ClipmoeRate
rate_of (const char *text) {
  ClipmoeRate rate;
  GError *error = NULL;
  g_assert_true (clipmoe_rate_parse ("--fps", text, &rate, &error));
  g_assert_no_error (error);
  return rate;
}

static void
check_timecode (const char *fps, gint64 frame, const char *expected) {
  ClipmoeRate rate = rate_of (fps);
  char text[16];
  g_assert_cmpstr (clipmoe_timecode (&rate, frame, text), ==, expected);
}

static void
test_timecode (void) {
  static const char *const rates[] = {"1",     "23.976",   "24",         "24000/1001", "25",
                                      "29.97", "29.97ndf", "30000/1001", "30",         "50",
                                      "59.94", "59.94ndf", "60",         "99"};
  static const char *const refused[] = {"",    "0",   "-25", "100", "27.3", "25x", "25ndf",   "30/0",
                                        "30/", "1e9", "nan", "inf", " 25",  "25 ", "29.97df", "120"};
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    ClipmoeRate rate;
    GError *error = NULL;
    if (clipmoe_rate_parse ("--fps", refused[i], &rate, &error))
      g_error ("the rate %s was taken", refused[i]);
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_error_free (error);
  }
  /* SMPTE 12M: two numbers a minute are dropped at 29.97, four at 59.94, but none in each tenth minute */
  check_timecode ("29.97", 1799, "00:00:59;29");
  check_timecode ("29.97", 1800, "00:01:00;02");
  check_timecode ("29.97", 17981, "00:09:59;29");
  check_timecode ("29.97", 17982, "00:10:00;00");
  check_timecode ("29.97", 107892, "01:00:00;00");
  check_timecode ("29.97ndf", 108000, "01:00:00:00");
  check_timecode ("59.94", 3600, "00:01:00;04");
  check_timecode ("59.94", 215784, "01:00:00;00");
  check_timecode ("23.976", 86400, "01:00:00:00");
  check_timecode ("25", 24 * 3600 * 25 + 7, "00:00:00:07"); /* it begins again */
  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    ClipmoeRate rate = rate_of (rates[i]);
    char before[16] = "", text[16];
    for (gint64 f = 0; f < 40000; f++) { /* every number is another one, in order, and is read back */
      gint64 back = -1;
      clipmoe_timecode (&rate, f, text);
      g_assert_cmpint (strcmp (before, text), <, 0);
      g_assert_true (clipmoe_timecode_parse ("it", text, &rate, &back, NULL));
      g_assert_cmpint (back, ==, f);
      g_assert_cmpint (clipmoe_rate_frame (&rate, (double)f * rate.d / rate.n), ==, f);
      memcpy (before, text, sizeof before);
    }
    ClipmoeRate other; /* what a file says of itself is the same rate */
    g_assert_true (clipmoe_rate_from_fraction (rate.n, rate.d, &other));
    g_assert_true (other.n == rate.n && other.d == rate.d);
  }
  ClipmoeRate rate = rate_of ("29.97");
  static const char *const wrong[] = {"00:01:00;00", "00:01:00;01",  "24:00:00;00",
                                      "00:60:00;00", "00:00:60;00",  "00:00:00;30",
                                      "0:00:00;00",  "00:00:00",     "",
                                      "00:00:00;0",  "00:00:00;000", " 0:00:00;00",
                                      "00:00:-1;00"};
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    gint64 frame;
    GError *error = NULL;
    if (clipmoe_timecode_parse ("it", wrong[i], &rate, &frame, &error))
      g_error ("the timecode %s was taken", wrong[i]);
    g_error_free (error);
  }
}

/* Source in, out, record in, out, in frames. */
typedef struct {
  gint64 at[4];
} Event;

/* The events of a list: (element-type Event). */
static GArray *
read_edl (const char *text, const ClipmoeRate *rate) {
  GArray *frames = g_array_new (FALSE, FALSE, sizeof (Event));
  char **lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    guint number;
    char codes[4][12], clip[9], track[9], kind[9];
    if (!g_ascii_isdigit (*lines[i]))
      continue;
    g_assert_cmpint (sscanf (lines[i], "%3u  %8s %8s %8s %11s %11s %11s %11s", &number, clip, track, kind,
                             codes[0], codes[1], codes[2], codes[3]),
                     ==, 8);
    g_assert_cmpuint (number, ==, frames->len + 1);
    g_assert_cmpstr (clip, ==, "AX");
    g_assert_cmpstr (track, ==, "V");
    g_assert_cmpstr (kind, ==, "C");
    Event event;
    for (guint j = 0; j < 4; j++)
      g_assert_true (clipmoe_timecode_parse ("it", codes[j], rate, &event.at[j], NULL));
    g_array_append_val (frames, event);
  }
  g_strfreev (lines);
  return frames;
}

static void
test_edl (void) {
  static const char *const rates[] = {"23.976", "25", "29.97", "29.97ndf", "59.94"};
  for (guint r = 0; r < G_N_ELEMENTS (rates); r++) {
    ClipmoeFormOptions options = {.cut = {.title = HOSTILE, .rate = rate_of (rates[r]), .start = 100}};
    const ClipmoeRate *rate = &options.cut.rate;
    gint64 hour;
    g_assert_true (
        clipmoe_timecode_parse ("it", rate->drop ? "01:00:00;00" : "01:00:00:00", rate, &hour, NULL));
    ClipmoeSpan spans[] = {span ("b", HOSTILE, 50, 61.4), span (HOSTILE, "x", 0, 0), span ("b", "y", 7, 8)};
    char *text = write_form (CLIPMOE_FORM_EDL, spans, 3, &options, NULL);
    GArray *events = read_edl (text, rate);
    g_assert_cmpuint (events->len, ==,
                      3); /* of b by time, then of the other file; no line of a name is an event */
    const Event *e = (gpointer)events->data;
    g_assert_cmpint (e[0].at[0], ==, 100 + clipmoe_rate_frame (rate, 7));
    g_assert_cmpint (e[1].at[1], ==, 100 + clipmoe_rate_frame (rate, 61.4));
    g_assert_cmpint (e[2].at[1] - e[2].at[0], ==, 1); /* at least a frame */
    g_assert_cmpint (e[0].at[2], ==, hour);
    for (guint i = 0; i < 3; i++) {
      g_assert_cmpint (e[i].at[1] - e[i].at[0], ==, e[i].at[3] - e[i].at[2]);
      if (i)
        g_assert_cmpint (e[i].at[2], ==, e[i - 1].at[3]);
    }
    g_assert_cmpint (strstr (text, "FCM: DROP FRAME") != NULL, ==, rate->drop);
    g_assert_cmpuint (count (text, "* FROM CLIP NAME: "), ==, 3);
    g_array_unref (events);
    g_free (text);
  }
}

/* The best 999, in order, and it is said. */
static void
test_edl_limit (void) {
  const guint n = 1500;
  ClipmoeSpan *spans = g_new (ClipmoeSpan, n);
  for (guint i = 0; i < n; i++) {
    spans[i] = span ("a", "x", i, i + 1);
    spans[i].score = (double)(i * 7 % n) / n; /* each score once */
  }
  ClipmoeFormOptions options = {.cut = {.rate = rate_of ("25")}};
  ClipmoeNotes *notes = g_ptr_array_new_with_free_func (g_free);
  char *text = write_form (CLIPMOE_FORM_EDL, spans, n, &options, notes);
  GArray *events = read_edl (text, &options.cut.rate);
  g_assert_cmpuint (events->len, ==, CLIPMOE_EDL_EVENTS);
  gint64 last = -1;
  for (guint i = 0; i < events->len; i++) {
    gint64 begin = g_array_index (events, Event, i).at[0];
    g_assert_cmpint (begin, >, last);
    g_assert_cmpuint ((guint)(begin / 25) * 7 % n, >=, n - CLIPMOE_EDL_EVENTS);
    last = begin;
  }
  g_assert_cmpuint (notes->len, ==, 1);
  g_assert_nonnull (strstr (notes->pdata[0], "999"));
  g_ptr_array_unref (notes);
  g_array_unref (events);
  g_free (text);
  g_free (spans);
}

/* Which rate a list has when nobody says one. */
static void
test_rates (void) {
  const ClipmoeCutListOptions none = {0};
  ClipmoeSpan spans[] = {span ("a", "x", 0, 1), span ("b", "x", 0, 1)};
  GPtrArray *list = g_ptr_array_new ();
  g_ptr_array_add (list, &spans[0]);
  g_ptr_array_add (list, &spans[1]);
  const struct {
    guint n0, d0, n1, d1, n, d, notes;
  } cases[] = {{0, 0, 0, 0, 25, 1, 1},
               {30000, 1001, 30000, 1001, 30000, 1001, 0},
               {2997, 100, 0, 0, 30000, 1001, 0},
               {0, 0, 24, 1, 24, 1, 0},
               {50, 1, 25, 1, 50, 1, 1},
               {27, 2, 0, 0, 25, 1, 1}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    ClipmoeNotes *notes = g_ptr_array_new_with_free_func (g_free);
    spans[0].rate_n = cases[i].n0;
    spans[0].rate_d = cases[i].d0;
    spans[1].rate_n = cases[i].n1;
    spans[1].rate_d = cases[i].d1;
    ClipmoeRate rate = clipmoe_cutlist_rate (list, &none, notes);
    g_assert_cmpuint (rate.n, ==, cases[i].n);
    g_assert_cmpuint (rate.d, ==, cases[i].d);
    g_assert_cmpuint (notes->len, ==, cases[i].notes);
    g_ptr_array_unref (notes);
  }
  g_ptr_array_unref (list);
}

static void
test_otio (void) {
  ClipmoeFormOptions options = {.cut = {.title = HOSTILE, .rate = rate_of ("29.97")}};
  ClipmoeSpan spans[] = {span ("v%20 #?.mp4", HOSTILE, 1, 2), span (HOSTILE, "x", 0, 3)};
  spans[0].path = "/a b/v%20 #?\xff\n.mp4";
  spans[0].length = 1.5;
  spans[0].stands_out = 1;
  spans[0].at = "2026-11-01T08:00:12Z";
  char *text = write_form (CLIPMOE_FORM_OTIO, spans, 2, &options, NULL);
  json_error_t e;
  json_t *root = json_loads (text, JSON_REJECT_DUPLICATES, &e);
  if (!root)
    g_error ("%s at %d: %s", e.text, e.line, text);
  json_t *clips = json_object_get (
      json_array_get (json_object_get (json_object_get (root, "tracks"), "children"), 0), "children");
  g_assert_cmpuint (json_array_size (clips), ==, 2);
  double start, length, rate, available;
  const char *uri, *label;
  int out = 0;
  g_assert_cmpint (json_unpack_ex (json_array_get (clips, 0), &e, 0,
                                   "{s:{s:{s:F,s:F},s:{s:F}},s:{s:{s:s,s:{s:{s:F}}}},s:{s:{s:s,s:b}}}",
                                   "source_range", "start_time", "value", &start, "rate", &rate, "duration",
                                   "value", &length, "media_references", "DEFAULT_MEDIA", "target_url", &uri,
                                   "available_range", "duration", "value", &available, "metadata", "clipmoe",
                                   "label", &label, "stands_out", &out),
                   ==, 0);
  g_assert_cmpfloat (start, ==, 30);
  g_assert_cmpfloat (length, ==, 15); /* it ends where the file does */
  g_assert_cmpfloat (available, ==, 45);
  g_assert_cmpfloat (rate, ==, 30000 / 1001.0);
  g_assert_true (out);
  g_assert_cmpstr (uri, ==, "file:///a%20b/v%2520%20%23%3F%FF%0A.mp4");
  char *path = g_filename_from_uri (uri, NULL, NULL);
  g_assert_cmpstr (path, ==, spans[0].path);
  g_free (path);
  char *shown = clipmoe_shown (HOSTILE);
  g_assert_cmpstr (label, ==, shown);
  g_free (shown);
  g_assert_cmpstr (
      json_string_value (json_object_get (
          json_object_get (json_object_get (json_array_get (clips, 1), "media_references"), "DEFAULT_MEDIA"),
          "OTIO_SCHEMA")),
      ==, "MissingReference.1");
  json_decref (root);
  g_free (text);
}

static void
test_html (void) {
  ClipmoeSmall *grey = clipmoe_small_new (16, 8);
  memset (grey->rgb, 128, (gsize)16 * 8 * 3);
  ClipmoeSpan spans[] = {span (HOSTILE "</h2><script>alert(1)</script>", HOSTILE, 0, 1),
                         span ("b", "\" onload=\"alert(1)", 5, 6), span ("c.jpg", "x", 0, 0)};
  spans[0].path = "/x\"><script>/a.mp4";
  spans[0].thumbnail = clipmoe_small_to_jpeg (grey);
  spans[2].timed = FALSE;
  spans[1].stands_out = 1;
  const char *lines[] = {"nothing stands out; the nearest: <b>", NULL};
  for (guint by_file = 0; by_file < 2; by_file++) {
    const ClipmoeHtmlOptions options = {HOSTILE, lines, by_file != 0};
    GString *out = g_string_new (NULL);
    clipmoe_write_html (out, spans, 3, &options, NULL);
    const char *text = out->str;
    g_assert_true (g_utf8_validate (text, (gssize)out->len, NULL));
    g_assert_true (g_str_has_prefix (text, CLIPMOE_HTML_BEGIN));
    g_assert_cmpuint (count (text, "<script") + count (text, "onload=\"") + count (text, "\x1b") +
                          count (text, "<b>"),
                      ==, 0);
    g_assert_cmpuint (count (text, "http:") + count (text, "https:") + count (text, "url("), ==, 0);
    g_assert_cmpuint (count (text, "<img src=\"data:image/jpeg;base64,/9j/"), ==, 1);
    g_assert_cmpuint (count (text, "<img"), ==, 1);
    g_assert_cmpuint (count (text, "<li>"), ==, 3);
    g_assert_cmpuint (count (text, "<rect"), ==, 2);
    g_assert_cmpuint (count (text, "stands out</mark>"), ==, 1);
    g_assert_cmpuint (count (text, "href=\"file:///x%22%3E%3Cscript%3E/a.mp4#t=0.000\""), ==, 1);
    g_assert_cmpuint (count (text, "nearest: &lt;b&gt;"), ==, 1);
    g_string_free (out, TRUE);
  }
  g_bytes_unref (spans[0].thumbnail);
  clipmoe_small_unref (grey);
}

/* No span at all is a good answer, too. */
static void
test_empty (void) {
  for (ClipmoeForm form = CLIPMOE_FORM_CSV; form <= CLIPMOE_FORM_OTIO; form++) {
    ClipmoeNotes *notes = g_ptr_array_new_with_free_func (g_free);
    char *text = write_form (form, NULL, 0, NULL, notes);
    json_t *root = form == CLIPMOE_FORM_OTIO ? json_loads (text, 0, NULL) : NULL;
    g_assert_true (form != CLIPMOE_FORM_OTIO || root);
    json_decref (root);
    g_assert_cmpuint (notes->len, ==, 0);
    g_ptr_array_unref (notes);
    g_free (text);
  }
  const ClipmoeHtmlOptions options = {"empty", NULL, FALSE};
  GString *out = g_string_new (NULL);
  clipmoe_write_html (out, NULL, 0, &options, NULL);
  g_assert_true (g_str_has_suffix (out->str, "</html>\n"));
  g_string_free (out, TRUE);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/writers/shown", test_shown);
  g_test_add_func ("/writers/csv", test_csv);
  g_test_add_func ("/writers/vtt", test_vtt);
  g_test_add_func ("/writers/chapters", test_chapters);
  g_test_add_func ("/writers/one file", test_one_file);
  g_test_add_func ("/writers/timecode", test_timecode);
  g_test_add_func ("/writers/edl", test_edl);
  g_test_add_func ("/writers/edl limit", test_edl_limit);
  g_test_add_func ("/writers/rates", test_rates);
  g_test_add_func ("/writers/otio", test_otio);
  g_test_add_func ("/writers/html", test_html);
  g_test_add_func ("/writers/empty", test_empty);
  return g_test_run ();
}
