/* Protects what a look is: which labels are the same set, what a copy owns, its JSON line to the byte, and
 * what is read back or refused. */
#include <clipmoe/error.h>
#include <math.h>
#include <stream/lookjson.h>
#include <string.h>

static ClipmoeLook
with_labels (ClipmoeTag *tags, const char *letters) {
  guint n = 0;
  static const char names[] = "a\0b\0c\0d";
  for (; letters[n]; n++)
    tags[n] = (ClipmoeTag){&names[(gsize)(letters[n] - 'a') * 2], 0.5 + n, 0.25};
  return (ClipmoeLook){.tags = tags, .n_tags = n};
}

static void
test_same_labels (void) {
  static const struct {
    const char *a, *b;
    gboolean same;
  } cases[] = {{"", "", TRUE},       {"a", "a", TRUE},       {"abc", "abc", TRUE}, {"abc", "cab", TRUE},
               {"ab", "ba", TRUE},   {"a", "", FALSE},       {"a", "b", FALSE},    {"ab", "ac", FALSE},
               {"ab", "abc", FALSE}, {"aab", "ab", TRUE},    {"aab", "abb", TRUE}, {"aab", "abc", FALSE},
               {"aaaa", "a", TRUE},  {"abab", "abcd", FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    ClipmoeTag x[4], y[4];
    ClipmoeLook a = with_labels (x, cases[i].a), b = with_labels (y, cases[i].b);
    g_assert_cmpint (clipmoe_look_same_labels (&a, &b), ==, cases[i].same);
    g_assert_cmpint (clipmoe_look_same_labels (&b, &a), ==, cases[i].same);
  }
}

static const float vector[] = {0.5f, -1.5f, 3e-9f};

/* All there can be in a look. */
static ClipmoeLook
some_look (ClipmoeTag *tags) {
  tags[0] = (ClipmoeTag){"say \"no\"\n", 0.9132754, 0.2873114};
  tags[1] = (ClipmoeTag){"gr\xc3\xbc\xc3\x9f \xe2\x80\xae", 1, -0.0000004};
  return (ClipmoeLook){.source = "street.mp4",
                       .model = "m@5f0c12ab34cd",
                       .time = G_GUINT64_CONSTANT (12480000000),
                       .age = 1,
                       .fresh = TRUE,
                       .tags = tags,
                       .n_tags = 2,
                       .embedding = vector,
                       .embed = 3,
                       .at = G_GINT64_CONSTANT (1700000000123456),
                       .tagger = "t#1",
                       .sequence = 7,
                       .has_region = TRUE,
                       .region = {0, 0.25, 1.0 / 3, 1},
                       .has_object = TRUE,
                       .object_id = -42};
}

#define EVERYTHING                                                                                           \
  "{\"schema\":\"clipmoe.tags/"                                                                              \
  "1\",\"source\":\"street.mp4\",\"time\":12.48,\"at\":\"2023-11-14T22:13:20.123Z\","                        \
  "\"age\":0.000000001,\"fresh\":true,\"model\":\"m@5f0c12ab34cd\","                                         \
  "\"region\":[0.000000,0.250000,0.333333,1.000000],\"object_id\":-42,\"tags\":["                            \
  "{\"label\":\"say \\\"no\\\"\\u000a\",\"score\":0.913275,\"cosine\":0.287311},"                            \
  "{\"label\":\"gr\xc3\xbc\xc3\x9f \\u202e\",\"score\":1.000000,\"cosine\":-0.000000}],"                     \
  "\"embedding\":{\"dtype\":\"f32\",\"shape\":[3],\"base64\":\"AAAAPwAAwL+PKE4x\"}}"
#define NOTHING                                                                                              \
  "{\"schema\":\"clipmoe.tags/1\",\"source\":null,\"time\":0,\"age\":0,\"fresh\":false,\"model\":null,"      \
  "\"region\":null,\"tags\":[],\"embedding\":null}"

static void
test_line (void) {
  ClipmoeTag tags[2];
  ClipmoeLook looks[] = {some_look (tags), {0}};
  static const char *const lines[] = {EVERYTHING, NOTHING};
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    char *line = clipmoe_look_to_json (&looks[i]);
    g_assert_cmpstr (line, ==, lines[i]);
    GError *error = NULL;
    ClipmoeLook *back = clipmoe_look_from_json (line, strlen (line), "here", &error);
    g_assert_no_error (error);
    g_assert_cmpuint (back->time, ==, looks[i].time);
    g_assert_cmpuint (back->age, ==, looks[i].age);
    g_assert_cmpint (back->at, ==, looks[i].at / 1000 * 1000);
    g_assert_null (back->tagger);
    g_free (line);
    line = clipmoe_look_to_json (back);
    g_assert_cmpstr (line, ==, lines[i]);
    g_free (line);
    clipmoe_look_free (back);
  }
  looks[0].time = G_MAXUINT64; /* anybody can write a custom meta */
  looks[0].at = G_MAXINT64;    /* no calendar has that year */
  char *line = clipmoe_look_to_json (&looks[0]);
  g_assert_nonnull (strstr (line, "\"time\":18446744073.709551615,\"age\""));
  ClipmoeLook *back = clipmoe_look_from_json (line, strlen (line), "here", NULL);
  g_assert_cmpuint (back->time, >, G_MAXUINT64 - 2000); /* as near as a double */
  clipmoe_look_free (back);
  g_free (line);
}

