/*
 * The hash table of group keys.
 *
 * Keys often come in the order of their hashes: out of another table, or from a relation that was
 * made of one.  Under linear probing a growing table then has all its keys side by side, and each
 * new one walks past all others ("accidentally quadratic").  So a new key that had to walk far
 * makes the table spread its keys anew, by another multiplier of the hash.
 */
#include <string.h>

#include "base/hash.h"
#include "exec/keys.h"
#include "exec/memory.h"

#define FIRST_BITS 10
#define FAR_SLOTS  256u /* at 5/8 of a table spread at random: not met in 10^8 keys */
#define SPREADS    16u  /* of one table, lest keys whose hashes are equal spread it for ever */

void tqp_key_table_init(TqpKeyTable *table, const TqpKeyPlan *plan, TqpBroker *broker) {
    memset(table, 0, sizeof(*table));
    table->plan = plan;
    table->broker = broker;
    table->salt = 1;
}

void tqp_key_table_free(TqpKeyTable *table) {
    tqp_buffer_free(&table->slots);
    tqp_buffer_free(&table->keys);
}

TqpStatus tqp_key_table_clear(TqpKeyTable *table) {
    table->nkeys = table->nspreads = 0;
    table->crowded = false;
    return table->bits == 0 ? TQP_OK
                            : tqp_memory_clear(table->slots.data, sizeof(TqpKeySlot) << table->bits,
                                               table->stop);
}

static inline TqpView view_word(const uint64_t *word) {
    TqpView v;
    memcpy(&v, word, sizeof(v));
    return v;
}

static bool is_view(const TqpKeyPlan *plan, uint32_t word) {
    for (uint32_t v = 0; v < plan->nviews; v++)
        if (plan->views[v] == word)
            return true;
    return false;
}

void tqp_key_hash(const TqpKeyPlan *plan, const uint64_t *words, uint32_t n, uint64_t *hashes) {
    if (plan->nwords == 1) {
        for (uint32_t i = 0; i < n; i++)
            hashes[i] = tqp_hash_u64(words[i]);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *row = words + (size_t)i * plan->nwords;
        uint64_t hash = 0;
        for (uint32_t w = 0; w < plan->nwords; w++) {
            if (plan->nviews > 0 && is_view(plan, w)) {
                TqpView v = view_word(row + w++);
                hash = tqp_hash_bytes(v.data, v.len, hash);
            } else {
                hash = tqp_hash_combine(hash, row[w]);
            }
        }
        hashes[i] = tqp_hash_u64(hash);
    }
}

static int compare_views(TqpView x, TqpView y) {
    uint32_t n = x.len < y.len ? x.len : y.len;
    int c = n > 0 ? memcmp(x.data, y.data, n) : 0;
    return c != 0 ? c : (x.len > y.len) - (x.len < y.len);
}

int tqp_key_compare(const TqpKeyPlan *plan, const uint64_t *a, const uint64_t *b) {
    for (uint32_t w = 0; w < plan->nwords; w++) {
        if (plan->nviews > 0 && is_view(plan, w)) {
            int c = compare_views(view_word(a + w), view_word(b + w));
            if (c != 0)
                return c;
            w++;
        } else if (a[w] != b[w]) {
            return a[w] < b[w] ? -1 : 1;
        }
    }
    return 0;
}

static bool keys_equal(const TqpKeyPlan *plan, const uint64_t *a, const uint64_t *b) {
    for (uint32_t w = 0; w < plan->nwords; w++) {
        if (plan->nviews > 0 && is_view(plan, w)) {
            TqpView x = view_word(a + w), y = view_word(b + w);
            if (x.len != y.len || (x.len > 0 && memcmp(x.data, y.data, x.len) != 0))
                return false;
            w++;
        } else if (a[w] != b[w]) {
            return false;
        }
    }
    return true;
}

static inline uint64_t position(const TqpKeyTable *table, uint64_t hash) {
    return hash * table->salt >> (64 - table->bits);
}

/*
 * Growing visits the slots in the order of the new ones, which fill from front to back.  A table
 * whose growth was cancelled is fit to be freed only.
 */
static TqpStatus rehash(TqpKeyTable *table, uint32_t bits) {
    TqpBuffer old = table->slots;
    uint64_t nold = table->bits > 0 ? UINT64_C(1) << table->bits : 0;
    size_t bytes = sizeof(TqpKeySlot) << bits;
    memset(&table->slots, 0, sizeof(table->slots));
    TqpStatus status = tqp_buffer_alloc(&table->slots, table->broker, bytes);
    if (status != TQP_OK) {
        table->slots = old;
        return status;
    }
    status = tqp_memory_clear(table->slots.data, bytes, table->stop);
    table->bits = bits;
    TqpKeySlot *slots = table->slots.data;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    const TqpKeySlot *from = old.data;
    for (uint64_t i = 0; i < nold && status == TQP_OK; i++) {
        if (tqp_stop_at(table->stop, i))
            status = TQP_CANCELLED;
        if (from[i].number == 0)
            continue;
        uint64_t at = position(table, from[i].hash);
        while (slots[at].number != 0)
            at = (at + 1) & mask;
        slots[at] = from[i];
    }
    tqp_buffer_free(&old);
    return status;
}

