#include "commands.h"

int
clipmoe_cmd_embed (int argc, char **argv)
{
  return 2;
}
