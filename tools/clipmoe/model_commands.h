/* The sub-commands of `clipmoe model`, each in the file of its name; the rules of commands.h hold. */
#ifndef CLIPMOE_TOOLS_MODEL_COMMANDS_H
#define CLIPMOE_TOOLS_MODEL_COMMANDS_H

int clipmoe_cmd_model_inspect (int argc, char **argv);
int clipmoe_cmd_model_list (int argc, char **argv);
int clipmoe_cmd_model_convert (int argc, char **argv);
int clipmoe_cmd_model_verify (int argc, char **argv);

#endif
