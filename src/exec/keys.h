/*
 * Group keys as rows of 64-bit words, so that one hash table serves any combination of types.
 * Narrow lanes are packed together; each nullable key has a byte that is 1 where it is NULL (its
 * value bits are 0 then); floats are normalised (-0 = 0, one NaN); a string takes two words, its
 * TqpView, and is compared by contents.
 */
#ifndef TQP_EXEC_KEYS_H
#define TQP_EXEC_KEYS_H

#include "base/thread.h"
#include "exec/column.h"
#include "exec/tile.h"

#define TQP_NO_WORD UINT32_MAX

typedef struct TqpKeyPart {
    const TqpSlot *slot;
    uint32_t word, shift;           /* of the value; I128 and VIEW take two words */
    uint32_t null_word, null_shift; /* TQP_NO_WORD: never null */
} TqpKeyPart;

typedef struct TqpKeyPlan {
    uint32_t nparts, nwords, nviews;
    TqpKeyPart *parts;
    uint32_t *views; /* first word of each VIEW */
    bool has_extra;  /* one more 32-bit field: extra_word, extra_shift */
    uint32_t extra_word, extra_shift;
} TqpKeyPlan;

/* extra: reserve room for a 32-bit number that the caller packs (a group). */
TqpStatus tqp_key_plan(TqpKeyPlan *plan, TqpArena *arena, uint32_t nslots, const TqpSlot *slots,
                       bool extra) TQP_NODISCARD;
/* words[n * nwords] of all n rows of the tile; extra may be NULL.  Unselected rows: arbitrary. */
void tqp_key_pack(const TqpKeyPlan *plan, const TqpTile *tile, const uint32_t *extra,
                  uint64_t *words);
/* Likewise only of n <= tile->n listed rows, densely; uses the tile's scratch. */
void tqp_key_pack_rows(const TqpKeyPlan *plan, TqpTile *tile, const uint32_t *rows, uint32_t n,
                       uint64_t *words);
/* Likewise rows [at, at + n) of finished columns, one per part; a MASK column's part is U8. */
void tqp_key_pack_columns(const TqpKeyPlan *plan, const TqpColumn *const *columns, uint64_t at,
                          uint32_t n, uint64_t *words);
/* Key k of n rows of words, into rows [at, at + n) of the column. */
void tqp_key_unpack(const TqpKeyPlan *plan, uint32_t k, const uint64_t *words, uint32_t n,
                    TqpColumn *column, uint64_t at);

/*
 * Open-addressing table from keys to numbers 0 .. nkeys-1 in order of insertion.  The position is
 * taken from the upper bits of the hash, multiplied, so growing walks memory in sequence.  With one
 * word and no view the hash is a bijection and stands for the key.
 */
typedef struct TqpKeySlot {
    uint64_t hash;
    uint32_t number; /* + 1; 0 = empty */
} TqpKeySlot;

typedef struct TqpKeyTable {
    const TqpKeyPlan *plan;
    TqpBroker *broker;
    const TqpStop *stop; /* of who inserts; may be NULL */
    uint32_t nkeys;
    uint32_t bits; /* 2^bits slots; 0 = no memory yet */
    uint32_t nspreads;
    uint64_t salt; /* odd; the hash is multiplied by it */
    bool crowded;  /* a key lies far from its place */
    TqpBuffer slots;
    TqpBuffer keys; /* nkeys * nwords */
} TqpKeyTable;

void tqp_key_table_init(TqpKeyTable *table, const TqpKeyPlan *plan, TqpBroker *broker);
void tqp_key_table_free(TqpKeyTable *table);
/* Without keys again; its memory stays. */
TqpStatus tqp_key_table_clear(TqpKeyTable *table) TQP_NODISCARD;
TqpStatus tqp_key_table_reserve(TqpKeyTable *table, uint64_t nkeys) TQP_NODISCARD;
/* An order of keys, strings by their bytes; 0: equal. */
int tqp_key_compare(const TqpKeyPlan *plan, const uint64_t *a, const uint64_t *b);
void tqp_key_hash(const TqpKeyPlan *plan, const uint64_t *words, uint32_t n, uint64_t *hashes);
/* numbers[i] of the i-th key; keys not seen before get the next numbers.  n <= TQP_KEY_BATCH */
#define TQP_KEY_BATCH 256u
TqpStatus tqp_key_table_insert(TqpKeyTable *table, const uint64_t *words, const uint64_t *hashes,
                               uint32_t n, uint32_t *numbers) TQP_NODISCARD;

/* numbers[i] of the i-th key; table->nkeys when the table lacks it.  n <= TQP_KEY_BATCH */
void tqp_key_table_find(const TqpKeyTable *table, const uint64_t *words, const uint64_t *hashes,
                        uint32_t n, uint32_t *numbers);

/* Of one key; the two fetch its slot, then what that points to, into the caches. */
uint32_t tqp_key_table_number(const TqpKeyTable *table, const uint64_t *key, uint64_t hash);
void tqp_key_table_prefetch(const TqpKeyTable *table, uint64_t hash);
void tqp_key_table_prefetch_key(const TqpKeyTable *table, uint64_t hash);

static inline const uint64_t *tqp_key_at(const TqpKeyTable *table, uint32_t number) {
    return (const uint64_t *)table->keys.data + (size_t)number * table->plan->nwords;
}

#endif
