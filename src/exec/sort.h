/*
 * Sorting collected rows.  Keys are normalised into unsigned words whose order is the order wanted
 * (range-compressed, NULLs and DESC folded in); texts by bytes count as words of eight bytes.  Word
 * after word is radix sorted within the runs that the words before leave equal; short runs, long
 * common prefixes and the host's collations are merge sorted.
 */
#ifndef TQP_EXEC_SORT_H
#define TQP_EXEC_SORT_H

#include <string.h>

#include "base/thread.h"
#include "exec/column.h"

typedef struct TqpSortInput {
    const TqpQuery *query;
    const TqpStop *stop; /* may be NULL */
    uint64_t nrows;
    const TqpColumn *columns;
    uint32_t nsort;
    const TqpSortSpec *sort;
    const uint64_t *seq; /* order of rows that are equal; NULL = as they lie */
} TqpSortInput;

/* Does comparing this column need the host's collation? */
bool tqp_sort_needs_host(const TqpSlot *slot);

/* order[i] = row of rank i; nrows of them. */
TqpStatus tqp_sort_order(const TqpSortInput *input, uint32_t *order) TQP_NODISCARD;

/*
 * number.c: of rows in that order, their numbers and ranks, each from 1 for every value of the
 * first sort columns, npartition of them.
 */
TqpStatus tqp_sort_number(const TqpSortInput *input, const uint32_t *order, uint32_t npartition,
                          uint32_t *numbers, uint32_t *ranks) TQP_NODISCARD;

/* sort_key.c: what sort.c sorts by.  Words first to last, between them texts. */
typedef struct TqpSortSegment {
    uint64_t *words;         /* nrows, or NULL: a text */
    const TqpColumn *column; /* the text, its direction below */
    bool descending;
} TqpSortSegment;

typedef struct TqpSortKeys {
    uint32_t nsegments, cap;
    TqpSortSegment *segments; /* the first one has words */
    TqpArena arena;
    TqpBuffer *buffers;
    uint32_t nbuffers;
} TqpSortKeys;

/* Text of a row; empty for NULL. */
TqpView tqp_sort_text(const TqpColumn *column, uint64_t row);

/* Eight bytes of a text from byte `at` on, as a number in the order of the bytes; 0 past its end.
 */
static inline uint64_t tqp_sort_prefix(TqpView text, uint32_t at) {
    uint64_t word = 0;
    uint32_t left = text.len > at ? text.len - at : 0;
    if (left > 0)
        memcpy(&word, text.data + at, left < 8 ? left : 8);
    return __builtin_bswap64(word);
}

TqpStatus tqp_sort_keys(TqpSortKeys *keys, const TqpSortInput *input) TQP_NODISCARD;
void tqp_sort_keys_free(TqpSortKeys *keys);

#endif