/* At most 5/8 full. */
TqpStatus tqp_key_table_reserve(TqpKeyTable *table, uint64_t nkeys) {
    uint32_t bits = table->bits > 0 ? table->bits : FIRST_BITS;
    if (nkeys >= UINT32_MAX)
        return TQP_MEMORY_LIMIT;
    while ((UINT64_C(5) << bits) / 8 < nkeys)
        bits++;
    if (bits > table->bits)
        TQP_TRY(rehash(table, bits));
    size_t width = table->plan->nwords * sizeof(uint64_t);
    size_t want = nkeys * width;
    if (want <= table->keys.bytes)
        return TQP_OK;
    want = want > 2 * table->keys.bytes ? want : 2 * table->keys.bytes;
    return tqp_memory_grow(&table->keys, table->broker, table->nkeys * width, want, table->stop);
}

static uint32_t find_or_add(TqpKeyTable *table, const uint64_t *key, uint64_t hash) {
    TqpKeySlot *slots = table->slots.data;
    uint64_t mask = (UINT64_C(1) << table->bits) - 1;
    uint32_t nwords = table->plan->nwords;
    uint64_t home = position(table, hash);
    for (uint64_t at = home;; at = (at + 1) & mask) {
        if (slots[at].number == 0) {
            table->crowded |= ((at - home) & mask) > FAR_SLOTS;
            memcpy((uint64_t *)table->keys.data + (size_t)table->nkeys * nwords, key,
                   nwords * sizeof(uint64_t));
            slots[at] = (TqpKeySlot){hash, ++table->nkeys};
            return table->nkeys - 1;
        }
        if (slots[at].hash == hash &&
            (nwords == 1 || keys_equal(table->plan, key, tqp_key_at(table, slots[at].number - 1))))
            return slots[at].number - 1;
    }
}

static TqpStatus spread(TqpKeyTable *table) {
    table->crowded = false;
    if (table->nspreads == SPREADS)
        return TQP_OK;
    table->nspreads++;
    table->salt = tqp_hash_u64(table->salt) | 1;
    return rehash(table, table->bits);
}

void tqp_key_table_prefetch(const TqpKeyTable *table, uint64_t hash) {
    if (table->nkeys > 0)
        __builtin_prefetch((const TqpKeySlot *)table->slots.data + position(table, hash));
}

void tqp_key_table_prefetch_key(const TqpKeyTable *table, uint64_t hash) {
    if (table->nkeys == 0)
        return;
    const TqpKeySlot *slot = (const TqpKeySlot *)table->slots.data + position(table, hash);
    if (slot->number != 0)
        __builtin_prefetch(tqp_key_at(table, slot->number - 1));
}

/* All slots that a batch is about to look at, then their keys: misses overlap. */
static void prefetch_batch(const TqpKeyTable *table, const uint64_t *hashes, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        tqp_key_table_prefetch(table, hashes[i]);
    for (uint32_t i = 0; table->plan->nwords > 1 && i < n; i++)
        tqp_key_table_prefetch_key(table, hashes[i]);
}

TqpStatus tqp_key_table_insert(TqpKeyTable *table, const uint64_t *words, const uint64_t *hashes,
                               uint32_t n, uint32_t *numbers) {
    TQP_TRY(tqp_key_table_reserve(table, (uint64_t)table->nkeys + n));
    prefetch_batch(table, hashes, n);
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = find_or_add(table, words + (size_t)i * table->plan->nwords, hashes[i]);
    return table->crowded ? spread(table) : TQP_OK;
}

uint32_t tqp_key_table_number(const TqpKeyTable *table, const uint64_t *key, uint64_t hash) {
    const TqpKeySlot *slots = table->slots.data;
    uint64_t mask = (UINT64_C(1) << table->bits) - 1;
    if (table->nkeys == 0)
        return 0;
    for (uint64_t at = position(table, hash); slots[at].number != 0; at = (at + 1) & mask)
        if (slots[at].hash == hash &&
            (table->plan->nwords == 1 ||
             keys_equal(table->plan, key, tqp_key_at(table, slots[at].number - 1))))
            return slots[at].number - 1;
    return table->nkeys;
}

void tqp_key_table_find(const TqpKeyTable *table, const uint64_t *words, const uint64_t *hashes,
                        uint32_t n, uint32_t *numbers) {
    prefetch_batch(table, hashes, n);
    for (uint32_t i = 0; i < n; i++)
        numbers[i] =
            tqp_key_table_number(table, words + (size_t)i * table->plan->nwords, hashes[i]);
}
