/*
 * The table of group keys, whatever the order in which keys come: at random, in the order of their
 * hashes (out of another table, whole or a part of it), and again after growth.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "check.h"
#include "exec/keys.h"

enum { N = 200000 };

typedef struct Key {
    uint64_t word, hash;
} Key;

static int by_hash(const void *a, const void *b) {
    const Key *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void fill(const TqpKeyPlan *plan, TqpKeyTable *table, const Key *keys, uint32_t n) {
    uint64_t words[TQP_KEY_BATCH], hashes[TQP_KEY_BATCH];
    uint32_t numbers[TQP_KEY_BATCH];
    for (uint32_t done = 0; done < n; done += TQP_KEY_BATCH) {
        uint32_t batch = n - done < TQP_KEY_BATCH ? n - done : TQP_KEY_BATCH;
        for (uint32_t i = 0; i < batch; i++)
            words[i] = keys[done + i].word;
        tqp_key_hash(plan, words, batch, hashes);
        CHECK(tqp_key_table_insert(table, words, hashes, batch, numbers) == TQP_OK);
        for (uint32_t i = 0; i < batch; i++)
            if (numbers[i] != done + i)
                CHECK_INT(numbers[i], done + i);
    }
}

/* All are found; and how many slots a key lies from its place, added up. */
static uint64_t distance(const TqpKeyPlan *plan, const TqpKeyTable *table, const Key *keys,
                         uint32_t n) {
    const TqpKeySlot *slots = table->slots.data;
    uint64_t mask = (UINT64_C(1) << table->bits) - 1, sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t hash;
        uint32_t number;
        tqp_key_hash(plan, &keys[i].word, 1, &hash);
        tqp_key_table_find(table, &keys[i].word, &hash, 1, &number);
        if (number != i)
            CHECK_INT(number, i);
    }
    for (uint64_t i = 0; i <= mask; i++)
        if (slots[i].number != 0)
            sum += (i - (slots[i].hash * table->salt >> (64 - table->bits))) & mask;
    return sum;
}

static void check_order(const TqpKeyPlan *plan, TqpBroker *broker, const Key *keys, uint32_t n) {
    TqpKeyTable table;
    tqp_key_table_init(&table, plan, broker);
    fill(plan, &table, keys, n);
    CHECK_INT(table.nkeys, n);
    /* At 5/8 full, linear probing moves a key 0.8 slots on the average. */
    CHECK(distance(plan, &table, keys, n) < 3 * (uint64_t)n);
    tqp_key_table_free(&table);
}

int main(void) {
    TqpBroker broker;
    TqpArena arena;
    TqpKeyPlan plan;
    tqp_broker_init(&broker, UINT64_C(1) << 30);
    tqp_arena_init(&arena, &broker);
    const TqpSlot slot = {.lane = TQP_LANE_I64, .reg = 0, .valid = TQP_NO_REG};
    CHECK(tqp_key_plan(&plan, &arena, 1, &slot, false) == TQP_OK);
    Key *keys = malloc(N * sizeof(Key));
    CHECK(keys != NULL);
    for (uint64_t i = 0; keys != NULL && i < N; i++)
        keys[i] = (Key){i * 7919, tqp_hash_u64(i * 7919)};
    check_order(&plan, &broker, keys, N);
    qsort(keys, N, sizeof(Key), by_hash);
    check_order(&plan, &broker, keys, N);
    check_order(&plan, &broker, keys + N / 2, N / 32);
    /* As a table of 2^18 slots lists them, and then another: each half of the keys in order. */
    for (uint32_t i = 0; i < N; i++)
        keys[i].hash = keys[i].hash >> 46 | (uint64_t)(i & 1) << 63;
    qsort(keys, N, sizeof(Key), by_hash);
    check_order(&plan, &broker, keys, N);
    free(keys);
    tqp_arena_free(&arena);
    return check_report("exec_keys");
}
