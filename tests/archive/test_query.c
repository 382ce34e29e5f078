/* Protects: a query line means what its documentation says, and filters' times, hours and durations are read
 * as people write them, or refused. */
#include <math.h>
#include <string.h>
#include <terms.h>
#include <when.h>

/* "weight text|weight text" of what @line is; "?" where it is refused. */
static char *
terms_of (GPtrArray *terms) {
  if (!terms)
    return g_strdup ("?");
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < terms->len; i++) {
    const ClipmoeTerm *term = terms->pdata[i];
    g_string_append_printf (out, "%s%g %s", i ? "|" : "", term->weight, term->text);
  }
  g_ptr_array_unref (terms);
  return g_string_free (out, FALSE);
}

static void
test_lines (void) {
  static const char *const lines[][2] = {
      {"red van", "1 red van"},
      {"  red   van ", "1 red van"},
      {"\"red van\" + 0.5 night - rain", "1 red van|0.5 night|-1 rain"},
      {"red van + 0.5 night - rain", "1 red van|0.5 night|-1 rain"},
      {"t-shirt and C++ in an e-mail", "1 t-shirt and C++ in an e-mail"},
      {"red -rain", "1 red|-1 rain"},
      {"- rain", "-1 rain"},
      {"2 dogs", "1 2 dogs"},
      {"2 * dogs", "2 dogs"},
      {"2*dogs", "2 dogs"},
      {"2 \"dogs\"", "2 dogs"},
      {"cat - 1.5 dogs", "1 cat|-1.5 dogs"},
      {".5 cat", "0.5 cat"},
      {"3.5", "1 3.5"},
      {"\"a + b\"", "1 a + b"},
      {"\"say \\\"hi\\\" \\\\\"", "1 say \"hi\" \\"},
      {"\"red van\" night", "1 red van|1 night"},
      {"night \"red van\"", "1 night|1 red van"},
      {"\xC3\x84pfel", "1 \xC3\x84pfel"},
      {"", "?"},
      {"   ", "?"},
      {"+", "?"},
      {"red +", "?"},
      {"red + - van", "?"},
      {"\"red", "?"},
      {"\"\"", "?"},
      {"0.0 red", "?"},
      {"1001.0 red", "?"},
      {"\xff", "?"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    GError *error = NULL;
    char *got = terms_of (clipmoe_terms_parse (lines[i][0], &error));
    g_assert_cmpstr (got, ==, lines[i][1]);
    g_assert_true (!error == (*got != '?'));
    g_clear_error (&error);
    g_free (got);
  }
  GString *many = g_string_new ("a");
  for (guint i = 0; i < CLIPMOE_MAX_TERMS; i++)
    g_string_append (many, " + a");
  GError *error = NULL;
  g_assert_null (clipmoe_terms_parse (many->str, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT);
  g_clear_error (&error);
  g_string_free (many, TRUE);
}

/* The shell takes quotes away: what it leaves is the same query. */
static void
test_arguments (void) {
  const struct {
    const char *arguments[8];
    const char *terms;
  } lines[] = {
      {{"red van", "+", "0.5", "night", "-", "rain"}, "1 red van|0.5 night|-1 rain"},
      {{"red", "van"}, "1 red van"},
      {{"red van + 0.5 night"}, "1 red van|0.5 night"},
      {{"\"red van\" - rain"}, "1 red van|-1 rain"},
      {{"0.5 night", "+", "red van"}, "0.5 night|1 red van"},
      {{"back\\slash and more"}, "1 back\\slash and more"},
      {{"t-shirt"}, "1 t-shirt"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    char *got = terms_of (clipmoe_terms_parse_arguments ((char *const *)lines[i].arguments, NULL));
    g_assert_cmpstr (got, ==, lines[i].terms);
    g_free (got);
  }
}

static void
test_sums (void) {
  const float vectors[] = {1, 0, 0, 1, 1, 0};
  float out[2];
  GError *error = NULL;
  GPtrArray *terms = clipmoe_terms_parse ("a + 0.5 b", NULL);
  g_assert_true (clipmoe_terms_sum (terms, vectors, 2, out, NULL));
  g_assert_cmpfloat_with_epsilon (out[0], 1 / sqrt (1.25), 1e-6);
  g_assert_cmpfloat_with_epsilon (out[1], 0.5 / sqrt (1.25), 1e-6);
  g_assert_true (clipmoe_terms_are_words (terms));
  char *text = clipmoe_terms_describe (terms);
  g_assert_cmpstr (text, ==, "\"a\" + 0.5 \"b\"");
  g_free (text);
  g_ptr_array_add (terms, clipmoe_term_new (CLIPMOE_TERM_MOMENT, -1, NULL, 7));
  g_assert_false (clipmoe_terms_are_words (terms));
  text = clipmoe_terms_describe (terms);
  g_assert_cmpstr (text, ==, "\"a\" + 0.5 \"b\" - moment 7");
  g_free (text);
  g_ptr_array_unref (terms);
  const float same[] = {1, 0, 1, 0};
  terms = clipmoe_terms_parse ("a - b", NULL);
  g_assert_false (clipmoe_terms_sum (terms, same, 2, out, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_ptr_array_unref (terms);
}

/* 2026-11-30 10:30:00 UTC, which is 11:30 in Berlin. */
#define NOW (G_GINT64_CONSTANT (1796034600) * G_USEC_PER_SEC)

static void
test_times (void) {
  GTimeZone *berlin = g_time_zone_new_identifier ("Europe/Berlin");
  if (!berlin)
    berlin = g_time_zone_new_identifier ("CET-1CEST,M3.5.0,M10.5.0/3");
  g_assert_nonnull (berlin);
  static const struct {
    const char *text;
    gboolean end;
    const char *utc; /* NULL: refused */
  } times[] = {
      {"2026-11-01", FALSE, "2026-10-31T23:00:00Z"},
      {"2026-11-01", TRUE, "2026-11-01T23:00:00Z"},
      {"2026-11-01 08:00", TRUE, "2026-11-01T07:00:00Z"},
      {"2026-11-01T08:00:12", FALSE, "2026-11-01T07:00:12Z"},
      {"2026-11-01T08:00:12Z", FALSE, "2026-11-01T08:00:12Z"},
      {"2026-11-01T08:00:12.25Z", FALSE, "2026-11-01T08:00:12.25Z"},
      {"2026-11-01T08:00:12-05:30", FALSE, "2026-11-01T13:30:12Z"},
      {"2026-07-01 00:00", FALSE, "2026-06-30T22:00:00Z"}, /* summer */
      {"08:00", FALSE, "2026-11-30T07:00:00Z"},
      {"8:00", FALSE, "2026-11-30T07:00:00Z"},
      {"today", FALSE, "2026-11-29T23:00:00Z"},
      {"today", TRUE, "2026-11-30T23:00:00Z"},
      {"yesterday", FALSE, "2026-11-28T23:00:00Z"},
      {"yesterday", TRUE, "2026-11-29T23:00:00Z"},
      {"yesterday 08:00", TRUE, "2026-11-29T07:00:00Z"},
      {"now", FALSE, "2026-11-30T10:30:00Z"},
      {"-3h", FALSE, "2026-11-30T07:30:00Z"},
      {"-90s", FALSE, "2026-11-30T10:28:30Z"},
      {"-7d", FALSE, "2026-11-23T10:30:00Z"},
      {"-6w", FALSE, "2026-10-19T09:30:00Z"}, /* the same time of day, in summer */
      {" yesterday ", FALSE, "2026-11-28T23:00:00Z"},
      {"", FALSE, NULL},
      {"2026-02-30", FALSE, NULL},
      {"2026-13-01", FALSE, NULL},
      {"2026-1-1", FALSE, NULL},
      {"25:00", FALSE, NULL},
      {"12:60", FALSE, NULL},
      {"-7", FALSE, NULL},
      {"-7y", FALSE, NULL},
      {"-d", FALSE, NULL},
      {"-99999999999999999999d", FALSE, NULL},
      {"tomorrow", FALSE, NULL},
      {"2026-11-01T08:00:12+1", FALSE, NULL},
      {"2026-11-01 08:00 or so", FALSE, NULL},
      {"1.5", FALSE, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    gint64 utc = -1;
    GError *error = NULL;
    gboolean ok = clipmoe_when_parse (times[i].text, times[i].end, NOW, berlin, &utc, &error);
    g_assert_true (!ok == (error != NULL));
    char *got = ok ? clipmoe_when_utc (utc) : NULL;
    if (g_strcmp0 (got, times[i].utc) != 0)
      g_error ("%s: %s, expected %s", times[i].text, got, times[i].utc);
    g_free (got);
    g_clear_error (&error);
  }
  char *text = clipmoe_when_describe (NOW, berlin);
  g_assert_cmpstr (text, ==, "2026-11-30 11:30:00 +01:00");
  g_free (text);
  g_time_zone_unref (berlin);
}

/* Where clocks go from 0:00 to 1:00, that day begins at 1:00, and the next one at 0:00 all the same. */
static void
test_short_day (void) {
  GTimeZone *cairo = g_time_zone_new_identifier ("EET-2EEST,M4.5.5/0,M10.5.4/24");
  static const struct {
    gboolean end;
    const char *utc;
  } ends[] = {{FALSE, "2026-04-23T22:00:00Z"}, {TRUE, "2026-04-24T21:00:00Z"}};
  g_assert_nonnull (cairo);
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++) {
    gint64 utc = -1;
    g_assert_true (clipmoe_when_parse ("2026-04-24", ends[i].end, NOW, cairo, &utc, NULL));
    char *got = clipmoe_when_utc (utc);
    g_assert_cmpstr (got, ==, ends[i].utc);
    g_free (got);
  }
  g_time_zone_unref (cairo);
}

static void
test_hours (void) {
  static const struct {
    const char *text;
    int from, until; /* -1: refused */
  } hours[] = {{"22-6", 1320, 360}, {"7:30-16", 450, 960}, {"0-24", 0, 1440}, {"22-0", 1320, 1440},
               {"0-0", -1, 0},      {"6-6", -1, 0},        {"6", -1, 0},      {"6-25", -1, 0},
               {"24-6", -1, 0},     {"6-7-8", -1, 0},      {"a-b", -1, 0},    {"", -1, 0}};
  for (guint i = 0; i < G_N_ELEMENTS (hours); i++) {
    int from, until;
    gboolean ok = clipmoe_when_parse_hours (hours[i].text, &from, &until, NULL);
    g_assert_true (ok == (hours[i].from >= 0));
    g_assert_true (!ok || (from == hours[i].from && until == hours[i].until));
  }
  static const struct {
    const char *text;
    double seconds; /* 0: refused */
  } durations[] = {{"5", 5},       {"5s", 5},    {"1.5m", 90}, {"2h", 7200}, {"1:30", 90}, {"1:00:00", 3600},
                   {"0.04", 0.04}, {"0", 0},     {"-5", 0},    {"5x", 0},    {"1:60", 0},  {"1:2:3:4", 0},
                   {"nan", 0},     {"1e999", 0}, {":", 0},     {"", 0}};
  for (guint i = 0; i < G_N_ELEMENTS (durations); i++) {
    gint64 ns = 0;
    gboolean ok = clipmoe_when_parse_duration (durations[i].text, &ns, NULL);
    g_assert_true (ok == (durations[i].seconds > 0));
    g_assert_true (!ok || ns == (gint64)llround (durations[i].seconds * 1e9));
  }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query/lines", test_lines);
  g_test_add_func ("/query/arguments", test_arguments);
  g_test_add_func ("/query/sums", test_sums);
  g_test_add_func ("/query/times", test_times);
  g_test_add_func ("/query/short-day", test_short_day);
  g_test_add_func ("/query/hours", test_hours);
  return g_test_run ();
}
