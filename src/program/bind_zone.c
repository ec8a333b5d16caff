/*
 * AT_ZONE: the local time of an instant.  The host lists the zone's offsets over the range of the
 * argument; one offset is an addition, several are a CASE over the instants at which they begin.
 */
#include "program/bind.h"

#define SPANS_MAX 64 /* about thirty years with summer time */

static const TqpType type_i64 = {.kind = TQP_TYPE_I64};
static const TqpType type_tstz = {.kind = TQP_TYPE_TSTZ};

/* CASE WHEN x >= the last span's beginning THEN its offset ... ELSE the first one's. */
static const TqpExpr *offset_of(TqpBinder *b, const TqpExpr *x, uint32_t n,
                                const TqpZoneSpan *spans) {
    const TqpExpr *args[2 * SPANS_MAX];
    uint32_t nargs = 0;
    for (uint32_t i = n - 1; i > 0; i--) {
        args[nargs++] = tqp_ir_call2(b->a, TQP_OP_GE, (TqpType){.kind = TQP_TYPE_BOOL}, x,
                                     tqp_ir_const_int(b->a, type_tstz, spans[i].from));
        args[nargs++] = tqp_ir_const_int(b->a, type_i64, spans[i].offset);
    }
    args[nargs++] = tqp_ir_const_int(b->a, type_i64, spans[0].offset);
    return nargs == 1 ? args[0] : tqp_ir_call(b->a, TQP_OP_CASE, type_i64, nargs, args);
}

TqpBound tqp_bind_op_at_zone(TqpBinder *b, const TqpExpr *e) {
    TqpZoneSpan spans[SPANS_MAX];
    uint32_t n = 0;
    TqpValue zone;
    TqpBound x = tqp_bind_expr(b, e->args[1]);
    if (tqp_bind_is_null(&x) || !tqp_bind_value_of(b, e->args[0], &zone) || !tqp_bind_finite(b, &x))
        return tqp_bind_null(e->type);
    if (b->options.zone == NULL || !b->options.zone(b->options.host_arg, zone.s, (int64_t)x.s.min,
                                                    (int64_t)x.s.max, SPANS_MAX, spans, &n))
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "time zone");
    const TqpExpr *local =
        tqp_ir_call2(b->a, TQP_OP_ADD, type_tstz, e->args[1], offset_of(b, e->args[1], n, spans));
    if (local == NULL)
        return tqp_bind_no_memory(b);
    TqpBound v = tqp_bind_expr(b, local);
    v.s.type = e->type;
    return v;
}
