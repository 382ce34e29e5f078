/* What every program of `clipmoe` does before its command and after it. */
#ifndef CLIPMOE_PROGRAM_H
#define CLIPMOE_PROGRAM_H

/* Sets the locale (UTF-8 where there is none, numbers with a point), calls @run, and then sees to it that
 * standard output was written and that packed weights are in the cache. Returns the exit status: that of
 * @run, or 1 when the output could not be written. */
int clipmoe_program (int argc, char **argv, int (*run) (int argc, char **argv));

#endif
