/* The text of comments: a pool of generated sentences, of which every comment is a piece. */
#ifndef TPCHGEN_TEXT_H
#define TPCHGEN_TEXT_H

#include <stddef.h>

#include "random.h"

enum { TEXT_POOL_BYTES = 16 << 20 };

/* Fills pool[0 .. TEXT_POOL_BYTES) with sentences; the same ones each time. */
void text_fill_pool(char *pool);

/* Picks a piece of the pool of low to high bytes; stores its length, does not terminate it. */
static inline const char *text_pick(const char *pool, Random *random, int low, int high,
                                    size_t *length) {
    *length = (size_t)random_between(random, low, high);
    return pool + random_between(random, 0, (int64_t)(TEXT_POOL_BYTES - *length));
}

#endif