/* Times come back to the nanosecond for 2^51 of them (26 days) and more. */
static void
test_times (void) {
  GRand *random = g_rand_new_with_seed (5);
  for (guint i = 0; i < 20000; i++) {
    guint64 most = (guint64)1 << g_rand_int_range (random, 1, 52);
    ClipmoeLook look = {.time = (guint64)(g_rand_double (random) * (double)most)};
    look.time -= look.time % (i % 3 ? 1 : 1000000000);
    char *line = clipmoe_look_to_json (&look);
    ClipmoeLook *back = clipmoe_look_from_json (line, strlen (line), "here", NULL);
    g_assert_cmpuint (back->time, ==, look.time);
    clipmoe_look_free (back);
    g_free (line);
  }
  g_rand_free (random);
}

/* A copy borrows nothing. */
static void
test_copy (void) {
  ClipmoeTag tags[2];
  ClipmoeLook look = some_look (tags);
  ClipmoeLook *first = clipmoe_look_copy (&look), *copy = clipmoe_look_copy (first);
  memset (tags, 0, sizeof tags);
  clipmoe_look_free (first);
  char *line = clipmoe_look_to_json (copy);
  g_assert_cmpstr (line, ==, EVERYTHING);
  g_assert_cmpstr (copy->tagger, ==, "t#1");
  g_assert_cmpuint (copy->sequence, ==, 7);
  g_free (line);
  clipmoe_look_free (copy);
  ClipmoeLook nothing = {0};
  copy = clipmoe_look_copy (&nothing);
  g_assert_null (copy->source);
  g_assert_null (copy->embedding);
  clipmoe_look_free (copy);
}

/* What is no line of ours is refused in one sentence that names the key. */
static void
test_refused (void) {
  static const struct {
    const char *from, *to, *says;
  } cases[] = {
      {"clipmoe.tags/1", "clipmoe.tags/2", "here: \"schema\": expected \"clipmoe.tags/1\""},
      {"\"schema\":\"clipmoe.tags/1\",", "", "here: \"schema\": expected a string"},
      {"\"street.mp4\"", "5", "here: \"source\": expected a string or null"},
      {"\"source\":\"street.mp4\",", "", "here: \"source\": expected a string or null"},
      {"12.48", "-12.48", "here: \"time\": expected seconds, 0 or more"},
      {"12.48", "\"12.48\"", "here: \"time\": expected seconds, 0 or more"},
      {"12.48", "18446744074", "here: \"time\": expected seconds, 0 or more"},
      {"12.48", "1e300", "here: \"time\": expected seconds, 0 or more"},
      {"0.000000001", "null", "here: \"age\": expected seconds, 0 or more"},
      {"2023-11-14T22:13:20.123Z", "yesterday",
       "here: \"at\": expected a time such as 2026-01-31T12:00:00.000Z"},
      {"2023-11-14T22:13:20.123Z", "1969-12-31T23:59:59Z",
       "here: \"at\": expected a time such as 2026-01-31T12:00:00.000Z"},
      {"\"fresh\":true", "\"fresh\":1", "here: \"fresh\": expected true or false"},
      {"\"m@5f0c12ab34cd\"", "[]", "here: \"model\": expected a string or null"},
      {"-42", "4.5", "here: \"object_id\": expected a whole number, beside a region"},
      {"-42", "null", "here: \"object_id\": expected a whole number, beside a region"},
      {"0.250000,", "", "here: \"region\": expected null or four numbers"},
      {"0.250000,", "\"0\",", "here: \"region\": expected null or four numbers"},
      {"0.250000,", "1e9,", "here: \"region\": expected null or four numbers"},
      {"0.913275", "\"1\"", "here: \"score\": expected a number from -1000 to 1000"},
      {"0.287311", "1e9", "here: \"cosine\": expected a number from -1000 to 1000"},
      {"\"label\":\"gr", "\"name\":\"gr", "here: \"label\": expected a string"},
      {"\"f32\"", "\"f16\"",
       "here: \"embedding\": expected null or one row of f32 in Base64, as long as its shape"},
      {"[3]", "[4]", "here: \"embedding\": expected null or one row of f32 in Base64, as long as its shape"},
      {"[3]", "[3,1]",
       "here: \"embedding\": expected null or one row of f32 in Base64, as long as its shape"},
      {"[3]", "[1000000000]",
       "here: \"embedding\": expected null or one row of f32 in Base64, as long as its shape"},
      {"AAAAPwAAwL+PKE4x", "AAAA",
       "here: \"embedding\": expected null or one row of f32 in Base64, as long as its shape"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GString *line = g_string_new (EVERYTHING);
    GError *error = NULL;
    g_assert_cmpuint (g_string_replace (line, cases[i].from, cases[i].to, 1), ==, 1);
    g_assert_null (clipmoe_look_from_json (line->str, line->len, "here", &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
    g_assert_cmpstr (error->message, ==, cases[i].says);
    g_error_free (error);
    g_string_free (line, TRUE);
  }
  static const char *const no_json[] = {"", "[]", "5", "{",
                                        "{\"schema\":\"clipmoe.tags/1\",\"schema\":\"clipmoe.tags/1\"}"};
  for (guint i = 0; i < G_N_ELEMENTS (no_json); i++)
    g_assert_null (clipmoe_look_from_json (no_json[i], strlen (no_json[i]), "here", NULL));
  for (gsize n = 0; n < strlen (EVERYTHING); n++) /* cut anywhere */
    g_assert_null (clipmoe_look_from_json (EVERYTHING, n, "here", NULL));
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/look/same-labels", test_same_labels);
  g_test_add_func ("/look/copy", test_copy);
  g_test_add_func ("/look/line", test_line);
  g_test_add_func ("/look/times", test_times);
  g_test_add_func ("/look/refused", test_refused);
  return g_test_run ();
}
