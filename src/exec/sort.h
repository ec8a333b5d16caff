/*
 * Sorting collected rows.  Keys are normalised into unsigned words whose order is the order wanted
 * (range-compressed, NULLs and DESC folded in); the first word is radix sorted, and runs of equal
 * first words are merge sorted by the further words and texts.
 */
#ifndef TQP_EXEC_SORT_H
#define TQP_EXEC_SORT_H

#include "exec/column.h"

typedef struct TqpSortInput {
    const TqpQuery *query;
    bool leader; /* the calling thread may ask the host (poll, compare) */
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

TqpStatus tqp_sort_keys(TqpSortKeys *keys, const TqpSortInput *input) TQP_NODISCARD;
void tqp_sort_keys_free(TqpSortKeys *keys);

#endif
