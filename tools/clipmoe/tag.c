#include "commands.h"

int
clipmoe_cmd_tag (int argc, char **argv)
{
  return 2;
}
