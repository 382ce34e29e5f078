#include "rate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NEAR 0.005 /* 23.98 is 24000/1001, 29.97 is 30000/1001 */

/* Frames that are counted a second. */
static gint64
nominal (const ClipmoeRate *rate) {
  return (rate->n + rate->d - 1) / rate->d;
}

static gboolean
from_value (double value, ClipmoeRate *rate) {
  static const guint slow[] = {24, 30, 48, 60};
  for (guint i = 0; i < G_N_ELEMENTS (slow); i++)
    if (fabs (value - slow[i] / 1.001) < NEAR) {
      *rate = (ClipmoeRate){slow[i] * 1000, 1001, slow[i] % 30 == 0};
      return TRUE;
    }
  double whole = floor (value + 0.5);
  if (!(fabs (value - whole) < NEAR) || whole < 1 || whole > 99)
    return FALSE;
  *rate = (ClipmoeRate){(guint)whole, 1, FALSE};
  return TRUE;
}

gboolean
clipmoe_rate_from_fraction (guint n, guint d, ClipmoeRate *rate) {
  return d && from_value ((double)n / d, rate);
}

gboolean
clipmoe_rate_parse (const char *name, const char *text, ClipmoeRate *rate, GError **error) {
  char *end = NULL;
  double n = g_ascii_strtod (text, &end), d = 1;
  gboolean ok = end != text && g_ascii_isdigit (*text);
  if (ok && *end == '/') {
    const char *below = end + 1;
    d = g_ascii_strtod (below, &end);
    ok = g_ascii_isdigit (*below);
  }
  ok = ok && d > 0 && from_value (n / d, rate);
  if (ok && g_str_equal (end, "ndf") && rate->drop)
    rate->drop = FALSE;
  else if (ok && *end)
    ok = FALSE;
  if (!ok)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
        "%s %s: expected 1 to 99 frames a second, 23.976, 29.97, 47.952 or 59.94; 29.97ndf and 59.94ndf "
        "do not drop frame numbers",
        name, text);
  return ok;
}

const char *
clipmoe_rate_name (const ClipmoeRate *rate, char text[16]) {
  guint whole = (guint)nominal (rate);
  if (rate->d == 1)
    g_snprintf (text, 16, "%u", whole);
  else
    g_snprintf (text, 16, "%s",
                whole == 24   ? "23.976"
                : whole == 30 ? "29.97"
                : whole == 48 ? "47.952"
                              : "59.94");
  return text;
}

gint64
clipmoe_rate_frame (const ClipmoeRate *rate, double seconds) {
  return (gint64)floor (seconds * rate->n / rate->d + 0.5);
}

/* How many numbers are dropped at the begin of each minute but each tenth. */
static gint64
dropped (const ClipmoeRate *rate) {
  return rate->drop ? nominal (rate) / 15 : 0;
}

const char *
clipmoe_timecode (const ClipmoeRate *rate, gint64 frame, char text[16]) {
  gint64 base = nominal (rate), drop = dropped (rate), minute = base * 60 - drop, ten = base * 600 - 9 * drop;
  gint64 day = 144 * ten;
  frame = (frame % day + day) % day;
  gint64 tens = frame / ten, rest = frame % ten;
  gint64 minutes = rest < base * 60 ? 0 : 1 + (rest - base * 60) / minute; /* the first one drops nothing */
  frame += drop * (9 * tens + minutes);
  gint64 seconds = frame / base;
  g_snprintf (text, 16, "%02d:%02d:%02d%c%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
              (int)(seconds % 60), rate->drop ? ';' : ':', (int)(frame % base));
  return text;
}

gboolean
clipmoe_timecode_parse (const char *name, const char *text, const ClipmoeRate *rate, gint64 *frame,
                        GError **error) {
  int h, m, s, f, length = 0;
  char sign;
  gint64 base = nominal (rate), drop = dropped (rate);
  gboolean ok = sscanf (text, "%2d:%2d:%2d%c%2d%n", &h, &m, &s, &sign, &f, &length) == 5 && !text[length] &&
                length == 11 && !strpbrk (text, " +-") && strchr (":;", sign) && h < 24 && m < 60 && s < 60;
  if (!ok || f >= base) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s %s: expected a timecode from 00:00:00:00 to 23:59:59:%02d", name, text, (int)base - 1);
    return FALSE;
  }
  if (f < drop && !s && m % 10) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s %s: drop-frame timecode has no such number, the next one is %02d:%02d:00;%02d", name,
                 text, h, m, (int)drop);
    return FALSE;
  }
  gint64 minutes = h * 60 + m;
  *frame = (minutes * 60 + s) * base + f - drop * (minutes - minutes / 10);
  return TRUE;
}
