/* Reads a list and tells where in the file each label stands. */
#ifndef CLIPMOE_LIST_H
#define CLIPMOE_LIST_H

#include "../clipmoe/labels.h"

/* @text: the whole file; @at: where in it the label's line begins, without white space around it; @line: that
 * line, which may be written to. */
typedef void (*ClipmoeListSeen) (const ClipmoeLabel *label, const char *text, const char *at, char *line,
                                 gpointer data);

/* clipmoe_label_list_load(), which calls @seen (nullable) for each label. */
GPtrArray *clipmoe_list_read (const char *path_or_name, ClipmoeListSeen seen, gpointer data, GError **error);

/* Where the threshold of the label in @line begins, at its @; NULL: it has none. */
char *clipmoe_list_threshold (char *line);

#endif
