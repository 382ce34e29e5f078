#include "commands.h"

int
clipmoe_cmd_bench (int argc, char **argv)
{
  return 2;
}
