#include <clipmoe/version.h>

const char *
clipmoe_version (void) {
  return CLIPMOE_VERSION;
}
