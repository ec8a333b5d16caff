/*
 * Private to src/store: what a stage holds, how a chunk is laid out, and the two steps of encoding
 * (decide, emit) that the delta (tqp_stage_tensor) and the writer share.
 */
#ifndef TQP_STORE_STAGE_H
#define TQP_STORE_STAGE_H

#include "store/store.h"

/*
 * Appends go to plain growing arrays.  A null of INT class repeats the value before it, so that the
 * range of rows from the first valid one on is the range of the array; nulls themselves are a list.
 */
struct TqpStage {
    TqpType type;
    TqpTypeClass class;
    TqpBroker *broker;
    TqpStatus status;
    const char *reason;
    uint32_t nrows;
    uint32_t cap; /* rows that fit; 0 once failed, so that every append takes the slow path */
    uint32_t null_count;
    bool wide;        /* values are TqpInt128: at least one does not fit int64_t */
    TqpBuffer values; /* int64_t or TqpInt128, double, uint8_t (bool); text: nrows + 1 offsets */
    TqpBuffer nulls;  /* uint32_t rows, ascending */
    TqpBuffer text;   /* bytes of strings */
    uint64_t text_bytes;
};

#define TQP_CHUNK_PAD  TQP_TENSOR_PAD /* readable bytes after the last section of a chunk */
#define TQP_CHUNK_NONE UINT64_MAX

/* Offsets of the sections of a chunk, each 64-byte aligned, TQP_CHUNK_NONE when absent. */
typedef struct TqpChunkLayout {
    uint64_t validity, data, offsets, text;
    uint64_t bytes; /* total without the pad */
} TqpChunkLayout;

/* From encoding, lane, nrows and null_count of the tensor, and the bytes of its strings. */
void tqp_chunk_layout(const TqpTensor *tensor, uint32_t text_bytes, TqpChunkLayout *layout);
void tqp_chunk_bind(TqpTensor *tensor, const TqpChunkLayout *layout, const char *memory);

static inline uint64_t tqp_align64(uint64_t n) {
    return (n + 63) & ~UINT64_C(63);
}

/* ---- distinct strings of one group (store/distinct.c) ---- */

/* Scratch that can be used again for the next stage; zero-initialise but for the broker. */
typedef struct TqpDistinct {
    TqpBroker *broker;
    uint32_t count;   /* distinct valid strings */
    TqpBuffer ids;    /* uint32_t per row: which distinct string; 0 for nulls */
    TqpBuffer views;  /* TqpView per distinct string, into the stage */
    TqpBuffer hashes; /* uint32_t per distinct string */
    TqpBuffer codes;  /* uint32_t per distinct string: filled by the interner */
    TqpBuffer slots;  /* uint32_t: id + 1, 0 = free */
    uint32_t nslots;
} TqpDistinct;

TqpStatus tqp_distinct_find(TqpDistinct *d, const TqpStage *s) TQP_NODISCARD;
void tqp_distinct_free(TqpDistinct *d);

/* ---- encoding (store/encode.c) ---- */

typedef struct TqpEncodePlan {
    TqpTensor tensor; /* without pointers */
    uint32_t text_bytes;
    TqpChunkLayout layout;
    const TqpDistinct *distinct; /* DICT */
} TqpEncodePlan;

/* May a column's strings be codes?  LATER: they are plain for now, but may be at the end. */
typedef enum TqpVerdict { TQP_DICT_NO, TQP_DICT_LATER, TQP_DICT_YES } TqpVerdict;

/*
 * Choose the narrowest exact encoding.  `interner` NULL: strings stay plain.  `expected`: rows of
 * the column, by which a dictionary is judged (tqp_intern_merge).
 */
TqpStatus tqp_encode_plan(const TqpStage *s, TqpInterner *interner, uint64_t expected,
                          TqpDistinct *scratch, TqpEncodePlan *plan,
                          TqpVerdict *verdict) TQP_NODISCARD;
/* Write the plan's layout.bytes bytes to memory, 64-byte aligned. */
void tqp_encode_emit(const TqpStage *s, const TqpEncodePlan *plan, char *memory);

#endif
