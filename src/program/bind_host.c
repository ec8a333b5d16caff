/*
 * HOST: a function that only the host can evaluate, of a value with few distinct values.  The host
 * is asked at bind, once per dictionary code or per integer of the range, and the answers become a
 * lookup tensor.
 */
#include "base/bitmap.h"
#include "program/bind.h"

#define CHUNK     1024       /* values per call of the host */
#define CODES_MAX (1u << 20) /* beyond, asking costs more than a scan saves */

/* The codes that the function is looked up by, and what it gives for them. */
typedef struct Answers {
    TqpBindTable codes;
    const TqpBound *x; /* the argument */
    TqpType type;      /* of the result */
    uint32_t n, entries;
    uint64_t *valid; /* by code */
    uint32_t nnull;
    uint64_t *truths; /* BOOL, by code; the others by i, of code lo + i */
    int64_t *ints;
    double *floats; /* by code */
    TqpView *strings;
} Answers;

bool tqp_bind_host_looks_up(TqpBinder *b, const TqpExpr *e) {
    TqpBindTable codes;
    if (e->nargs != 2 || e->type.kind == TQP_TYPE_NUM || e->type.kind == TQP_TYPE_F32 ||
        tqp_ir_expr_may_raise(e->args[1]))
        return false;
    TqpBound x = tqp_bind_expr(b, e->args[1]);
    if (x.is_const || b->status != TQP_OK || b->source.max_rows == 0)
        return true;
    if (tqp_bind_is_dict(&x))
        return x.s.dict->count <= CODES_MAX;
    return x.s.has_range && tqp_bind_narrow_codes(b, &x, &codes);
}

static bool find_codes(TqpBinder *b, const TqpBound *x, Answers *a) {
    if (tqp_bind_is_dict(x)) {
        a->n = a->entries = x->s.dict->count;
        a->codes = (TqpBindTable){.reg = x->s.reg, .lane = x->s.lane, .hi = a->n - 1};
    } else if (x->s.has_range && tqp_bind_narrow_codes(b, x, &a->codes)) {
        a->n = a->codes.hi - a->codes.lo + 1;
        a->entries = tqp_bind_table_entries(&a->codes);
    } else {
        tqp_bind_fail(b, TQP_UNSUPPORTED, "function of PostgreSQL over too many values");
        return false;
    }
    if (a->n > CODES_MAX)
        tqp_bind_fail(b, TQP_UNSUPPORTED, "function of PostgreSQL over %u values", a->n);
    return b->status == TQP_OK;
}

static void allocate(TqpBinder *b, Answers *a) {
    size_t bitmap = (tqp_bitmap_words(a->entries) + 1) * sizeof(uint64_t);
    a->valid = tqp_bind_zalloc(b, bitmap);
    switch (tqp_type_class(a->type.kind)) {
    case TQP_CLASS_BOOL:
        a->truths = tqp_bind_zalloc(b, bitmap);
        break;
    case TQP_CLASS_INT:
        a->ints = tqp_bind_zalloc(b, a->n * sizeof(*a->ints));
        break;
    case TQP_CLASS_FLOAT:
        a->floats = tqp_bind_zalloc(b, a->entries * sizeof(*a->floats));
        break;
    case TQP_CLASS_TEXT:
        a->strings = tqp_bind_zalloc(b, a->n * sizeof(*a->strings));
        break;
    }
}

static TqpValue value_of(const Answers *a, uint32_t i) {
    if (tqp_bind_is_dict(a->x))
        return (TqpValue){.s = tqp_dict_view(a->x->s.dict, i)};
    return (TqpValue){.i = tqp_bind_code_value(a->x, &a->codes, i)};
}

/* What a NULL answer leaves in its place keeps the range of the others. */
static void store(Answers *a, uint32_t i, const TqpValue *v) {
    uint32_t code = a->codes.lo + i;
    a->nnull += v->is_null;
    if (!v->is_null)
        tqp_bitmap_set(a->valid, code);
    if (a->truths != NULL && !v->is_null && v->b)
        tqp_bitmap_set(a->truths, code);
    if (a->ints != NULL)
        a->ints[i] = !v->is_null ? (int64_t)v->i : i > 0 ? a->ints[i - 1] : 0;
    if (a->floats != NULL)
        a->floats[code] = v->is_null ? 0 : v->f;
    if (a->strings != NULL)
        a->strings[i] = v->is_null ? tqp_view("", 0) : v->s;
}

