/*
 * Values of attributes into stages: fixed-width types by a copy, strings after decompression,
 * numeric from its digits on disk (numeric.c) to a scaled integer.  Thread-safe.
 */
#include "postgres.h"

#include "access/toast_compression.h"
#include "common/pg_lzcompress.h"

#include "pg/decline.h"
#include "pg/deform_value.h"

#ifdef USE_LZ4
/* The server is linked with liblz4, which so is in the process; weak in case it is not. */
extern int LZ4_decompress_safe(const char *src, char *dst, int srcSize, int dstCapacity)
    __attribute__((weak));
#endif

/* numeric.c: the bits of a number's header; private there, fixed by the format on disk. */
#define NUMERIC_KIND_MASK          0xC000
#define NUMERIC_LONG_NEGATIVE      0x4000
#define NUMERIC_KIND_SHORT         0x8000
#define NUMERIC_KIND_SPECIAL       0xC000
#define NUMERIC_LONG_DSCALE_MASK   0x3FFF
#define NUMERIC_SHORT_NEGATIVE     0x2000
#define NUMERIC_SHORT_DSCALE_MASK  0x1F80
#define NUMERIC_SHORT_DSCALE_SHIFT 7
#define NUMERIC_SHORT_WEIGHT_SIGN  0x0040
#define NUMERIC_SHORT_WEIGHT_MASK  0x003F
#define NUMERIC_BASE               10000
#define NUMERIC_BASE_DIGITS        4

static const int64 small_pow10[] = {1,
                                    10,
                                    100,
                                    1000,
                                    10000,
                                    100000,
                                    1000000,
                                    10000000,
                                    100000000,
                                    INT64CONST(1000000000),
                                    INT64CONST(10000000000),
                                    INT64CONST(100000000000),
                                    INT64CONST(1000000000000),
                                    INT64CONST(10000000000000),
                                    INT64CONST(100000000000000),
                                    INT64CONST(1000000000000000)};

typedef struct Digits {
    const char *bytes; /* int16 each, not aligned */
    int count;
    int weight;   /* of the first digit, in powers of NUMERIC_BASE */
    int exponent; /* of ten, from the digits read as one integer to the scaled value */
    bool negative;
} Digits;

static inline int digit_at(const Digits *d, int i) {
    int16 digit;
    memcpy(&digit, d->bytes + i * sizeof(digit), sizeof(digit));
    return digit;
}

/* False (with the reason) when it is not a finite number of the declared scale. */
static inline bool parse_numeric(const char *data, uint32 len, int32 scale, Digits *d,
                                 const char **reason) {
    uint16 header;
    int dscale;
    uint32 header_bytes = sizeof(header);
    memcpy(&header, data, sizeof(header));
    if ((header & NUMERIC_KIND_MASK) == NUMERIC_KIND_SHORT) {
        d->negative = (header & NUMERIC_SHORT_NEGATIVE) != 0;
        dscale = (header & NUMERIC_SHORT_DSCALE_MASK) >> NUMERIC_SHORT_DSCALE_SHIFT;
        d->weight = header & NUMERIC_SHORT_WEIGHT_MASK;
        if (header & NUMERIC_SHORT_WEIGHT_SIGN)
            d->weight |= ~NUMERIC_SHORT_WEIGHT_MASK;
    } else if ((header & NUMERIC_KIND_MASK) == NUMERIC_KIND_SPECIAL) {
        *reason = tqp_decline(TQP_DECLINE_NAN);
        return false;
    } else {
        int16 weight;
        memcpy(&weight, data + sizeof(header), sizeof(weight));
        header_bytes += sizeof(weight);
        d->negative = (header & NUMERIC_LONG_NEGATIVE) != 0;
        dscale = header & NUMERIC_LONG_DSCALE_MASK;
        d->weight = weight;
    }
    if (dscale != scale) {
        *reason = "numeric of another display scale than declared";
        return false;
    }
    d->bytes = data + header_bytes;
    d->count = (int)((len - header_bytes) / sizeof(int16));
    d->exponent = NUMERIC_BASE_DIGITS * (d->weight - d->count + 1) + scale;
    return true;
}

/* Digits past the scale are zeros, so the division is exact. */
static bool wide_numeric(const Digits *d, TqpInt128 *value) {
    TqpInt128 v = 0;
    bool overflow = false;
    for (int i = 0; i < d->count && !overflow; i++)
        overflow = __builtin_mul_overflow(v, (TqpInt128)NUMERIC_BASE, &v) ||
                   __builtin_add_overflow(v, (TqpInt128)digit_at(d, i), &v);
    if (overflow || d->exponent > TQP_POW10_MAX || d->exponent < -TQP_POW10_MAX)
        return false;
    if (d->exponent >= 0)
        overflow = __builtin_mul_overflow(v, tqp_int128_pow10(d->exponent), &v);
    else
        v /= tqp_int128_pow10(-d->exponent);
    *value = d->negative ? -v : v;
    return !overflow && v < tqp_int128_pow10(TQP_POW10_MAX - 1);
}

