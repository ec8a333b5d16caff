/* Dates and timestamps; what leaves the type (infinities under EXTRACT) sets TQP_FLAG_OVERFLOW. */
#include "backend/cpu/kernel.h"
#include "program/dates.h"

#define BLOCK 64

INLINE void flag_rows(const TqpKernelArgs *args, uint32_t i, uint64_t bad) {
    if (bad & guard_word(args, i >> 6))
        *args->flags |= TQP_FLAG_OVERFLOW;
}

/*
 * Days of a block of dates or timestamps; the bits of the rows outside the type, whose day is 0.
 */
INLINE uint64_t block_days(const InI64 *x, bool microseconds, uint32_t rows, int32_t days[BLOCK]) {
    const int64_t least = microseconds ? TQP_TIMESTAMP_MIN : TQP_DATE_MIN;
    const int64_t most = microseconds ? TQP_TIMESTAMP_MAX : TQP_DATE_MAX;
    int64_t outside = 0;
    for (uint32_t k = 0; k < rows; k++)
        outside |= (x[k] < least) | (x[k] > most);
    if (!outside && !microseconds) {
        for (uint32_t k = 0; k < rows; k++)
            days[k] = (int32_t)x[k];
        return 0;
    }
    uint64_t bad = 0;
    for (uint32_t k = 0; k < rows; k++) {
        bool valid = x[k] >= least && x[k] <= most;
        int64_t v = valid ? x[k] : 0;
        days[k] = (int32_t)(microseconds ? tqp_date_floor_div(v, TQP_US_PER_DAY) : v);
        bad |= (uint64_t)!valid << k;
    }
    return bad;
}

/* The fields that queries group by, in 32-bit arithmetic that vectorises. */
INLINE void extract_civil(const TqpKernelArgs *args, TqpDateField field) {
    const InI64 *x = args->in[0];
    OutI64 *out = args->out;
    bool microseconds = args->imm[1].i != 0;
    for (uint32_t i = 0; i < args->n; i += BLOCK) {
        int32_t days[BLOCK] = {0}, values[BLOCK];
        uint32_t rows = args->n - i < BLOCK ? args->n - i : BLOCK;
        uint64_t bad = microseconds ? block_days(x + i, true, rows, days)
                                    : block_days(x + i, false, rows, days);
        if (bad)
            flag_rows(args, i, bad);
        for (uint32_t k = 0; k < BLOCK; k++) {
            TqpCivil c = tqp_date_civil(days[k]);
            values[k] = field == TQP_FIELD_YEAR      ? c.year - (c.year <= 0)
                        : field == TQP_FIELD_QUARTER ? (c.month + 2) / 3
                        : field == TQP_FIELD_MONTH   ? c.month
                                                     : c.day;
        }
        for (uint32_t k = 0; k < BLOCK; k++)
            out[i + k] = values[k];
    }
}

void TQP_KERNEL(EXTRACT, I64)(const TqpKernelArgs *args) {
    const InI64 *x = args->in[0];
    OutI64 *out = args->out;
    TqpDateField field = (TqpDateField)args->imm[0].i;
    bool microseconds = args->imm[1].i != 0;
    switch (field) {
    case TQP_FIELD_YEAR:
        extract_civil(args, TQP_FIELD_YEAR);
        return;
    case TQP_FIELD_QUARTER:
        extract_civil(args, TQP_FIELD_QUARTER);
        return;
    case TQP_FIELD_MONTH:
        extract_civil(args, TQP_FIELD_MONTH);
        return;
    case TQP_FIELD_DAY:
        extract_civil(args, TQP_FIELD_DAY);
        return;
    default:
        break;
    }
    for (uint32_t i = 0; i < args->n; i++)
        if (!tqp_date_extract(field, microseconds, x[i], &out[i]))
            flag_rows(args, i, UINT64_C(1) << (i & 63));
}

void TQP_KERNEL(DATE_TRUNC, I64)(const TqpKernelArgs *args) {
    const InI64 *x = args->in[0];
    OutI64 *out = args->out;
    TqpDateField field = (TqpDateField)args->imm[0].i;
    for (uint32_t i = 0; i < args->n; i++)
        if (!tqp_date_trunc(field, x[i], &out[i]))
            flag_rows(args, i, UINT64_C(1) << (i & 63));
}

void TQP_KERNEL(ADD_MONTHS, I64)(const TqpKernelArgs *args) {
    const InI64 *x = args->in[0];
    OutI64 *out = args->out;
    for (uint32_t i = 0; i < args->n; i++)
        if (!tqp_date_add_months(x[i], args->imm[0].i, &out[i]))
            flag_rows(args, i, UINT64_C(1) << (i & 63));
}
