/*
 * What one step is, and what a kernel is given.  Kernels know tiles, not NULL: validity travels in
 * MASK registers of its own, and the binder emits the mask steps.
 */
#ifndef TQP_PROGRAM_STEP_H
#define TQP_PROGRAM_STEP_H

#include "tensor/tensor.h"

typedef enum TqpStepOp {
#define TQP_STEP(e, n, lanes, note) TQP_STEP_##e,
#include "program/steps.def"
#undef TQP_STEP
    TQP_STEP_KERNEL_COUNT,
    /* Steps that the executor itself performs. */
    TQP_STEP_LOAD = TQP_STEP_KERNEL_COUNT, /* column -> out (+ validity in out2) */
    TQP_STEP_FILTER,                       /* selection &= in[0]; may compact the tile */
    TQP_STEP_PROBE,                        /* join with a map: aux is a TqpProbe (program.h) */
    TQP_STEP_MATCH,                        /* end of a PROBE_ANY */
    TQP_STEP_FETCH, /* column of a build at rows in[0] (U32) -> out (+ validity in out2) */
    /* Likewise for rows that ORDER BY .. LIMIT can still want, by its first key in[0], validity
     * in[1]; imm[1].i: descending, imm[2].i: nulls first. */
    TQP_STEP_BOUND,
    TQP_STEP_COUNT
} TqpStepOp;

typedef union TqpScalar {
    int64_t i;   /* U8..I64 lanes, as the lane's value */
    TqpInt128 w; /* I128 */
    double f;    /* F32, F64 */
    TqpView s;   /* VIEW */
} TqpScalar;

typedef enum TqpDateField { /* extract and date_trunc units */
                            TQP_FIELD_CENTURY,
                            TQP_FIELD_DECADE,
                            TQP_FIELD_YEAR,
                            TQP_FIELD_QUARTER,
                            TQP_FIELD_MONTH,
                            TQP_FIELD_WEEK,
                            TQP_FIELD_DAY,
                            TQP_FIELD_DOW,
                            TQP_FIELD_ISODOW,
                            TQP_FIELD_DOY,
                            TQP_FIELD_ISOYEAR,
                            TQP_FIELD_HOUR,
                            TQP_FIELD_MINUTE,
                            TQP_FIELD_SECOND,      /* micro: 10^-6 s */
                            TQP_FIELD_MILLISECOND, /* 10^-3 ms */
                            TQP_FIELD_MICROSECOND,
                            TQP_FIELD_EPOCH, /* days -> s since 1970; microseconds -> 10^-6 s since
                                                1970 */
                            TQP_FIELD_COUNT
} TqpDateField;

bool tqp_date_field_parse(const char *name, uint32_t len,
                          TqpDateField *field); /* program/dates.c */

/* A LIKE pattern split at % into pieces; `_` is marked.  Compiled by program/like.c, read only. */
typedef struct TqpLikePiece {
    const char *bytes;  /* literal bytes; at a wildcard position the byte is 0 and .. */
    const uint8_t *any; /* .. any[i] = 1; NULL when the piece has no `_` */
    uint32_t len;       /* elements: bytes, a `_` counts one */
} TqpLikePiece;

typedef struct TqpLikePattern {
    bool anchored_start, anchored_end; /* no leading / trailing % */
    bool utf8;                         /* `_` matches one UTF-8 character rather than one byte */
    uint32_t npieces;
    const TqpLikePiece *pieces;
} TqpLikePattern;

/* One sum of GROUP_SUMS8: of values, or of values * (add + times * factor). */
typedef struct TqpSum {
    TqpLane lane; /* U8, U16, U32, I64; MASK: every guarded row is 1 */
    const void *values;
    uint64_t greatest;     /* >= each guarded value >= 0; 0 = not known */
    const uint8_t *factor; /* bytes; the factor is proved within 0 .. 127 where guarded */
    int32_t add, times;    /* times: 1, -1, or 0 = no factor */
} TqpSum;

/* Part of a column that will be read soon: a hint for kernels that leave the memory idle. */
typedef struct TqpAhead {
    const char *at;
    uint32_t rows, width; /* width: bytes of a value */
} TqpAhead;

/* What GROUP_SUMS8 does. */
typedef struct TqpSumPass {
    uint32_t ngroups, nsums, nahead;
    const TqpSum *sums;
    const TqpAhead *ahead;
} TqpSumPass;

/* A set of places, and how many of them come before each word of 64. */
typedef struct TqpRanks {
    const uint64_t *bits;
    const uint32_t *before;
} TqpRanks;

#define TQP_FLAG_OVERFLOW    1u
#define TQP_FLAG_DIV_BY_ZERO 2u

typedef struct TqpKernelArgs {
    uint32_t n;            /* rows of the tile */
    void *out;             /* 64-byte aligned, room for n rounded up to 64 values */
    const void *in[3];     /* readable to n rounded up to 64 values; not necessarily aligned */
    const uint64_t *guard; /* NULL = all n rows */
    TqpScalar imm[3];
    const void *aux;
    uint32_t aux_count;
    uint32_t *flags; /* sticky, |= TQP_FLAG_* */
    uint32_t *count; /* COMPRESS*, MASK_TO_INDEX: rows written */
} TqpKernelArgs;

typedef void (*TqpKernel)(const TqpKernelArgs *args);

const char *tqp_step_name(TqpStepOp op);
bool tqp_step_has_lane(TqpStepOp op, TqpLane lane); /* is (op, lane) in steps.def? */

#endif
