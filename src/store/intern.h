/* Private to src/store: the inside of the interner that loaders use beside its public face. */
#ifndef TQP_STORE_INTERN_H
#define TQP_STORE_INTERN_H

#include <string.h>

#include "base/hash.h"
#include "store/store.h"

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

/*
 * Codes of n distinct strings that stand for `rows` rows; hashes by tqp_intern_hash.  With
 * `adaptive` the strings are refused unless a dictionary pays: few entries, or each used often.
 */
bool tqp_intern_merge(TqpInterner *in, uint32_t n, const TqpView *strings, const uint32_t *hashes,
                      uint64_t rows, bool adaptive, uint32_t *codes);
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
