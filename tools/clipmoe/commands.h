/* The sub-commands of `clipmoe`: each gets argv from its own name on and returns the exit status
 * (0 done, 1 failed with one sentence on stderr and nothing of what failed on stdout, 2 wrong usage). */
#ifndef CLIPMOE_COMMANDS_H
#define CLIPMOE_COMMANDS_H

int clipmoe_cmd_tag (int argc, char **argv);
int clipmoe_cmd_embed (int argc, char **argv);
int clipmoe_cmd_index (int argc, char **argv);
int clipmoe_cmd_tokenize (int argc, char **argv);
int clipmoe_cmd_model (int argc, char **argv);
int clipmoe_cmd_bench (int argc, char **argv);
int clipmoe_cmd_search (int argc, char **argv);
int clipmoe_cmd_serve (int argc, char **argv);
int clipmoe_cmd_watch (int argc, char **argv);
int clipmoe_cmd_calibrate (int argc, char **argv);
int clipmoe_cmd_limits (int argc, char **argv);

#endif