static bool ask(TqpBinder *b, uint32_t function, uint32_t n, const TqpValue *in, TqpValue *out) {
    TqpStatus status = TQP_UNSUPPORTED;
    if (b->options.host == NULL)
        tqp_bind_fail(b, status, "function of the host");
    else if ((status = b->options.host(b->options.host_arg, function, b->a, 1, n, in, out,
                                       b->err)) != TQP_OK)
        b->status = status;
    return status == TQP_OK;
}

static void ask_all(TqpBinder *b, uint32_t function, Answers *a) {
    TqpValue *in = tqp_bind_zalloc(b, CHUNK * sizeof(*in));
    TqpValue *out = tqp_bind_zalloc(b, CHUNK * sizeof(*out));
    for (uint32_t from = 0; from < a->n && b->status == TQP_OK; from += CHUNK) {
        uint32_t n = a->n - from < CHUNK ? a->n - from : CHUNK;
        for (uint32_t i = 0; i < n; i++)
            in[i] = value_of(a, from + i);
        if (!ask(b, function, n, in, out))
            return;
        for (uint32_t i = 0; i < n; i++)
            store(a, from + i, &out[i]);
    }
}

/* The argument's validity less the codes with a NULL answer. */
static uint16_t answer_validity(TqpBinder *b, const Answers *a) {
    TqpBound codes = tqp_bind_slot(a->x->s.type, a->codes.lane, a->codes.reg, a->x->s.valid);
    if (a->nnull == 0)
        return a->x->s.valid;
    TqpBound known = tqp_bind_code_set(b, &codes, a->valid, a->entries);
    return tqp_bind_true_mask(b, &known);
}

static TqpBound looked_up(TqpBinder *b, const Answers *a) {
    const TqpBindTable *c = &a->codes;
    uint16_t valid = answer_validity(b, a);
    if (a->truths != NULL) {
        TqpBound codes = tqp_bind_slot(a->x->s.type, c->lane, c->reg, valid);
        return tqp_bind_code_set(b, &codes, a->truths, a->entries);
    }
    if (a->strings != NULL)
        return tqp_bind_code_strings(b, c->lane, c->reg, c->lo, a->n, a->entries, valid, a->type,
                                     a->strings);
    if (a->floats != NULL)
        return tqp_bind_slot(
            a->type, TQP_LANE_F64,
            tqp_bind_lut(b, TQP_STEP_LUT_F64, c->lane, c->reg, a->floats, a->entries, TQP_LANE_F64),
            valid);
    TqpLane lane;
    int64_t bias;
    TqpBindRange r;
    uint16_t reg =
        tqp_bind_lut_ints(b, c->lane, c->reg, c->lo, a->n, a->ints, a->entries, &lane, &bias, &r);
    return tqp_bind_int_slot(a->type, lane, bias, reg, valid, r.min, r.max);
}

TqpBound tqp_bind_op_host(TqpBinder *b, const TqpExpr *e) {
    uint32_t function = (uint32_t)e->args[0]->value.i;
    if (e->nargs > 2)
        return tqp_bind_fail(b, TQP_UNSUPPORTED,
                             "function of PostgreSQL in the condition of a join");
    TqpBound x = tqp_bind_expr(b, e->args[1]);
    Answers a = {.x = &x, .type = e->type};
    if (e->type.kind == TQP_TYPE_NUM || e->type.kind == TQP_TYPE_F32)
        return tqp_bind_fail(b, TQP_UNSUPPORTED, "function of the host that gives this type");
    if (tqp_bind_is_null(&x) || b->status != TQP_OK || b->source.max_rows == 0)
        return tqp_bind_null(e->type);
    if (x.is_const) {
        TqpValue out;
        return ask(b, function, 1, &x.c, &out) ? tqp_bind_const(e->type, &out)
                                               : tqp_bind_null(e->type);
    }
    if (!find_codes(b, &x, &a))
        return tqp_bind_null(e->type);
    allocate(b, &a);
    ask_all(b, function, &a);
    if (b->status != TQP_OK || a.nnull == a.n)
        return tqp_bind_null(e->type);
    return looked_up(b, &a);
}
