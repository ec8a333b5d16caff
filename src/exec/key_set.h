/*
 * The keys that one state has seen, as a set that is cheap to add to however many there are: a
 * table as long as that stays in the caches, else lists by parts of the hash, whose duplicates are
 * found part by part, which does.
 *
 * An entry of a list is the key's words and, where these are several, its hash.  Keys may hold a
 * group (the plan's extra field), which can be renumbered: the hash of (value, group) is a sum.
 */
#ifndef TQP_EXEC_KEY_SET_H
#define TQP_EXEC_KEY_SET_H

#include "exec/keys.h"

#define TQP_SET_PARTS 256u

/* Entries by parts: those of part p are [begin[p], begin[p + 1]). */
typedef struct TqpKeyRun {
    TqpBuffer entries;
    uint32_t begin[TQP_SET_PARTS + 1];
} TqpKeyRun;

typedef struct TqpKeySet {
    const TqpKeyPlan *plan;
    TqpBroker *broker;
    uint32_t width; /* words of an entry */
    /* keys that come again soon */
    TqpKeyTable table;
    uint32_t limit;        /* keys at which it is given up or may grow */
    uint64_t stretch;      /* rows since it had .. */
    uint32_t stretch_keys; /* .. so many keys */
    uint64_t *hashes;      /* TQP_KEY_BATCH */
    uint32_t *numbers;     /* TQP_KEY_BATCH */
    /* keys that hardly ever do */
    uint64_t skip;  /* rows that pass by the table */
    TqpBuffer fill; /* entries on their way to a run */
    uint32_t nfill;
    TqpBuffer runs; /* TqpKeyRun */
    uint32_t nruns;
    uint64_t nentries;   /* of all runs */
    uint64_t compact_at; /* entries: duplicates among them are looked for */
} TqpKeySet;

/* `memory` serves as long as the set is added to: TQP_KEY_BATCH hashes and numbers. */
void tqp_key_set_init(TqpKeySet *set, const TqpKeyPlan *plan, TqpBroker *broker, uint64_t *hashes,
                      uint32_t *numbers);
void tqp_key_set_free(TqpKeySet *set);
/* n <= TQP_KEY_BATCH keys; the words are scratch. */
TqpStatus tqp_key_set_add(TqpKeySet *set, uint64_t *words, uint32_t n,
                          const TqpStop *stop) TQP_NODISCARD;
/* All keys into runs, group g as ids[g] (NULL: as it is).  Nothing is added any more. */
TqpStatus tqp_key_set_close(TqpKeySet *set, const uint32_t *ids, const TqpStop *stop) TQP_NODISCARD;
/* The keys of parts [from, to) into the table, which may have other sets' already. */
TqpStatus tqp_key_set_unite(const TqpKeySet *set, uint32_t from, uint32_t to, TqpKeyTable *table,
                            const TqpStop *stop) TQP_NODISCARD;
/* Entries in parts [from, to): keys at most. */
uint64_t tqp_key_set_entries(const TqpKeySet *set, uint32_t from, uint32_t to);

static inline uint32_t tqp_key_group(const TqpKeyPlan *plan, const uint64_t *words) {
    return plan->has_extra ? (uint32_t)(words[plan->extra_word] >> plan->extra_shift) : 0;
}

#endif
