#include "commands.h"

int
main (int argc, char **argv)
{
  return 2;
}
