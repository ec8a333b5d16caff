/*
 * IR as text on one line: what a plan carries and ir/parse.c reads back to an equal graph.  Numbers
 * are exact: integers in decimal (scaled ones unscaled, dates as their integer), floats with 17
 * digits; text is quoted with \ escapes, bytes above 0x7f as they are.
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ir/ir.h"

static void print_type(TqpType type, TqpString *out) {
    char buf[32];
    tqp_type_print(type, buf);
    tqp_string_printf(out, " %s", buf);
}

static void print_quoted(const char *s, size_t len, TqpString *out) {
    tqp_string_append(out, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            tqp_string_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            tqp_string_printf(out, "\\x%02x", c);
        else
            tqp_string_append(out, &s[i], 1);
    }
    tqp_string_append(out, "\"", 1);
}

static void print_float(double f, TqpString *out) {
    if (isnan(f))
        tqp_string_append(out, "nan", 3);
    else if (isinf(f))
        tqp_string_printf(out, "%s", f > 0 ? "inf" : "-inf");
    else
        tqp_string_printf(out, "%.17g", f);
}

static void print_const(const TqpExpr *e, TqpString *out) {
    tqp_string_append(out, "(const ", 7);
    if (e->value.is_null) {
        tqp_string_append(out, "null", 4);
    } else {
        char digits[TQP_INT128_DIGITS + 1];
        switch (tqp_type_class(e->type.kind)) {
        case TQP_CLASS_BOOL:
            tqp_string_printf(out, "%s", e->value.b ? "true" : "false");
            break;
        case TQP_CLASS_INT:
            tqp_int128_print(e->value.i, digits);
            tqp_string_printf(out, "%s", digits);
            break;
        case TQP_CLASS_FLOAT:
            print_float(e->value.f, out);
            break;
        case TQP_CLASS_TEXT:
            print_quoted(e->value.s.data, e->value.s.len, out);
            break;
        }
    }
    print_type(e->type, out);
    tqp_string_append(out, ")", 1);
}

/* A type that follows from the arguments is not written. */
static bool needs_type(const TqpExpr *e) {
    TqpType derived = {0};
    if (e->op == TQP_OP_CAST || e->op == TQP_OP_EXTRACT || e->op == TQP_OP_HOST ||
        e->op == TQP_OP_NUM_DIV)
        return true;
    return tqp_ir_call_type(e->op, e->nargs, e->args, &derived, NULL) != TQP_OK ||
           !tqp_type_equal(derived, e->type);
}

void tqp_ir_print_expr(const TqpExpr *e, TqpString *out) {
    if (e->op == TQP_OP_CONST) {
        print_const(e, out);
        return;
    }
    tqp_string_printf(out, "(%s", tqp_ir_op_name(e->op));
    if (e->op == TQP_OP_OUTER)
        tqp_string_printf(out, " %" PRIu32, e->level);
    if (e->op == TQP_OP_COL || e->op == TQP_OP_OUTER || e->op == TQP_OP_PARAM)
        tqp_string_printf(out, " %" PRIu32, e->index);
    for (uint32_t i = 0; i < e->nargs; i++) {
        tqp_string_append(out, " ", 1);
        tqp_ir_print_expr(e->args[i], out);
    }
    if (e->nargs == 0 || needs_type(e))
        print_type(e->type, out);
    tqp_string_append(out, ")", 1);
}

static void print_agg(const TqpAgg *agg, TqpString *out) {
    tqp_string_printf(out, "(%s", tqp_ir_agg_name(agg->func));
    if (agg->distinct)
        tqp_string_append(out, " distinct", 9);
    if (agg->arg != NULL) {
        tqp_string_append(out, " ", 1);
        tqp_ir_print_expr(agg->arg, out);
    }
    if (agg->filter != NULL) {
        tqp_string_append(out, " (where ", 8);
        tqp_ir_print_expr(agg->filter, out);
        tqp_string_append(out, ")", 1);
    }
    print_type(agg->type, out);
    tqp_string_append(out, ")", 1);
}

static void print_exprs(uint32_t n, const TqpExpr *const *exprs, TqpString *out) {
    tqp_string_append(out, "(", 1);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            tqp_string_append(out, " ", 1);
        tqp_ir_print_expr(exprs[i], out);
    }
    tqp_string_append(out, ")", 1);
}

static void print_bound(const TqpExpr *e, TqpString *out) {
    tqp_string_append(out, " ", 1);
    if (e == NULL)
        tqp_string_append(out, "_", 1);
    else
        tqp_ir_print_expr(e, out);
}

