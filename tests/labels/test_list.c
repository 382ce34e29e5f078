/* Checks label lists and templates: the grammar of a line, byte order marks and line ends of other systems,
 * limits, refusals that name the line; and the installed lists. */
#include <math.h>
#include <string.h>
#include <glib/gstdio.h>
#include <clipmoe/labels.h>
#include "groups.h"

static char *folder;

/* Returns (transfer full): the path. */
static char *
saved (const char *text, gssize length) {
  char *path = g_build_filename (folder, "list.txt", NULL);
  gsize n = length < 0 ? strlen (text) : (gsize)length;
  g_unlink (path); /* a new file need not reach the disk: GLib's writer, and a file cut to 0, wait for it */
  FILE *f = fopen (path, "wb");
  g_assert_true (f && fwrite (text, 1, n, f) == n && fclose (f) == 0);
  return path;
}

static GPtrArray *
load (const char *text, gssize length, GError **error) {
  char *path = saved (text, length);
  GPtrArray *list = clipmoe_label_list_load (path, error);
  g_free (path);
  return list;
}

/* "name|prompt|threshold" of every label, one a line, and "|group" of those in one. */
static char *
written (GPtrArray *list) {
  GString *s = g_string_new (NULL);
  for (guint i = 0; i < list->len; i++) {
    const ClipmoeLabel *l = list->pdata[i];
    g_string_append_printf (s, "%s|%s|", l->name, l->prompt ? l->prompt : "");
    if (!isnan (l->threshold))
      g_string_append_printf (s, "%g", l->threshold);
    for (guint j = 0; l->pictures && l->pictures[j]; j++) {
      gboolean below = g_str_has_prefix (l->pictures[j], folder);
      g_string_append_printf (s, "<%s>", l->pictures[j] + (below ? strlen (folder) + 1 : 0));
    }
    g_string_append_printf (s, l->group ? "|%s\n" : "\n", l->group);
  }
  g_ptr_array_unref (list);
  return g_string_free (s, FALSE);
}

