/*
 * IR for people: one node per line, indented, inputs below, expressions as SQL would write them.
 * Columns carry the name that the scan gave them; a computed one is shown as its expression while
 * that is short, else as # and its position.
 */
#include <inttypes.h>
#include <string.h>

#include "ir/ir.h"

enum { INLINE_SIZE = 16, INLINE_LEVELS = 3 };

/* How tightly an operator binds; an argument that binds less gets parentheses. */
enum {
    BIND_OR = 1,
    BIND_AND,
    BIND_NOT,
    BIND_IS,
    BIND_COMPARE,
    BIND_ADD,
    BIND_MUL,
    BIND_SIGN,
    BIND_ATOM
};

typedef struct Printer {
    TqpString *out;
    const TqpNode *input; /* names the columns */
    int level;            /* of inlined columns */
} Printer;

static void print_expr(const Printer *p, const TqpExpr *e, int least);

static void put(const Printer *p, const char *s) {
    tqp_string_append(p->out, s, strlen(s));
}

static void print_const(const Printer *p, const TqpExpr *e) {
    TqpTypeKind k = e->type.kind;
    bool quoted =
        !e->value.is_null && (tqp_type_class(k) == TQP_CLASS_TEXT || k == TQP_TYPE_DATE ||
                              k == TQP_TYPE_TIME || k == TQP_TYPE_TS || k == TQP_TYPE_TSTZ);
    if (!quoted) {
        tqp_ir_print_value(e->type, &e->value, p->out);
        return;
    }
    TqpString text = {0};
    tqp_ir_print_value(e->type, &e->value, &text);
    put(p, "'");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f) /* a line break would spoil the tree */
            tqp_string_printf(p->out, "\\x%02x", c);
        else
            tqp_string_append(p->out, c == '\'' ? "''" : &text.data[i], c == '\'' ? 2 : 1);
    }
    put(p, "'");
    p->out->failed |= text.failed;
    tqp_string_free(&text);
}

/* ---- columns ---- */

static void print_agg(const Printer *p, const TqpAgg *agg) {
    if (agg->func == TQP_AGG_COUNT_STAR) {
        put(p, "count(*)");
    } else {
        tqp_string_printf(p->out, "%s(%s", tqp_ir_agg_name(agg->func),
                          agg->distinct ? "distinct " : "");
        print_expr(p, agg->arg, 0);
        put(p, ")");
    }
    if (agg->filter != NULL) {
        put(p, " filter (where ");
        print_expr(p, agg->filter, 0);
        put(p, ")");
    }
}

static bool is_short(const TqpExpr *e) {
    return e == NULL || tqp_ir_expr_size(e, INLINE_SIZE, NULL) < INLINE_SIZE;
}

/* UNION ALL is named by its first input. */
static bool passes_column(const TqpNode *n, uint32_t i) {
    if (n->kind == TQP_NODE_NUMBER)
        return i < n->inputs[0]->noutputs;
    return n->kind == TQP_NODE_FILTER || n->kind == TQP_NODE_SORT || n->kind == TQP_NODE_LIMIT ||
           n->kind == TQP_NODE_APPEND;
}

static void print_column(const Printer *p, const TqpNode *n, uint32_t i, int least) {
    while (passes_column(n, i))
        n = n->inputs[0];
    while (n->kind == TQP_NODE_JOIN) { /* of its own predicate too: left columns, then right ones */
        uint32_t nleft = n->inputs[0]->noutputs;
        bool right = i >= nleft;
        n = n->inputs[right];
        i -= right ? nleft : 0;
        while (passes_column(n, i))
            n = n->inputs[0];
    }
    if (n->kind == TQP_NODE_SHARED && p->level < INLINE_LEVELS) {
        const Printer inside = {p->out, n->shared.definition, p->level + 1};
        print_column(&inside, n->shared.definition, i, least);
        return;
    }
    if (n->kind == TQP_NODE_SCAN && i < n->noutputs) {
        put(p, n->scan.columns[i]);
        return;
    }
    if (n->kind == TQP_NODE_NUMBER) {
        put(p, i == n->inputs[0]->noutputs ? "row number" : "rank");
        return;
    }
    if (n->ninputs == 0 || i >= n->noutputs) {
        tqp_string_printf(p->out, "#%" PRIu32, i + 1);
        return;
    }
    Printer below = {p->out, n->inputs[0], p->level + 1};
    bool is_agg = n->kind == TQP_NODE_AGGREGATE && i >= n->aggregate.nkeys;
    if (is_agg) {
        const TqpAgg *agg = &n->aggregate.aggs[i - n->aggregate.nkeys];
        if (p->level < INLINE_LEVELS && is_short(agg->arg) && is_short(agg->filter)) {
            print_agg(&below, agg);
            return;
        }
    } else {
        const TqpExpr *e = n->kind == TQP_NODE_PROJECT ? n->project.exprs[i] : n->aggregate.keys[i];
        if (e->op == TQP_OP_COL || (p->level < INLINE_LEVELS && is_short(e))) {
            below.level -= e->op == TQP_OP_COL;
            print_expr(&below, e, least);
            return;
        }
    }
    tqp_string_printf(p->out, "#%" PRIu32, i + 1);
}

