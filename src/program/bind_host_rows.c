/*
 * HOST calls that no lookup answers: of several arguments, or of one with too many values.  The
 * pipeline is closed with their arguments as further outputs, the executor has the host called for
 * each row of its result, and the next pipeline reads that result with the answers behind it.  What
 * a call reads may contain calls, so this is done from the inside out.
 */
#include <string.h>

#include "program/bind_node.h"

typedef struct Calls {
    TqpBinder *b;
    const TqpBindOpen *o;
    const TqpExpr **calls; /* different ones, without such a call inside */
    uint32_t n, cap;
    uint32_t first;          /* column of the first answer */
    const TqpExpr **answers; /* columns */
} Calls;

static uint32_t find(const Calls *c, const TqpExpr *e) {
    uint32_t i = 0;
    while (i < c->n && c->calls[i] != e && !tqp_ir_expr_equal(c->calls[i], e))
        i++;
    return i;
}

/* Adds the innermost calls of e; is there any? */
static bool collect(Calls *c, const TqpExpr *e) {
    TqpBinder *b = c->b;
    bool inside = false;
    for (uint32_t i = 0; i < e->nargs && b->status == TQP_OK; i++)
        inside |= collect(c, e->args[i]);
    if (inside || e->op != TQP_OP_HOST || b->status != TQP_OK)
        return inside;
    if (find(c, e) < c->n)
        return true;
    if (tqp_bind_host_looks_up(b, tqp_bind_substitute(b, e, c->o->env)))
        return false;
    c->calls = tqp_bind_grow(b, c->calls, c->n, &c->cap, sizeof(*c->calls));
    if (b->status == TQP_OK)
        c->calls[c->n++] = e;
    return true;
}

static const TqpExpr *answer(TqpArena *a, const TqpExpr *e, void *arg) {
    const Calls *c = arg;
    uint32_t i = e->op == TQP_OP_HOST ? find(c, e) : c->n;
    (void)a;
    return i < c->n ? c->answers[i] : e;
}

/* The column of an answer: nothing is known of it but its type. */
static TqpSlot result_slot(TqpType type) {
    TqpInt128 min, max;
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_INT:
        tqp_type_range(type, &min, &max);
        return tqp_bind_int_slot(type, tqp_bind_fits_i64(min, max) ? TQP_LANE_I64 : TQP_LANE_I128,
                                 0, TQP_NO_REG, TQP_NO_REG, min, max)
            .s;
    case TQP_CLASS_FLOAT:
        return tqp_bind_slot(type, type.kind == TQP_TYPE_F32 ? TQP_LANE_F32 : TQP_LANE_F64,
                             TQP_NO_REG, TQP_NO_REG)
            .s;
    case TQP_CLASS_BOOL:
        return tqp_bind_slot(type, TQP_LANE_MASK, TQP_NO_REG, TQP_NO_REG).s;
    default:
        return tqp_bind_slot(type, TQP_LANE_VIEW, TQP_NO_REG, TQP_NO_REG).s;
    }
}

/* The pipeline's outputs and the calls' arguments; *hosts say which these are. */
static void add_arguments(const Calls *c, TqpBindOpen *e, TqpHostCall *hosts) {
    TqpBinder *b = c->b;
    uint32_t n = e->noutputs, room = n;
    for (uint32_t i = 0; i < c->n; i++)
        room += c->calls[i]->nargs - 1;
    const TqpExpr **env = tqp_bind_zalloc(b, (room + 1) * sizeof(*env));
    TqpType *types = tqp_bind_zalloc(b, (room + c->n + 1) * sizeof(*types));
    for (uint32_t i = 0; i < n && b->status == TQP_OK; i++) {
        env[i] = e->env[i];
        types[i] = e->types[i];
    }
    for (uint32_t i = 0; i < c->n && b->status == TQP_OK; i++) {
        const TqpExpr *call = c->calls[i];
        uint32_t *args = tqp_bind_zalloc(b, call->nargs * sizeof(*args));
        for (uint32_t k = 1; k < call->nargs && b->status == TQP_OK; k++) {
            args[k - 1] = n;
            types[n] = call->args[k]->type;
            env[n++] = tqp_bind_substitute(b, call->args[k], c->o->env);
        }
        hosts[i] = (TqpHostCall){.function = (uint32_t)call->args[0]->value.i,
                                 .nargs = call->nargs - 1,
                                 .args = args,
                                 .result = result_slot(call->type)};
    }
    e->noutputs = n;
    e->env = env;
    e->types = types;
    for (uint32_t i = 0; i < c->n && b->status == TQP_OK; i++)
        types[n + i] = c->calls[i]->type;
}

static void add_answers(TqpBinder *b, const Calls *c, const TqpHostCall *hosts, TqpBindRows *rows) {
    TqpBindColumn *columns = tqp_bind_zalloc(b, (rows->ncolumns + c->n) * sizeof(*columns));
    if (b->status != TQP_OK)
        return;
    memcpy(columns, rows->columns, rows->ncolumns * sizeof(*columns));
    for (uint32_t i = 0; i < c->n; i++)
        columns[rows->ncolumns++] = (TqpBindColumn){.s = hosts[i].result, .nullable = true};
    rows->columns = columns;
}

/* Close, call, read. */
static void call_hosts(Calls *c, TqpBindOpen *o) {
    TqpBinder *b = c->b;
    TqpHostCall *hosts = tqp_bind_zalloc(b, c->n * sizeof(*hosts));
    TqpBindOpen extended = *o;
    TqpBindRows rows;
    c->answers = tqp_bind_zalloc(b, c->n * sizeof(*c->answers));
    if (b->status != TQP_OK)
        return;
    if (!o->limited)
        extended.limit = -1;
    add_arguments(c, &extended, hosts);
    extended.nhosts = c->n;
    extended.hosts = hosts;
    c->first = extended.noutputs;
    if (b->status == TQP_OK)
        tqp_bind_collect(b, &extended, NULL, &rows);
    if (b->status == TQP_OK)
        add_answers(b, c, hosts, &rows);
    if (b->status != TQP_OK)
        return;
    uint32_t noutputs = o->noutputs;
    const TqpType *types = o->types;
    tqp_bind_read(b, &rows, o);
    o->noutputs = noutputs;
    o->types = types;
    for (uint32_t i = 0; i < c->n && b->status == TQP_OK; i++)
        c->answers[i] = tqp_ir_col(b->a, c->first + i, c->calls[i]->type);
}

void tqp_bind_host_rows(TqpBinder *b, TqpBindOpen *o, uint32_t n, const TqpExpr **exprs) {
    /* Nesting is bounded, and each round takes the innermost. */
    for (bool more = true; more && b->status == TQP_OK;) {
        Calls c = {.b = b, .o = o};
        more = false;
        for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
            more |= collect(&c, exprs[i]);
        if (!more || b->status != TQP_OK)
            return;
        if (b->options.host == NULL) {
            tqp_bind_fail(b, TQP_UNSUPPORTED, "function of the host");
            return;
        }
        call_hosts(&c, o);
        for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
            if ((exprs[i] = tqp_ir_expr_map(b->a, exprs[i], answer, &c)) == NULL)
                tqp_bind_fail(b, TQP_NO_MEMORY, "no memory for the program");
    }
}