static void
grammar (void) {
  static const char *const cases[][2] = {
      {"dog\ncat\n", "dog||\ncat||\n"},
      {"dog\ncat", "dog||\ncat||\n"}, /* no last line end */
      {"dog\r\ncat\r\n\r\n", "dog||\ncat||\n"},
      {"dog\rcat\r", "dog||\ncat||\n"},
      {"\357\273\277dog\n\357\273\277cat\n", "dog||\ncat||\n"}, /* also where two files were joined */
      {"\357\273\277# remark\ndog", "dog||\n"},
      {" \t dog \t\n\n   \n\343\200\200cat\302\240\n", "dog||\ncat||\n"}, /* wide and unbroken blanks */
      {"# remark\ndog\n#cat\n #tag\nc#\n", "dog||\n#tag||\nc#||\n"},      /* only at the start of a line */
      {"dog = a photo of my dog\n", "dog|a photo of my dog|\n"},
      {"dog = a @ 0.25\ncat @ 0.5\nowl @ -1\nox @ .5\nyak @ 1e-3\nram @ +1\n",
       "dog|a|0.25\ncat||0.5\nowl||-1\nox||0.5\nyak||0.001\nram||1\n"},
      {"dog@0.5\ncat @0.5\n", "dog@0.5||\ncat||0.5\n"}, /* a blank stands before it */
      {"me @ home\nyou @ home @ 0.5\n5 @ 0x10\n", "me @ home||\nyou @ home||0.5\n5 @ 0x10||\n"},
      {"a @ 0.1 @ 0.2\n", "a @ 0.1||0.2\n"},                                     /* the last one counts */
      {"a @ nan\nb @ inf\nc @\nd @ \n", "a @ nan||\nb @ inf||\nc @||\nd @||\n"}, /* words */
      {"a \\@ 0.5\nb \\@ 0.5 @ 0.25\nx\\@y\n", "a @ 0.5||\nb @ 0.5||0.25\nx@y||\n"},
      {"a\\=b\na\\=b \\= c = d\\=e=f\n", "a=b||\na=b = c|d=e=f|\n"},
      {"c:\\dir\\\na\\\\b\n", "c:\\dir\\||\na\\\\b||\n"}, /* other backslashes are signs */
      {"\320\272\320\276\321\210\320\272\320\260 = a cat @ 0.3\n\347\214\253\n",
       "\320\272\320\276\321\210\320\272\320\260|a cat|0.3\n\347\214\253||\n"},
      {"x\n[group gate]\nopen = an open gate @ 0.7\nclosed\n[]\ny\n[ group\tthe  lamp ]\r\non\noff\n",
       "x||\nopen|an open gate|0.7|gate\nclosed|||gate\ny||\non|||the  lamp\noff|||the  lamp\n"},
      {"[group a]\nb\nc\n[group d]\ne\nf\n[]\n[]\nunknown\n", "b|||a\nc|||a\ne|||d\nf|||d\nunknown||\n"},
      {"\\[group a]\n\\[] = [b]\n[red] car\n[x] = \\[y]z\n\\\\[\n",
       "[group a]||\n[]|[b]|\n[red] car||\n[x]|\\[y]z|\n\\\\[||\n"},
      {"open = @a.jpg\n", "open||<a.jpg>\n"},
      {"open =@a.jpg; sub/b c.png ;/d.jpg; @ 0.25\n", "open||0.25<a.jpg><sub/b c.png></d.jpg>\n"},
      {"open = @a.jpg;b.jpg + an open flap + more \\= @ 0.5\n",
       "open|an open flap + more =|0.5<a.jpg><b.jpg>\n"},
      {"o = @a\\;b\\@\\=.jpg;c \\+ d+e;\\x\n", "o||<a;b@=.jpg><c + d+e><\\x>\n"},
      {"o = @a @ b.jpg\np =@5\n", "o||<a @ b.jpg>\np||<5>\n"},
      {"o = \\@a.jpg;b + c\n", "o|@a.jpg;b + c|\n"}, /* words, as without the sign */
      {"o = an @a.jpg;b + \\; \\+ c\n", "o|an @a.jpg;b + \\; \\+ c|\n"},
      {"[group g]\no = @a.jpg\nc = @b.jpg\n", "o||<a.jpg>|g\nc||<b.jpg>|g\n"},
      {"a;b,c\n{}\n%s%n\n<|endoftext|>\n-x\n", "a;b,c||\n{}||\n%s%n||\n<|endoftext|>||\n-x||\n"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GError *error = NULL;
    GPtrArray *list = load (cases[i][0], -1, &error);
    g_assert_no_error (error);
    char *got = written (list);
    g_assert_cmpstr (got, ==, cases[i][1]);
    g_free (got);
  }
}

static void
refused (const char *text, gssize length, int code, const char *says) {
  GError *error = NULL;
  g_assert_null (load (text, length, &error));
  g_assert_error (error, CLIPMOE_ERROR, code);
  if (!strstr (error->message, says))
    g_error ("\"%s\" does not say \"%s\"", error->message, says);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  for (const char *p = error->message; *p; p++)
    g_assert_false (g_ascii_iscntrl (*p));
  g_error_free (error);
  g_assert_null (load (text, length, NULL));
}

static void
refusals (void) {
  const int format = CLIPMOE_ERROR_FORMAT;
  static const char le[] = "\xff\xfe"
                           "d\0o\0g\0\n",
                    be[] = "\xfe\xff\0d\0o\0g", bare[] = "d\0o\0g\0\n\0";
  refused ("", 0, format, "list.txt: no label");
  refused (" \n\t\r\n\n", -1, format, "no label");
  refused ("\357\273\277", -1, format, "no label");
  refused ("# only\n# remarks\n", -1, format, "no label");
  refused ("dog\n\ncat\0\n", 10, format, "list.txt:3: a NUL");
  refused ("dog\r\ncat\r\na \377 b\r\n", -1, format, "list.txt:3: not UTF-8");
  refused ("dog\rcat\ra \377 b\r", -1, format, "list.txt:3: not UTF-8");
  refused ("\n\xed\xa0\x80\n", -1, format, "list.txt:2: not UTF-8"); /* half a surrogate */
  refused ("\n\n\xc0\x80\n", -1, format, "list.txt:3: not UTF-8");   /* overlong */
  refused ("dog\nca\xc3", -1, format, "list.txt:2: not UTF-8");      /* cut */
  refused (le, sizeof le - 1, format, "list.txt:1: UTF-16");
  refused (be, sizeof be - 1, format, "list.txt:1: UTF-16");
  refused (bare, sizeof bare - 1, format, "list.txt:1: a NUL");
  refused ("dog\n# x\ncat\n\ndog\n", -1, format, "list.txt:5: label \"dog\": stands there twice");
  refused ("a=b\na = c\n", -1, format, "list.txt:2");
  refused ("dog\n= a dog\n", -1, format, "list.txt:2: expected");
  refused ("dog =\n", -1, format, "list.txt:1: expected");
  refused ("dog = @ 0.5\n", -1, format, "list.txt:1: expected");
  refused ("\n @ 0.5\n", -1, format, "list.txt:2");
  refused ("@ 0.5\n", -1, format, "list.txt:1");
  refused ("dog @ 0,5\n", -1, format, "list.txt:1: \"@ 0,5\"");
  refused ("dog @ 1e999\n", -1, format, "list.txt:1: \"@ 1e999\"");
  refused ("dog @ 0.5.\n", -1, format, "list.txt:1");
  refused ("dog\ncat = @\n", -1, format, "list.txt:2: expected pictures behind @");
  refused ("cat = @ ;; + words\n", -1, format, "list.txt:1: expected pictures behind @");
  refused ("cat = @a.jpg + \n", -1, format, "list.txt:1: expected words behind +");
  refused ("cat = @ 0.5\n", -1, format, "list.txt:1: expected label");
  refused ("cat = @5\n", -1, format, "list.txt:1: expected label"); /* a threshold, as ever */
  refused ("dog @ 0.5 = a dog\n", -1, format, "list.txt:1: a threshold");
  refused ("[group g]\na\nb\n[]\na\n", -1, format, "list.txt:5: label \"a\": stands there twice");
  refused ("[group g]\na\nb\n[group h]\nb\nc\n", -1, format, "list.txt:5: label \"b\": stands there twice");
  refused ("[group g]\na\nb\n[group g]\nc\nd\n", -1, format,
           "list.txt:4: [group g]: this group stands there twice");
  refused ("\n[group g]\n\n[group h]\nc\nd\n", -1, format,
           "list.txt:2: group \"g\": no label in it, expected two or more");
  refused ("[group g]\n# a\n[]\nc\n", -1, format, "list.txt:1: group \"g\": no label in it");
  refused ("a\n[group g]\nb\n", -1, format, "list.txt:2: group \"g\": one label in it");
  refused ("a\n[group g]\n", -1, format, "list.txt:2: group \"g\": no label in it");
  refused ("[group]\na\nb\n", -1, format, "list.txt:1: [group]: expected [group NAME]");
  refused ("[group  ]\na\nb\n", -1, format, "list.txt:1");
  refused ("a\n[groups x]\nb\nc\n", -1, format, "list.txt:2: [groups x]: expected [group NAME]");
  refused ("a\n[camera]\nb\nc\n", -1, format, "list.txt:2: [camera]: expected [group NAME]");
  refused ("a\n[group x\nb\nc\n", -1, format, "list.txt:2: [group x: expected [group NAME]");
  refused ("[group x]\na\nunknown = a fog\n", -1, format,
           "list.txt:3: label \"unknown\": is what a group is");
  refused ("\033[31mred\a\n\033[31mred\a\n", -1, format, "list.txt:2"); /* no terminal code in a message */

  char *huge = g_strnfill (8193, 'a'), *prompt = g_strconcat ("a = ", huge, NULL);
  refused (huge, -1, CLIPMOE_ERROR_LIMIT, "list.txt:1");
  refused (prompt, -1, CLIPMOE_ERROR_LIMIT, "list.txt:1");
  g_assert_null (clipmoe_label_list_parse (huge, NULL));
  huge[8192] = 0;
  GPtrArray *list = load (huge, -1, NULL);
  g_assert_nonnull (list);
  g_ptr_array_unref (list);
  g_free (huge);
  g_free (prompt);
  huge = g_strnfill (8193, 'a');
  prompt = g_strdup_printf ("[group %s]\nb\nc\n", huge);
  refused (prompt, -1, CLIPMOE_ERROR_LIMIT, "list.txt:1");
  g_free (huge);
  g_free (prompt);
  GString *many = g_string_new ("a = @");
  for (guint i = 0; i < 257; i++)
    g_string_append (many, "b;");
  refused (many->str, -1, CLIPMOE_ERROR_LIMIT, "list.txt:1: label \"a\": more than 256 pictures");
  g_string_truncate (many, many->len - 2);
  GString *lists = g_string_new (NULL);
  for (guint i = 0; i < 40; i++)
    g_string_append_printf (lists, "%u%s\n", i, many->str);
  refused (lists->str, -1, CLIPMOE_ERROR_LIMIT, "list.txt:40: label \"39a\": more than 10000 pictures");
  g_string_free (lists, TRUE);
  g_string_truncate (many, 0);
  for (guint i = 0; i < 100000; i++)
    g_string_append_printf (many, "l%u\n", i);
  list = load (many->str, -1, NULL);
  g_assert_nonnull (list);
  g_assert_cmpuint (list->len, ==, 100000);
  g_ptr_array_unref (list);
  g_string_append (many, "one more");
  refused (many->str, -1, CLIPMOE_ERROR_LIMIT, "list.txt:100001");
  g_string_set_size (many, (16 << 20) + 1);
  memset (many->str, '\n', many->len);
  refused (many->str, (gssize)many->len, CLIPMOE_ERROR_LIMIT, "list.txt");
  many->str[0] = 'a';
  list = load (many->str, 16 << 20, NULL);
  g_assert_nonnull (list);
  g_ptr_array_unref (list);
  g_string_free (many, TRUE);

  GError *error = NULL;
  g_assert_null (clipmoe_label_list_load (folder, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_clear_error (&error);
  static const char *const nowhere[] = {"", "no-such-list", "../labels/everyday", "/", "."};
  for (guint i = 0; i < G_N_ELEMENTS (nowhere); i++)
    g_assert_null (clipmoe_label_list_load (nowhere[i], NULL));
}

/* @names: `;`-separated, all get @threshold. */
static void
rewritten_is (const char *text, const char *names, double threshold, const char *expected) {
  GError *error = NULL;
  char *path = saved (text, -1);
  GPtrArray *list = clipmoe_label_list_parse (names, NULL);
  for (guint i = 0; i < list->len; i++)
    ((ClipmoeLabel *)list->pdata[i])->threshold = threshold;
  char *got = clipmoe_label_list_rewrite (path, list, &error);
  g_assert_true (got || error);
  g_assert_cmpstr (got, ==, expected);
  g_clear_error (&error);
  g_free (got);
  g_free (path);
  g_ptr_array_unref (list);
}

static void
rewritten (void) {
  rewritten_is ("dog\ncat\n", "dog", 0.25, "dog @ 0.25\ncat\n");
  rewritten_is ("dog\ncat", "cat", -0.1, "dog\ncat @ -0.1");
  rewritten_is ("\357\273\277# all @ 0.1\r\n\r\n  dog @\t0.5 \t\r\ncat\r\n# end", "dog;cat", 0.123456,
                "\357\273\277# all @ 0.1\r\n\r\n  dog @\t0.123456 \t\r\ncat @ 0.123456\r\n# end");
  rewritten_is ("dog @ 0.50\ncat @ .5\nowl\n", "dog;cat", 0.5,
                "dog @ 0.50\ncat @ .5\nowl\n"); /* it is that */
  rewritten_is ("a @ 0.1 @ 0.2\rc @\rx\\@y = @p.jpg;q.jpg + w\r", "a @ 0.1;c @;x@y", 3,
                "a @ 0.1 @ 3\rc @ @ 3\rx\\@y = @p.jpg;q.jpg + w @ 3\r");
  rewritten_is ("[group g]\ndog\ncat = a cat @0.2\n[]\ndog house\n", "cat;dog house", 0.75,
                "[group g]\ndog\ncat = a cat @0.75\n[]\ndog house @ 0.75\n");
  rewritten_is ("dog\n", "", 1, "dog\n");
  rewritten_is ("dog\n", "dog", NAN, "dog\n");
  rewritten_is ("dog\n", "cat", 1, NULL);
  rewritten_is ("dog\ndog\n", "dog", 1, NULL);
}

static void
property (void) {
  static const char *const cases[][2] = {{"dog,cat", "dog||\ncat||\n"},
                                         {" dog , ,cat,", "dog||\ncat||\n"},
                                         {"a dog, a cat; a bird", "a dog, a cat||\na bird||\n"},
                                         {"dog;", "dog||\n"},
                                         {"a=b @ 0.5,#c", "a=b @ 0.5||\n#c||\n"}, /* names and nothing else */
                                         {"@a.jpg,@b", "@a.jpg||\n@b||\n"},
                                         {"", ""},
                                         {" , ,", ""}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *got = written (clipmoe_label_list_parse (cases[i][0], NULL));
    g_assert_cmpstr (got, ==, cases[i][1]);
    g_free (got);
  }
  static const char *const bad[] = {"dog,cat,dog", "a,\377", "\377\376,\377\376", "dog;cat = @a.jpg",
                                    "a=@/etc/passwd"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;
    g_assert_null (clipmoe_label_list_parse (bad[i], &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_error_free (error);
  }
}

static void
templates (void) {
  char *path = saved ("\357\273\277# ours\r\na {}.\r\n\r\nthe {} of {}\r\n", -1),
       *at = g_strconcat ("@", path, NULL);
  const char *const cases[][2] = {{NULL, "a photo of a {}."},
                                  {"none", "{}"},
                                  {"{}", "{}"},
                                  {" a {} ; ;b {}", "a {}|b {}"},
                                  {at, "a {}.|the {} of {}"}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GError *error = NULL;
    char **list = clipmoe_templates_parse (cases[i][0], &error);
    g_assert_no_error (error);
    char *got = g_strjoinv ("|", list);
    g_assert_cmpstr (got, ==, cases[i][1]);
    g_free (got);
    g_strfreev (list);
  }
  char **set = clipmoe_templates_parse ("@imagenet", NULL);
  g_assert_cmpuint (g_strv_length (set), ==, 80);
  g_strfreev (set);
  char *huge = g_strnfill (9000, 'a');
  memcpy (huge, "{}", 2);
  const struct {
    const char *text;
    int code;
  } bad[] = {{"", CLIPMOE_ERROR_FORMAT},          {" ; ", CLIPMOE_ERROR_FORMAT},
             {"a photo", CLIPMOE_ERROR_FORMAT},   {"a {};b", CLIPMOE_ERROR_FORMAT},
             {"a {} \377", CLIPMOE_ERROR_FORMAT}, {huge, CLIPMOE_ERROR_LIMIT},
             {"@no-such-set", CLIPMOE_ERROR_IO},  {"@", CLIPMOE_ERROR_IO}};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;
    g_assert_null (clipmoe_templates_parse (bad[i].text, &error));
    g_assert_error (error, CLIPMOE_ERROR, bad[i].code);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_error_free (error);
  }
  /* a cut in the middle of a letter must not reach the message */
  char *odd = g_strconcat ("x", "\303\251", NULL);
  for (guint i = 0; i < 6; i++) {
    char *twice = g_strconcat (odd, odd + 1, NULL);
    g_free (odd);
    odd = twice;
  }
  GError *error = NULL;
  g_assert_null (clipmoe_templates_parse (odd, &error));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_error_free (error);
  g_assert_true (g_file_set_contents (path, "a {}\nb\n", -1, NULL));
  error = NULL;
  g_assert_null (clipmoe_templates_parse (at, &error));
  g_assert_nonnull (strstr (error->message, "list.txt:2"));
  g_error_free (error);
  g_free (odd);
  g_free (huge);
  g_free (path);
  g_free (at);
}

/* The default template brings the article. */
static void
installed (void) {
  char *top = g_build_filename (g_getenv ("CLIPMOE_MODEL_PATH"), "labels", NULL);
  GDir *dir = g_dir_open (top, 0, NULL);
  const char *file;
  guint n = 0;
  while ((file = g_dir_read_name (dir))) {
    char *name = g_strndup (file, strlen (file) - 4), *path = g_build_filename (top, file, NULL), *text;
    g_assert_true (g_str_has_suffix (file, ".txt"));
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_true (g_str_has_prefix (text, "# ")); /* what it is for */
    GPtrArray *list = clipmoe_label_list_load (name, NULL);
    g_assert_nonnull (list);
    g_assert_cmpuint (list->len, >=, 5);
    for (guint i = 0; i < list->len; i++) {
      const ClipmoeLabel *l = list->pdata[i];
      g_assert_false (g_str_has_prefix (l->name, "a ") || g_str_has_prefix (l->name, "an ") ||
                      g_str_has_prefix (l->name, "the "));
    }
    g_ptr_array_unref (list);
    g_free (text);
    g_free (name);
    g_free (path);
    n++;
  }
  g_assert_cmpuint (n, >=, 3);
  g_dir_close (dir);
  g_free (top);
}

/* Random bytes of the kind that matters: no crash, and what is taken obeys the rules. */
static void
noise (void) {
  static const char *const pieces[] = {
      "a",    "dog",          " ",   "\n",  "\r", "\r\n", "=", "@",  "\\",           "#",
      "0.5",  "= @",          " + ", "-",   "e9", ",",    ";", "{}", "\357\273\277", "\303\251",
      "\377", "\343\200\200", "\t",  "\xc3"};
  GRand *random = g_rand_new_with_seed (7);
  guint taken = 0;
  for (guint k = 0; k < 4000; k++) {
    GString *s = g_string_new (NULL);
    for (guint n = (guint)g_rand_int_range (random, 0, 24); n; n--)
      g_string_append (s, pieces[g_rand_int_range (random, 0, G_N_ELEMENTS (pieces) - (k % 4 ? 4 : 0))]);
    GError *error = NULL;
    GPtrArray *lists[2] = {load (s->str, -1, &error), clipmoe_label_list_parse (s->str, NULL)};
    g_assert_true ((lists[0] == NULL) == (error != NULL));
    for (guint l = 0; l < 2; l++) {
      for (guint i = 0; lists[l] && i < lists[l]->len; i++, taken++) {
        const ClipmoeLabel *label = lists[l]->pdata[i];
        g_assert_true (*label->name && g_utf8_validate (label->name, -1, NULL));
        g_assert_true (!label->prompt || *label->prompt);
        g_assert_true (isnan (label->threshold) || isfinite (label->threshold));
      }
      g_clear_pointer (&lists[l], g_ptr_array_unref);
    }
    g_clear_error (&error);
    g_strfreev (clipmoe_templates_parse (s->str, NULL));
    g_string_free (s, TRUE);
  }
  g_assert_cmpuint (taken, >, 1000);
  g_rand_free (random);
}

int
main (int argc, char **argv) {
  static const Group groups[] = {{"/labels/grammar", grammar},     {"/labels/refusals", refusals},
                                 {"/labels/property", property},   {"/labels/rewritten", rewritten},
                                 {"/labels/templates", templates}, {"/labels/installed", installed},
                                 {"/labels/noise", noise}};
  folder = g_dir_make_tmp ("clipmoe-labels-XXXXXX", NULL);
  g_assert_nonnull (folder);
  int r = run_groups (argc, argv, groups, G_N_ELEMENTS (groups));
  char *path = g_build_filename (folder, "list.txt", NULL);
  g_unlink (path);
  g_rmdir (folder);
  g_free (path);
  g_free (folder);
  return r;
}
