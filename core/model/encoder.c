#include "../clipmoe/encoder.h"
