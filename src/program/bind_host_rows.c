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
    tqp_bind_read(b, &rows, o);
    for (uint32_t i = 0; i < c->n && b->status == TQP_OK; i++)
        c->answers[i] = tqp_ir_col(b->a, c->first + i, c->calls[i]->type);
}

void tqp_bind_host_rows(TqpBinder *b, TqpBindOpen *o, uint32_t n, const TqpExpr **exprs) {
    uint32_t noutputs = o->noutputs;
    const TqpType *types = o->types;
    /* Nesting is bounded, and each round takes the innermost; it keeps what earlier ones added. */
    for (bool more = true; more && b->status == TQP_OK;) {
        Calls c = {.b = b, .o = o};
        more = false;
        for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
            more |= collect(&c, exprs[i]);
        if (!more || b->status != TQP_OK)
            break;
        if (b->options.host == NULL) {
            tqp_bind_fail(b, TQP_UNSUPPORTED, "function of the host");
            break;
        }
        call_hosts(&c, o);
        for (uint32_t i = 0; i < n && b->status == TQP_OK; i++)
            if ((exprs[i] = tqp_ir_expr_map(b->a, exprs[i], answer, &c)) == NULL)
                tqp_bind_fail(b, TQP_NO_MEMORY, "no memory for the program");
    }
    o->noutputs = noutputs;
    o->types = types;
}

static bool reads(const TqpExpr *e, uint32_t from, uint32_t to) {
    if (e->op == TQP_OP_COL && e->index >= from && e->index < to)
        return true;
    for (uint32_t i = 0; i < e->nargs; i++)
        if (reads(e->args[i], from, to))
            return true;
    return false;
}

/* Is a host called for rows in e, and is what it reads on both sides? */
static void find_hosts(const TqpExpr *e, uint32_t nleft, bool *any, bool *both) {
    TqpTypeKind kind = e->op == TQP_OP_HOST ? e->args[1]->type.kind : TQP_TYPE_TEXT;
    bool narrow = tqp_type_class(kind) == TQP_CLASS_TEXT || kind == TQP_TYPE_I16 ||
                  kind == TQP_TYPE_I32 || kind == TQP_TYPE_DATE;
    if (e->op == TQP_OP_HOST && (e->nargs > 2 || !narrow)) {
        *any = true;
        *both |= reads(e, 0, nleft) && reads(e, nleft, UINT32_MAX);
    }
    for (uint32_t i = 0; i < e->nargs; i++)
        find_hosts(e->args[i], nleft, any, both);
}

const TqpExpr *tqp_bind_without_hosts(TqpBinder *b, const TqpExpr *pred, uint32_t nleft,
                                      uint32_t *n, const TqpExpr ***hosts) {
    uint32_t nterms = pred->op == TQP_OP_AND ? pred->nargs : 1, nkept = 0;
    const TqpExpr *const *terms = pred->op == TQP_OP_AND ? pred->args : &pred;
    const TqpExpr **kept = tqp_bind_zalloc(b, nterms * sizeof(*kept));
    bool one_side = false;
    *hosts = tqp_bind_zalloc(b, nterms * sizeof(**hosts));
    for (uint32_t i = 0; i < nterms && b->status == TQP_OK; i++) {
        bool any = false, both = false;
        find_hosts(terms[i], nleft, &any, &both);
        one_side |= any && !both;
        if (any)
            (*hosts)[(*n)++] = terms[i];
        else
            kept[nkept++] = terms[i];
    }
    if (b->status != TQP_OK || *n == 0)
        return pred;
    if (nkept == 0 && one_side) /* without a key all pairs would be made */
        tqp_bind_fail(b, TQP_UNSUPPORTED, "function of PostgreSQL as the key of a join");
    const TqpExpr *rest = nkept == 0   ? tqp_ir_const_bool(b->a, true)
                          : nkept == 1 ? kept[0]
                                       : tqp_ir_call(b->a, TQP_OP_AND, pred->type, nkept, kept);
    if (rest == NULL)
        tqp_bind_fail(b, TQP_NO_MEMORY, "no memory for the program");
    return rest;
}
