/* A table of tests, run by GLib; closes with one line of counts. */
#ifndef GROUPS_H
#define GROUPS_H

#include <glib.h>
#include <stdio.h>

typedef struct {
  const char *name;
  void (*run) (void);
} Group;

static guint n_skipped;

static inline void
skip (const char *missing) {
  g_test_skip (missing);
  n_skipped++;
}

static inline int
run_groups (int argc, char **argv, const Group *groups, guint n) {
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < n; i++)
    g_test_add_func (groups[i].name, groups[i].run);
  int r = g_test_run (); /* a fault ends the program at once */
  if (r == 0)
    printf ("%u passed, 0 failed, %u skipped\n", n - n_skipped, n_skipped);
  return r;
}

#endif
