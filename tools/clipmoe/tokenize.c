#include "commands.h"

int
clipmoe_cmd_tokenize (int argc, char **argv)
{
  return 2;
}
