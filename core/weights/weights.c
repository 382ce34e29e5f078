#include "../clipmoe/clipmoe.h"