static void print_set(const char *name, uint32_t n, const uint32_t *columns, TqpString *out) {
    tqp_string_printf(out, " (%s", name);
    for (uint32_t i = 0; i < n; i++)
        tqp_string_printf(out, " %" PRIu32, columns[i]);
    tqp_string_append(out, ")", 1);
}

static void print_scan(const TqpNode *n, TqpString *out) {
    tqp_string_printf(out, "(scan %" PRIu32 " ", n->scan.relation);
    print_quoted(n->scan.name, strlen(n->scan.name), out);
    for (uint32_t i = 0; i < n->noutputs; i++) {
        tqp_string_append(out, " (", 2);
        print_quoted(n->scan.columns[i], strlen(n->scan.columns[i]), out);
        print_type(n->types[i], out);
        tqp_string_append(out, ")", 1);
    }
    for (uint32_t i = 0; i < n->scan.nuniques; i++) {
        const TqpUnique *u = &n->scan.uniques[i];
        print_set("unique", u->ncolumns, u->columns, out);
    }
    if (n->scan.nnot_null > 0)
        print_set("not_null", n->scan.nnot_null, n->scan.not_null, out);
}

static void print_values(const TqpNode *n, TqpString *out) {
    tqp_string_append(out, "(values (", 9);
    for (uint32_t i = 0; i < n->noutputs; i++) {
        char type[32];
        tqp_type_print(n->types[i], type);
        tqp_string_printf(out, "%s%s", i > 0 ? " " : "", type);
    }
    tqp_string_append(out, ")", 1);
    for (uint32_t r = 0; r < n->values.nrows; r++) {
        tqp_string_append(out, " ", 1);
        print_exprs(n->noutputs, n->values.exprs + (size_t)r * n->noutputs, out);
    }
}

/* Everything of the node but its inputs and the closing parenthesis. */
static void print_head(const TqpNode *n, TqpString *out) {
    switch (n->kind) {
    case TQP_NODE_SCAN:
        print_scan(n, out);
        return;
    case TQP_NODE_VALUES:
        print_values(n, out);
        return;
    case TQP_NODE_JOIN:
        tqp_string_printf(out, "(%s %s ", n->join.dependent ? "dependent" : "join",
                          tqp_ir_join_name(n->join.kind));
        tqp_ir_print_expr(n->join.pred, out);
        return;
    case TQP_NODE_APPEND:
        tqp_string_append(out, "(append", 7);
        return;
    case TQP_NODE_FILTER:
        tqp_string_append(out, "(filter ", 8);
        tqp_ir_print_expr(n->filter.pred, out);
        return;
    case TQP_NODE_PROJECT:
        tqp_string_append(out, "(project ", 9);
        print_exprs(n->noutputs, n->project.exprs, out);
        return;
    case TQP_NODE_AGGREGATE:
        tqp_string_append(out, "(aggregate ", 11);
        print_exprs(n->aggregate.nkeys, n->aggregate.keys, out);
        tqp_string_append(out, " (", 2);
        for (uint32_t i = 0; i < n->aggregate.naggs; i++) {
            if (i > 0)
                tqp_string_append(out, " ", 1);
            print_agg(&n->aggregate.aggs[i], out);
        }
        tqp_string_append(out, ")", 1);
        return;
    case TQP_NODE_SORT:
    case TQP_NODE_NUMBER:
        if (n->kind == TQP_NODE_NUMBER)
            tqp_string_printf(out, "(number %u", n->sort.npartition);
        else
            tqp_string_append(out, "(sort", 5);
        for (uint32_t i = 0; i < n->sort.nkeys; i++) {
            const TqpSortKey *k = &n->sort.keys[i];
            tqp_string_append(out, " (", 2);
            tqp_ir_print_expr(k->expr, out);
            tqp_string_printf(out, " %s %s)", k->descending ? "desc" : "asc",
                              k->nulls_first ? "nulls_first" : "nulls_last");
        }
        return;
    case TQP_NODE_LIMIT:
        tqp_string_append(out, "(limit", 6);
        print_bound(n->limit.count, out);
        print_bound(n->limit.offset, out);
        return;
    case TQP_NODE_WITH:
    case TQP_NODE_SHARED:
        tqp_string_printf(out, "(%s %" PRIu32, n->kind == TQP_NODE_WITH ? "with" : "shared",
                          n->shared.number);
        return;
    case TQP_NODE_KIND_COUNT:
        return;
    }
}

void tqp_ir_print(const TqpNode *node, TqpString *out) {
    print_head(node, out);
    for (uint32_t i = 0; i < node->ninputs; i++) {
        tqp_string_append(out, " ", 1);
        tqp_ir_print(node->inputs[i], out);
    }
    tqp_string_append(out, ")", 1);
}
