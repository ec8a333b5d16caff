/* Choice between two registers, constants, the lesser and the greater. */
#include "backend/cpu/vec.h"

#define TEMPLATE "backend/cpu/choice.inc"
#include "backend/cpu/each_all.inc"
#undef TEMPLATE
