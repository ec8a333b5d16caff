/*
 * A table of keys in parts by the upper bits of the hash, so that workers fill parts side by side,
 * each within the caches.  A key's number is that of its part's table after the numbers of all
 * parts before.
 */
#ifndef TQP_EXEC_KEY_PARTS_H
#define TQP_EXEC_KEY_PARTS_H

#include "exec/keys.h"

#define TQP_KEY_PARTS_BITS_MAX 8u

typedef struct TqpKeyParts {
    uint32_t bits, nparts; /* 2^bits; 0: nothing is open */
    TqpKeyTable *tables;
    uint32_t *firsts; /* nparts + 1: number of a part's first key; the last: of none */
} TqpKeyParts;

/* Empty tables; descriptors in the arena. */
TqpStatus tqp_key_parts_open(TqpKeyParts *parts, TqpArena *arena, const TqpKeyPlan *plan,
                             TqpBroker *broker, uint32_t bits) TQP_NODISCARD;
void tqp_key_parts_free(TqpKeyParts *parts);
/* Once all tables are filled: firsts.  MEMORY_LIMIT when there are too many keys to number. */
TqpStatus tqp_key_parts_number(TqpKeyParts *parts) TQP_NODISCARD;
/* As tqp_key_table_find; firsts[nparts] when no part has the key. */
void tqp_key_parts_find(const TqpKeyParts *parts, const uint64_t *words, const uint64_t *hashes,
                        uint32_t n, uint32_t *numbers);

static inline uint32_t tqp_key_part(uint32_t bits, uint64_t hash) {
    return bits > 0 ? (uint32_t)(hash >> (64 - bits)) : 0;
}

#endif
