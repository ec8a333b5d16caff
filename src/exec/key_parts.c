/* Tables of keys by parts of the hash. */
#include "exec/key_parts.h"

#include <string.h>

TqpStatus tqp_key_parts_open(TqpKeyParts *parts, TqpArena *arena, const TqpKeyPlan *plan,
                             TqpBroker *broker, uint32_t bits) {
    uint32_t nparts = 1u << bits;
    TqpKeyTable *tables = tqp_arena_alloc(arena, nparts * sizeof(TqpKeyTable));
    uint32_t *firsts = tqp_arena_zalloc(arena, (nparts + 1) * sizeof(uint32_t));
    if (tables == NULL || firsts == NULL)
        return arena->failed != TQP_OK ? arena->failed : TQP_NO_MEMORY;
    for (uint32_t p = 0; p < nparts; p++)
        tqp_key_table_init(&tables[p], plan, broker);
    *parts = (TqpKeyParts){.bits = bits, .nparts = nparts, .tables = tables, .firsts = firsts};
    return TQP_OK;
}

void tqp_key_parts_free(TqpKeyParts *parts) {
    for (uint32_t p = 0; p < parts->nparts; p++)
        tqp_key_table_free(&parts->tables[p]);
    memset(parts, 0, sizeof(*parts));
}

TqpStatus tqp_key_parts_number(TqpKeyParts *parts) {
    uint64_t keys = 0;
    for (uint32_t p = 0; p < parts->nparts; p++) {
        parts->firsts[p] = (uint32_t)keys;
        keys += parts->tables[p].nkeys;
    }
    parts->firsts[parts->nparts] = (uint32_t)keys;
    return keys < UINT32_MAX ? TQP_OK : TQP_MEMORY_LIMIT;
}

/* Misses of all keys overlap, whichever parts they fall in. */
void tqp_key_parts_find(const TqpKeyParts *parts, const uint64_t *words, const uint64_t *hashes,
                        uint32_t n, uint32_t *numbers) {
    if (parts->nparts == 1) {
        tqp_key_table_find(&parts->tables[0], words, hashes, n, numbers);
        return;
    }
    uint32_t none = parts->firsts[parts->nparts];
    for (uint32_t i = 0; i < n; i++)
        tqp_key_table_prefetch(&parts->tables[tqp_key_part(parts->bits, hashes[i])], hashes[i]);
    if (parts->tables[0].plan->nwords > 1)
        for (uint32_t i = 0; i < n; i++)
            tqp_key_table_prefetch_key(&parts->tables[tqp_key_part(parts->bits, hashes[i])],
                                       hashes[i]);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t p = tqp_key_part(parts->bits, hashes[i]);
        const TqpKeyTable *table = &parts->tables[p];
        uint32_t number =
            tqp_key_table_number(table, words + (size_t)i * table->plan->nwords, hashes[i]);
        numbers[i] = number < table->nkeys ? parts->firsts[p] + number : none;
    }
}
