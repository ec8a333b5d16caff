/* Private to src/store: the inside of the interner that loaders use beside its public face. */
#ifndef TQP_STORE_INTERN_H
#define TQP_STORE_INTERN_H

#include <string.h>

#include "base/hash.h"
#include "store/stage.h"

/* Most columns of few distinct values hold short strings: those hash as one integer. */
static inline uint32_t tqp_intern_hash(const char *data, uint32_t len) {
    if (len > 8)
        return (uint32_t)tqp_hash_bytes(data, len, 0);
    uint32_t a = 0, b = 0;
    if (len >= 4) {
        memcpy(&a, data, 4);
        memcpy(&b, data + len - 4, 4);
    } else if (len > 0) {
        a = (uint32_t)(unsigned char)data[0] | (uint32_t)(unsigned char)data[len / 2] << 8 |
            (uint32_t)(unsigned char)data[len - 1] << 16;
    }
    return (uint32_t)tqp_hash_u64(((uint64_t)b << 32 | a) + len * UINT64_C(0x9e3779b97f4a7c15));
}

static inline bool tqp_view_same(TqpView a, TqpView b) {
    return a.len == b.len && a.prefix == b.prefix &&
           (a.len <= 4 || memcmp(a.data + 4, b.data + 4, a.len - 4) == 0);
}

/* Byte order, as memcmp sees it, then length. */
int tqp_intern_compare_bytes(TqpView a, TqpView b);

/* ---- is a dictionary worth its while? (store/judge.c) ---- */

/* What is known when the strings of a row group arrive. */
typedef struct TqpEvidence {
    uint64_t seen;      /* distinct strings before this group, coded or postponed */
    uint64_t strings;   /* distinct strings of this group .. */
    uint64_t known;     /* .. and how many of them had been seen */
    uint64_t rows;      /* seen, these included */
    uint64_t expected;  /* rows that there will be; at least `rows` */
    uint64_t most;      /* entries that a dictionary may have */
    uint32_t postponed; /* groups that were told to wait */
    bool by_host;       /* the host's comparator orders them */
} TqpEvidence;

/* Enough repeats for a dictionary of so many entries. */
bool tqp_dict_pays(uint64_t entries, uint64_t rows, bool by_host);
TqpVerdict tqp_dict_judge(const TqpEvidence *e);

/* Hashes of the strings of postponed groups. */
typedef struct TqpSample {
    TqpBuffer slots; /* uint32_t, 0 = free */
    uint32_t nslots, count;
    uint32_t coded;  /* of them, in the dictionary by now */
    uint32_t groups; /* postponed */
    uint64_t rows;   /* of these groups */
} TqpSample;

bool tqp_sample_has(const TqpSample *s, uint32_t hash);
/* False: it would be too large. */
bool tqp_sample_add(TqpSample *s, TqpBroker *broker, uint32_t hash);

/*
 * Codes of n distinct strings that stand for `rows` rows; hashes by tqp_intern_hash.  `expected`:
 * rows that the column will have by the host's estimate, and the strings are judged; 0: whatever
 * fits is taken.  Only with TQP_DICT_YES are there codes.
 */
TqpVerdict tqp_intern_merge(TqpInterner *in, uint32_t n, const TqpView *strings,
                            const uint32_t *hashes, uint64_t rows, uint64_t expected,
                            uint32_t *codes);
/* Would they be refused, by a sample of them?  Cheap, and false while nothing was postponed. */
bool tqp_intern_hopeless(TqpInterner *in, const TqpStage *s, uint64_t expected);
/* The order of its strings will be the host's, which compares a hundred times more slowly. */
void tqp_intern_order_by_host(TqpInterner *in);
/* Rows of the base that the entries stand for already. */
void tqp_intern_add_rows(TqpInterner *in, uint64_t rows);

/* The order of strings, wanted as ranks (store/rank.c). */
typedef struct TqpRankOrder {
    uint32_t collation;
    TqpStoreCompare compare; /* NULL: bytes */
    void *host;
    const TqpHostPoll *poll; /* may be NULL: then the interner's */
} TqpRankOrder;

/*
 * Fill by_rank (count) with the codes in order; `scratch` has count entries.  The first base->count
 * views (base may be NULL) are those of base, whose order is used when it has one.
 */
TqpStatus tqp_rank_sort(const TqpView *views, uint32_t count, const TqpDict *base,
                        const TqpRankOrder *order, uint32_t *by_rank,
                        uint32_t *scratch) TQP_NODISCARD;
/* As tqp_interner_dict, cancellable. */
TqpStatus tqp_intern_freeze(TqpInterner *in, TqpArena *a, const TqpRankOrder *order, TqpDict *dict,
                            TqpError *err) TQP_NODISCARD;

#endif
