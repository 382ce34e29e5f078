/* Names and labels from outside, as the writers show them. */
#ifndef CLIPMOE_SHOWN_H
#define CLIPMOE_SHOWN_H

#include <glib.h>

/* Valid UTF-8 without line ends: control codes and characters that are invisible or turn the direction of
 * writing are shown as \n, \t, \r, \x1b or \u202e, bytes that are no UTF-8 as \xff. Free with g_free(). */
char *clipmoe_shown (const char *text);
/* The last part of a path or URI, shown. Free with g_free(). */
char *clipmoe_shown_base (const char *file);
/* Appends @text, shown, with &, <, >, " and ' as entities. */
void clipmoe_shown_markup (GString *out, const char *text);
/* @value with @decimals decimals, whatever the locale is; nothing where it is not finite. */
void clipmoe_shown_number (GString *out, double value, guint decimals);
/* 1:02:03.45; returns @text. */
const char *clipmoe_clock (char text[32], double seconds);
void clipmoe_shown_clock (GString *out, double seconds);

#endif
