/* One row of hits. */
#ifndef HITSGEN_HITS_H
#define HITSGEN_HITS_H

#include "out.h"

/* Row `row` (from 0) of a table of `rows` rows. */
void hits_write(int64_t row, int64_t rows, Out *out);

#endif