/* ---- expressions ---- */

static void print_list(const Printer *p, uint32_t first, const TqpExpr *e, const char *between,
                       int least) {
    for (uint32_t i = first; i < e->nargs; i++) {
        if (i > first)
            put(p, between);
        print_expr(p, e->args[i], least);
    }
}

static const struct {
    int binds;
    const char *text;
} infix[TQP_OP_COUNT] = {
    [TQP_OP_OR] = {BIND_OR, " or "},
    [TQP_OP_AND] = {BIND_AND, " and "},
    [TQP_OP_EQ] = {BIND_COMPARE, " = "},
    [TQP_OP_NE] = {BIND_COMPARE, " <> "},
    [TQP_OP_LT] = {BIND_COMPARE, " < "},
    [TQP_OP_LE] = {BIND_COMPARE, " <= "},
    [TQP_OP_GT] = {BIND_COMPARE, " > "},
    [TQP_OP_GE] = {BIND_COMPARE, " >= "},
    [TQP_OP_DISTINCT] = {BIND_IS, " is distinct from "},
    [TQP_OP_LIKE] = {BIND_COMPARE, " like "},
    [TQP_OP_ADD] = {BIND_ADD, " + "},
    [TQP_OP_SUB] = {BIND_ADD, " - "},
    [TQP_OP_MUL] = {BIND_MUL, " * "},
    [TQP_OP_DIV] = {BIND_MUL, " / "},
    [TQP_OP_NUM_DIV] = {BIND_MUL, " / "},
    [TQP_OP_MOD] = {BIND_MUL, " % "},
};

static const char *const postfix[TQP_OP_COUNT] = {
    [TQP_OP_IS_NULL] = " is null",
    [TQP_OP_IS_TRUE] = " is true",
    [TQP_OP_IS_FALSE] = " is false",
};

static void print_case(const Printer *p, const TqpExpr *e) {
    put(p, "case");
    for (uint32_t i = 0; i + 1 < e->nargs; i += 2) {
        put(p, " when ");
        print_expr(p, e->args[i], 0);
        put(p, " then ");
        print_expr(p, e->args[i + 1], 0);
    }
    put(p, " else ");
    print_expr(p, e->args[e->nargs - 1], 0);
    put(p, " end");
}

static void print_call(const Printer *p, const TqpExpr *e) {
    tqp_string_printf(p->out, "%s(", tqp_ir_op_name(e->op));
    print_list(p, 0, e, ", ", 0);
    put(p, ")");
}

static int binding(const TqpExpr *e) {
    if (infix[e->op].binds != 0)
        return infix[e->op].binds;
    if (postfix[e->op] != NULL)
        return BIND_IS;
    switch (e->op) {
    case TQP_OP_NOT:
        return BIND_NOT;
    case TQP_OP_IN:
        return BIND_COMPARE;
    case TQP_OP_NEG:
        return BIND_SIGN;
    default:
        return BIND_ATOM;
    }
}

static void print_special(const Printer *p, const TqpExpr *e) {
    char type[32];
    switch (e->op) {
    case TQP_OP_CONST:
        print_const(p, e);
        return;
    case TQP_OP_PARAM:
        tqp_string_printf(p->out, "$%" PRIu32, e->index);
        return;
    case TQP_OP_OUTER:
        tqp_string_printf(p->out, "outer%" PRIu32 ".#%" PRIu32, e->level, e->index + 1);
        return;
    case TQP_OP_CASE:
        print_case(p, e);
        return;
    case TQP_OP_NOT:
        put(p, "not ");
        print_expr(p, e->args[0], BIND_NOT);
        return;
    case TQP_OP_NEG:
        put(p, "- ");
        print_expr(p, e->args[0], BIND_ATOM);
        return;
    case TQP_OP_IN:
        print_expr(p, e->args[0], BIND_COMPARE + 1);
        put(p, " in (");
        print_list(p, 1, e, ", ", 0);
        put(p, ")");
        return;
    case TQP_OP_CAST:
        print_expr(p, e->args[0], BIND_ATOM);
        tqp_type_print(e->type, type);
        tqp_string_printf(p->out, "::%s", type);
        return;
    default:
        print_call(p, e);
    }
}

static void print_expr(const Printer *p, const TqpExpr *e, int least) {
    if (e->op == TQP_OP_COL) {
        print_column(p, p->input, e->index, least);
        return;
    }
    int binds = binding(e);
    if (binds < least)
        put(p, "(");
    if (infix[e->op].binds != 0) {
        print_expr(p, e->args[0], binds + (binds == BIND_COMPARE || binds == BIND_IS));
        for (uint32_t i = 1; i < e->nargs; i++) {
            put(p, infix[e->op].text);
            print_expr(p, e->args[i], binds + 1);
        }
    } else if (postfix[e->op] != NULL) {
        print_expr(p, e->args[0], BIND_IS + 1);
        put(p, postfix[e->op]);
    } else {
        print_special(p, e);
    }
    if (binds < least)
        put(p, ")");
}

/* ---- nodes ---- */

