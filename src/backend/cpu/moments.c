/*
 * Sums about the mean (base/moments.h): of one group, or by a group number per row.  Rows of a
 * group are taken in order, so that a result does not depend on the instruction set.
 */
#include "backend/cpu/vec.h"

#include "base/moments.h"

typedef uint8_t Group8;
typedef InU32 Group32;

#define SINGLE MOMENTS
#define PAIR   PAIR_MOMENTS
#define ONE_GROUP
#include "backend/cpu/moments.inc"
#undef SINGLE
#undef PAIR
#undef ONE_GROUP

#define SINGLE GROUP_MOMENTS8
#define PAIR   GROUP_PAIR_MOMENTS8
#define GROUP  Group8
#include "backend/cpu/moments.inc"
#undef SINGLE
#undef PAIR
#undef GROUP

#define SINGLE GROUP_MOMENTS32
#define PAIR   GROUP_PAIR_MOMENTS32
#define GROUP  Group32
#include "backend/cpu/moments.inc"
#undef SINGLE
#undef PAIR
#undef GROUP
