/*
 * The data of the engine: logical types, physical lanes, encodings, dictionaries, tensors, and the
 * relation: an array of row groups, which is what every scan reads, be it cache, delta or the
 * result of an earlier pipeline.  Nothing here owns memory: the store, an arena or a buffer does.
 */
#ifndef TQP_TENSOR_TENSOR_H
#define TQP_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/int128.h"
#include "base/status.h"

/* A byte string by reference, not NUL-terminated.  prefix: first 4 bytes, zero padded. */
typedef struct TqpView {
    const char *data;
    uint32_t len;
    uint32_t prefix; /* as loaded by memcpy: equal prefixes are necessary for equality */
} TqpView;

typedef enum TqpLane {
#define TQP_LANE(e, n, c, b) TQP_LANE_##e,
#include "tensor/lanes.def"
#undef TQP_LANE
    TQP_LANE_COUNT
} TqpLane;

typedef enum TqpTypeKind {
#define TQP_TYPE(e, n, c) TQP_TYPE_##e,
#include "tensor/types.def"
#undef TQP_TYPE
    TQP_TYPE_COUNT
} TqpTypeKind;

typedef enum TqpTypeClass {
    TQP_CLASS_BOOL,
    TQP_CLASS_INT,
    TQP_CLASS_FLOAT,
    TQP_CLASS_TEXT
} TqpTypeClass;

typedef struct TqpType {
    TqpTypeKind kind;
    int32_t scale;      /* NUM only: digits after the point, >= 0; else 0 */
    uint32_t collation; /* text only: 0 = order by bytes, else the host's name for it (an OID) */
} TqpType;

const char *tqp_lane_name(TqpLane lane);
uint32_t tqp_lane_bytes(TqpLane lane); /* per value; 0 for MASK */
bool tqp_lane_parse(const char *name, TqpLane *lane);
TqpTypeClass tqp_type_class(TqpTypeKind kind);
const char *tqp_type_kind_name(TqpTypeKind kind);
bool tqp_type_equal(TqpType a, TqpType b);
/* "i32", "num(2)", "text(100)": at most 31 characters. Parse is the inverse. */
void tqp_type_print(TqpType type, char buf[32]);
bool tqp_type_parse(const char *s, uint32_t len, TqpType *type);
/* Least/greatest value of an INT-class type as PostgreSQL bounds it (NUM: +-10^37). */
void tqp_type_range(TqpType type, TqpInt128 *min, TqpInt128 *max);
/* The narrowest of U8, U16, U32, I64, I128 for values [min, max] minus bias (unsigned lanes need
 * min >= bias). */
TqpLane tqp_lane_for_range(TqpInt128 min, TqpInt128 max, TqpInt128 bias);

static inline TqpView tqp_view(const char *data, uint32_t len) {
    TqpView v = {data, len, 0};
    __builtin_memcpy(&v.prefix, data, len < 4 ? len : 4);
    return v;
}

/*
 * A dictionary belongs to a column of a relation; codes are stable identities.  rank[code] is the
 * position of the string in the order of the column's collation (computed by the host's own
 * comparator); equal strings have equal codes.  `ranked` is false while no order is known.
 */
typedef struct TqpDict {
    uint32_t count;
    const uint32_t *offsets; /* count + 1 */
    const char *bytes;
    const uint32_t *rank;    /* count entries, NULL = identity (sorted) */
    const uint32_t *by_rank; /* inverse permutation, NULL = identity */
    bool ranked;
} TqpDict;

static inline TqpView tqp_dict_view(const TqpDict *d, uint32_t code) {
    return tqp_view(d->bytes + d->offsets[code], d->offsets[code + 1] - d->offsets[code]);
}

/*
 * Encodings of one column in one row group:
 *  CONST  every valid row holds `base` (INT class), data NULL
 *  FOR    INT class: value = base + data[i], lane U8/U16/U32; or lane I64/I128 with base 0
 *  DICT   TEXT class: code = data[i], lane U8/U16/U32, dict set
 *  PLAIN  FLOAT class (F32/F64) and BOOL class (lane MASK: a bitmap)
 *  BYTES  TEXT class: row i is bytes[offsets[i] .. offsets[i+1])
 */
/*
 * Readable bytes after the last value, whatever they hold: kernels read whole vectors, up to the
 * next multiple of 64 values, so that a register may point into a column.
 */
#define TQP_TENSOR_PAD 1024

typedef enum TqpEncoding {
    TQP_ENC_CONST,
    TQP_ENC_FOR,
    TQP_ENC_DICT,
    TQP_ENC_PLAIN,
    TQP_ENC_BYTES
} TqpEncoding;

typedef struct TqpTensor {
    TqpEncoding encoding;
    TqpLane lane;
    uint32_t nrows;
    int64_t base;
    const void *data;        /* codes or plain values; TQP_TENSOR_PAD readable bytes follow */
    const uint32_t *offsets; /* BYTES: nrows + 1 */
    const char *bytes;       /* BYTES */
    const uint64_t
        *validity; /* bit set = valid; NULL when no row is null.  Null slots hold 0 / "" */
    const TqpDict *dict;
    /* Zone map over valid rows, exact: INT class min/max, DICT none; has_range false if all null.
     */
    bool has_range;
    TqpInt128 min, max;
    uint32_t null_count;
} TqpTensor;

typedef struct TqpRowGroup {
    uint32_t nrows;
    const uint64_t
        *row_mask;      /* rows to read; NULL = all (blocks that failed validity are masked) */
    uint32_t live_rows; /* set bits of row_mask, or nrows */
    bool from_heap;     /* delta rather than cache, for statistics */
    TqpTensor *tensors; /* ncolumns of them, in the order of the relation's columns */
} TqpRowGroup;

typedef struct TqpRelColumn {
    TqpType type;
    const TqpDict *dict; /* when every DICT tensor of the column shares it (it always does) */
} TqpRelColumn;

/*
 * The bound input of a scan: columns in the order that the IR's scan lists them.  All tensors are
 * present (zero-copy into mapped files) when the relation is handed to the binder.
 */
typedef struct TqpRelation {
    uint32_t ncolumns;
    TqpRelColumn *columns;
    uint32_t ngroups;
    TqpRowGroup *groups;
} TqpRelation;

/* Column-level summary over all row groups, what the binder chooses lanes from. */
typedef struct TqpColumnStats {
    bool has_nulls;
    bool has_range;     /* INT class, at least one valid row */
    TqpInt128 min, max; /* INT class */
    bool all_dict;      /* TEXT: every non-empty group is DICT */
    TqpLane widest;     /* widest lane among groups (FOR/DICT) */
} TqpColumnStats;

void tqp_relation_column_stats(const TqpRelation *rel, uint32_t column, TqpColumnStats *stats);

#endif
