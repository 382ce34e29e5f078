#include "model-private.h"
