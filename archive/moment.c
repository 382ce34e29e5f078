#include "moment.h"

const char *
clipmoe_why_name (ClipmoeWhy why) {
  switch (why) {
  case CLIPMOE_WHY_ONLY:
    return "only";
  case CLIPMOE_WHY_MEDOID:
    return "medoid";
  case CLIPMOE_WHY_BLANK:
    return "blank";
  }
  return "unknown";
}
