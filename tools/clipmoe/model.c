#include "commands.h"

int
clipmoe_cmd_model (int argc, char **argv)
{
  return 2;
}