static void print_scan(const Printer *p, const TqpNode *n) {
    char type[32];
    tqp_string_printf(p->out, "scan %s (", n->scan.name);
    for (uint32_t i = 0; i < n->noutputs; i++) {
        tqp_type_print(n->types[i], type);
        tqp_string_printf(p->out, "%s%s %s", i > 0 ? ", " : "", n->scan.columns[i], type);
    }
    put(p, ")");
}

static void print_values(const Printer *p, const TqpNode *n) {
    put(p, "values");
    for (uint32_t r = 0; r < n->values.nrows; r++) {
        put(p, r > 0 ? ", (" : " (");
        for (uint32_t i = 0; i < n->noutputs; i++) {
            put(p, i > 0 ? ", " : "");
            print_expr(p, n->values.exprs[(size_t)r * n->noutputs + i], 0);
        }
        put(p, ")");
    }
}

static void print_join(const Printer *p, const TqpNode *n) {
    tqp_string_printf(p->out, "%s%s join on ", n->join.dependent ? "dependent " : "",
                      tqp_ir_join_name(n->join.kind));
    print_expr(&(Printer){p->out, n, 0}, n->join.pred, 0);
}

static void print_aggregate(const Printer *p, const TqpNode *n) {
    put(p, "aggregate ");
    for (uint32_t i = 0; i < n->aggregate.naggs; i++) {
        put(p, i > 0 ? ", " : "");
        print_agg(p, &n->aggregate.aggs[i]);
    }
    if (n->aggregate.nkeys > 0)
        put(p, n->aggregate.naggs > 0 ? " by " : "by ");
    for (uint32_t i = 0; i < n->aggregate.nkeys; i++) {
        put(p, i > 0 ? ", " : "");
        print_expr(p, n->aggregate.keys[i], 0);
    }
}

static void print_sort(const Printer *p, const TqpNode *n) {
    put(p, n->kind == TQP_NODE_SORT ? "sort by "
           : n->sort.npartition > 0 ? "number rows for each "
                                    : "number rows by ");
    for (uint32_t i = 0; i < n->sort.nkeys; i++) {
        const TqpSortKey *k = &n->sort.keys[i];
        put(p, i == 0 ? "" : i == n->sort.npartition ? " by " : ", ");
        print_expr(p, k->expr, 0);
        put(p, k->descending ? " desc" : "");
        if (k->nulls_first != k->descending) /* SQL's default: NULL is greater than all */
            put(p, k->nulls_first ? " nulls first" : " nulls last");
    }
}

static void print_limit(const Printer *p, const TqpNode *n) {
    put(p, "limit ");
    if (n->limit.count == NULL)
        put(p, "all");
    else
        print_expr(p, n->limit.count, 0);
    if (n->limit.offset != NULL) {
        put(p, " offset ");
        print_expr(p, n->limit.offset, 0);
    }
}

static void print_shared(const Printer *p, const TqpNode *n) {
    tqp_string_printf(p->out, "shared %" PRIu32 " (", n->shared.number);
    for (uint32_t i = 0; i < n->noutputs; i++) {
        put(p, i > 0 ? ", " : "");
        print_column(p, n, i, 0);
    }
    put(p, ")");
}

static void print_body(const Printer *p, const TqpNode *n) {
    switch (n->kind) {
    case TQP_NODE_SCAN:
        print_scan(p, n);
        return;
    case TQP_NODE_VALUES:
        print_values(p, n);
        return;
    case TQP_NODE_JOIN:
        print_join(p, n);
        return;
    case TQP_NODE_APPEND:
        put(p, "append");
        return;
    case TQP_NODE_FILTER:
        put(p, "filter ");
        print_expr(p, n->filter.pred, 0);
        return;
    case TQP_NODE_PROJECT:
        put(p, "project ");
        for (uint32_t i = 0; i < n->noutputs; i++) {
            put(p, i > 0 ? ", " : "");
            print_expr(p, n->project.exprs[i], 0);
        }
        return;
    case TQP_NODE_AGGREGATE:
        print_aggregate(p, n);
        return;
    case TQP_NODE_SORT:
    case TQP_NODE_NUMBER:
        print_sort(p, n);
        return;
    case TQP_NODE_LIMIT:
        print_limit(p, n);
        return;
    case TQP_NODE_WITH:
        tqp_string_printf(p->out, "with %" PRIu32, n->shared.number);
        return;
    case TQP_NODE_SHARED:
        print_shared(p, n);
        return;
    case TQP_NODE_KIND_COUNT:
        return;
    }
}

static void print_below(const TqpNode *node, int depth, TqpString *out) {
    tqp_string_printf(out, "%*s", 2 * depth, "");
    print_body(&(Printer){out, node->ninputs > 0 ? node->inputs[0] : NULL, 0}, node);
    tqp_string_append(out, "\n", 1);
    for (uint32_t i = 0; i < node->ninputs; i++) /* the body of WITH stands below its definition */
        print_below(node->inputs[i], depth + !(node->kind == TQP_NODE_WITH && i == 1), out);
}

void tqp_ir_print_tree(const TqpNode *node, TqpString *out) {
    print_below(node, 0, out);
}
