/* Protects: the folder store keeps what it is given, as every store must (store_suite.c). */
#include "store_suite.h"

int
main (int argc, char **argv) {
  g_setenv ("TZ", "Europe/Berlin", TRUE); /* where an hour comes twice */
  g_test_init (&argc, &argv, NULL);
  store_suite ("folder", suite_fresh_folder);
  int failed = g_test_run ();
  suite_end ();
  return failed;
}