static void stage_numeric(const TqpDeformColumn *column, const char *data, uint32 len,
                          TqpStage *stage) {
    Digits d;
    const char *reason = NULL;
    if (!parse_numeric(data, len, column->scale, &d, &reason)) {
        tqp_stage_unsupported(stage, reason);
        return;
    }
    if (d.count == 0) {
        tqp_stage_int(stage, 0);
        return;
    }
    /* Below 10^16 with up to three digits past the scale: no step can overflow. */
    if (NUMERIC_BASE_DIGITS * (d.weight + 1) + column->scale <= 15 && d.exponent >= -3) {
        int64 v = 0;
        for (int i = 0; i < d.count; i++)
            v = v * NUMERIC_BASE + digit_at(&d, i);
        v = d.exponent >= 0 ? v * small_pow10[d.exponent] : v / small_pow10[-d.exponent];
        tqp_stage_int(stage, d.negative ? -v : v);
        return;
    }
    TqpInt128 wide;
    if (wide_numeric(&d, &wide))
        tqp_stage_int128(stage, wide);
    else
        tqp_stage_unsupported(stage, "numeric beyond 10^37");
}

static bool decompress(const char *p, TqpDeformHost *host, uint32 *len) {
    uint32 raw = VARDATA_COMPRESSED_GET_EXTSIZE(p);
    int32 packed = (int32)(VARSIZE_4B(p) - VARHDRSZ_COMPRESSED);
    const char *source = p + VARHDRSZ_COMPRESSED;
    if (raw > host->scratch_bytes) {
        char *grown = realloc(host->scratch, raw);
        if (grown == NULL)
            return false;
        host->scratch = grown;
        host->scratch_bytes = raw;
    }
    *len = raw;
    switch (VARDATA_COMPRESSED_GET_COMPRESS_METHOD(p)) {
    case TOAST_PGLZ_COMPRESSION_ID:
        return pglz_decompress(source, packed, host->scratch, (int32)raw, true) == (int32)raw;
#ifdef USE_LZ4
    case TOAST_LZ4_COMPRESSION_ID:
        return LZ4_decompress_safe != NULL &&
               LZ4_decompress_safe(source, host->scratch, packed, (int)raw) == (int)raw;
#endif
    default:
        return false;
    }
}

/* The plain bytes of a varlena; NULL when they cannot be had. */
static inline const char *payload(const char *p, TqpDeformHost *host, uint32 *len) {
    if (VARATT_IS_EXTERNAL(p)) /* first: it looks like a short header too */
        return host->fetch(host->arg, p, len);
    if (VARATT_IS_SHORT(p)) {
        *len = VARSIZE_SHORT(p) - VARHDRSZ_SHORT;
        return VARDATA_SHORT(p);
    }
    if (VARATT_IS_COMPRESSED(p))
        return decompress(p, host, len) ? host->scratch : NULL;
    *len = VARSIZE_4B(p) - VARHDRSZ;
    return VARDATA_4B(p);
}

static inline void stage_varlena(const TqpDeformColumn *column, const char *p, TqpStage *stage,
                                 TqpDeformHost *host) {
    uint32 len;
    const char *data = payload(p, host, &len);
    if (data == NULL) {
        tqp_stage_unsupported(stage, "a stored value that cannot be decompressed here");
        return;
    }
    if (column->kind == TQP_TYPE_NUM) {
        stage_numeric(column, data, len, stage);
        return;
    }
    if (column->kind == TQP_TYPE_BPCHAR)
        while (len > 0 && data[len - 1] == ' ')
            len--;
    tqp_stage_text(stage, data, len);
}

static inline int64 load_int64(const char *p) {
    int64 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline int32 load_int32(const char *p) {
    int32 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline int16 load_int16(const char *p) {
    int16 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline double load_float(const char *p) {
    float v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline double load_double(const char *p) {
    double v;
    memcpy(&v, p, sizeof(v));
    return v;
}

void tqp_deform_value(const TqpDeformColumn *column, const char *p, TqpStage *stage,
                      TqpDeformHost *host) {
    switch (column->kind) {
    case TQP_TYPE_BOOL:
        tqp_stage_bool(stage, *p != 0);
        break;
    case TQP_TYPE_I16:
        tqp_stage_int(stage, load_int16(p));
        break;
    case TQP_TYPE_I32:
    case TQP_TYPE_DATE:
        tqp_stage_int(stage, load_int32(p));
        break;
    case TQP_TYPE_I64:
    case TQP_TYPE_TIME:
    case TQP_TYPE_TS:
    case TQP_TYPE_TSTZ:
        tqp_stage_int(stage, load_int64(p));
        break;
    case TQP_TYPE_F32:
        tqp_stage_float(stage, load_float(p));
        break;
    case TQP_TYPE_F64:
        tqp_stage_float(stage, load_double(p));
        break;
    default:
        if (column->len > 0)
            tqp_stage_text(stage, p, (uint32)column->len);
        else
            stage_varlena(column, p, stage, host);
    }
}
