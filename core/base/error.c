#include "../clipmoe/error.h"

G_DEFINE_QUARK (clipmoe - error - quark, clipmoe_error)
