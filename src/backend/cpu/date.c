/* Dates and timestamps; what leaves the type (infinities under EXTRACT) sets TQP_FLAG_OVERFLOW. */
#include "backend/cpu/kernel.h"
#include "program/dates.h"

INLINE void flag_overflow(const TqpKernelArgs *args, uint32_t i) {
    if (args->guard == NULL || bit(args->guard, i))
        *args->flags |= TQP_FLAG_OVERFLOW;
}

void TQP_KERNEL(EXTRACT, I64)(const TqpKernelArgs *args) {
    const InI64 *x = args->in[0];
    int64_t *out = args->out;
    TqpDateField field = (TqpDateField)args->imm[0].i;
    bool microseconds = args->imm[1].i != 0;
    for (uint32_t i = 0; i < args->n; i++)
        if (!tqp_date_extract(field, microseconds, x[i], &out[i]))
            flag_overflow(args, i);
}

void TQP_KERNEL(DATE_TRUNC, I64)(const TqpKernelArgs *args) {
    const InI64 *x = args->in[0];
    int64_t *out = args->out;
    TqpDateField field = (TqpDateField)args->imm[0].i;
    for (uint32_t i = 0; i < args->n; i++)
        if (!tqp_date_trunc(field, x[i], &out[i]))
            flag_overflow(args, i);
}

void TQP_KERNEL(ADD_MONTHS, I64)(const TqpKernelArgs *args) {
    const InI64 *x = args->in[0];
    int64_t *out = args->out;
    for (uint32_t i = 0; i < args->n; i++)
        if (!tqp_date_add_months(x[i], args->imm[0].i, &out[i]))
            flag_overflow(args, i);
}
