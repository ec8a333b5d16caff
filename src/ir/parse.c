/*
 * IR from text, by recursive descent over the grammar of doc/ir.md.  Types are derived and checked
 * on the way, columns by tqp_ir_check at the end.  Any input is safe: nesting is bounded and memory
 * is a small multiple of the text's length.
 */
#include "ir/parse.h"

static TqpStatus parse_node(Parser *p, const TqpNode **out);

static TqpStatus parse_exprs(Parser *p, List *list) {
    TQP_TRY(expect(p, TQP_TOKEN_OPEN, "a list of expressions"));
    while (!at(p, TQP_TOKEN_CLOSE)) {
        const TqpExpr *e;
        TQP_TRY(tqp_ir_parse_expr(p, &e));
        TQP_TRY(list_add(p, list, &e, sizeof(e)));
    }
    return next(p);
}

/* After "(unique" or "(not_null". */
static TqpStatus parse_set(Parser *p, List *sets) {
    List columns = {0};
    TQP_TRY(next(p));
    while (!at(p, TQP_TOKEN_CLOSE)) {
        uint32_t column = 0;
        TQP_TRY(parse_index(p, &column));
        TQP_TRY(list_add(p, &columns, &column, sizeof(column)));
    }
    TqpUnique unique = {columns.n, columns.items};
    TQP_TRY(list_add(p, sets, &unique, sizeof(unique)));
    return next(p);
}

static TqpStatus parse_scan(Parser *p, const TqpNode **out) {
    List names = {0}, types = {0}, uniques = {0}, not_null = {0};
    uint32_t relation = 0;
    TQP_TRY(parse_index(p, &relation));
    const char *name = p->lex.token.text;
    TQP_TRY(expect(p, TQP_TOKEN_STRING, "a name in quotes"));
    while (at(p, TQP_TOKEN_OPEN)) {
        TqpType type;
        TQP_TRY(next(p));
        if (at_word(p, "unique")) {
            TQP_TRY(parse_set(p, &uniques));
            continue;
        }
        if (at_word(p, "not_null")) {
            not_null.n = 0;
            TQP_TRY(parse_set(p, &not_null));
            continue;
        }
        const char *column = p->lex.token.text;
        TQP_TRY(expect(p, TQP_TOKEN_STRING, "a column name in quotes"));
        TQP_TRY(parse_type(p, &type));
        TQP_TRY(expect(p, TQP_TOKEN_CLOSE, ")"));
        TQP_TRY(list_add(p, &names, &column, sizeof(column)));
        TQP_TRY(list_add(p, &types, &type, sizeof(type)));
    }
    *out = tqp_ir_scan(p->lex.arena, relation, name, names.n, names.items, types.items);
    if (uniques.n > 0)
        *out = tqp_ir_scan_unique(p->lex.arena, *out, uniques.n, uniques.items);
    const TqpUnique *set = not_null.items;
    if (not_null.n > 0)
        *out = tqp_ir_scan_not_null(p->lex.arena, *out, set->ncolumns, set->columns);
    return TQP_OK;
}

static TqpStatus parse_values(Parser *p, const TqpNode **out) {
    List types = {0}, exprs = {0};
    uint32_t nrows = 0;
    TQP_TRY(expect(p, TQP_TOKEN_OPEN, "a list of types"));
    while (!at(p, TQP_TOKEN_CLOSE)) {
        TqpType type;
        TQP_TRY(parse_type(p, &type));
        TQP_TRY(list_add(p, &types, &type, sizeof(type)));
    }
    TQP_TRY(next(p));
    for (; at(p, TQP_TOKEN_OPEN); nrows++) {
        uint32_t before = exprs.n;
        size_t where = p->lex.token.at;
        TQP_TRY(parse_exprs(p, &exprs));
        if (exprs.n - before != types.n)
            return tqp_error_set(p->lex.err, TQP_INVALID, "at byte %zu: a row of %u values", where,
                                 exprs.n - before);
    }
    *out = tqp_ir_values(p->lex.arena, types.n, types.items, nrows, exprs.items);
    return TQP_OK;
}

static TqpStatus parse_any_join(Parser *p, bool dependent, const TqpNode **out) {
    TqpJoinKind kind;
    const TqpExpr *pred;
    const TqpNode *left, *right;
    if (!at(p, TQP_TOKEN_ATOM) || !tqp_ir_join_parse(p->lex.token.text, p->lex.token.len, &kind))
        return syntax(p, "a kind of join");
    TQP_TRY(next(p));
    TQP_TRY(tqp_ir_parse_expr(p, &pred));
    TQP_TRY(parse_node(p, &left));
    TQP_TRY(parse_node(p, &right));
    *out = tqp_ir_join(p->lex.arena, kind, dependent, left, right, pred);
    return TQP_OK;
}

static TqpStatus parse_join(Parser *p, const TqpNode **out) {
    return parse_any_join(p, false, out);
}

static TqpStatus parse_dependent(Parser *p, const TqpNode **out) {
    return parse_any_join(p, true, out);
}

static TqpStatus parse_append(Parser *p, const TqpNode **out) {
    const TqpNode *first, *second;
    TQP_TRY(parse_node(p, &first));
    TQP_TRY(parse_node(p, &second));
    *out = tqp_ir_append(p->lex.arena, first, second);
    return TQP_OK;
}

static TqpStatus parse_filter(Parser *p, const TqpNode **out) {
    const TqpExpr *pred;
    const TqpNode *input;
    TQP_TRY(tqp_ir_parse_expr(p, &pred));
    TQP_TRY(parse_node(p, &input));
    *out = tqp_ir_filter(p->lex.arena, input, pred);
    return TQP_OK;
}

static TqpStatus parse_project(Parser *p, const TqpNode **out) {
    List exprs = {0};
    const TqpNode *input;
    TQP_TRY(parse_exprs(p, &exprs));
    TQP_TRY(parse_node(p, &input));
    *out = tqp_ir_project(p->lex.arena, input, exprs.n, exprs.items);
    return TQP_OK;
}

/* The argument and the filter, whichever are there. */
static TqpStatus parse_agg_inputs(Parser *p, TqpAgg *agg) {
    while (at(p, TQP_TOKEN_OPEN)) {
        Parser ahead = *p;
        TQP_TRY(next(&ahead));
        if (!at_word(&ahead, "where")) {
            if (agg->arg != NULL || agg->filter != NULL)
                return syntax(p, "a type");
            TQP_TRY(tqp_ir_parse_expr(p, &agg->arg));
            continue;
        }
        if (agg->filter != NULL)
            return syntax(p, "a type");
        *p = ahead;
        TQP_TRY(next(p));
        TQP_TRY(tqp_ir_parse_expr(p, &agg->filter));
        TQP_TRY(expect(p, TQP_TOKEN_CLOSE, ")"));
    }
    return TQP_OK;
}

static TqpStatus parse_agg(Parser *p, TqpAgg *agg) {
    *agg = (TqpAgg){0};
    TQP_TRY(enter(p));
    size_t where = p->lex.token.at;
    if (!at(p, TQP_TOKEN_ATOM) ||
        !tqp_ir_agg_parse(p->lex.token.text, p->lex.token.len, &agg->func))
        return syntax(p, "an aggregate");
    TQP_TRY(next(p));
    TQP_TRY(accept_word(p, "distinct", &agg->distinct));
    TQP_TRY(parse_agg_inputs(p, agg));
    TqpError why = {0};
    TqpStatus status = tqp_ir_agg_type(agg->func, agg->arg, &agg->type, &why);
    if (status != TQP_OK)
        return misfit(p, where, status, &why);
    if (at(p, TQP_TOKEN_ATOM))
        TQP_TRY(parse_type(p, &agg->type));
    return leave(p);
}

static TqpStatus parse_aggregate(Parser *p, const TqpNode **out) {
    List keys = {0}, aggs = {0};
    const TqpNode *input;
    TQP_TRY(parse_exprs(p, &keys));
    TQP_TRY(expect(p, TQP_TOKEN_OPEN, "a list of aggregates"));
    while (!at(p, TQP_TOKEN_CLOSE)) {
        TqpAgg agg;
        TQP_TRY(parse_agg(p, &agg));
        TQP_TRY(list_add(p, &aggs, &agg, sizeof(agg)));
    }
    TQP_TRY(next(p));
    TQP_TRY(parse_node(p, &input));
    *out = tqp_ir_aggregate(p->lex.arena, input, keys.n, keys.items, aggs.n, aggs.items);
    return TQP_OK;
}

static TqpStatus parse_sort_key(Parser *p, TqpSortKey *key) {
    bool found;
    *key = (TqpSortKey){0};
    TQP_TRY(enter(p));
    TQP_TRY(tqp_ir_parse_expr(p, &key->expr));
    TQP_TRY(accept_word(p, "desc", &key->descending));
    if (!key->descending) {
        TQP_TRY(accept_word(p, "asc", &found));
        if (!found)
            return syntax(p, "asc or desc");
    }
    TQP_TRY(accept_word(p, "nulls_first", &key->nulls_first));
    if (!key->nulls_first) {
        TQP_TRY(accept_word(p, "nulls_last", &found));
        if (!found)
            return syntax(p, "nulls_first or nulls_last");
    }
    return leave(p);
}

static TqpStatus parse_sorted(Parser *p, List *keys, const TqpNode **input) {
    for (;;) { /* a key begins with two parentheses, the input with one */
        Parser ahead = *p;
        TQP_TRY(next(&ahead));
        if (!at(p, TQP_TOKEN_OPEN) || !at(&ahead, TQP_TOKEN_OPEN))
            break;
        TqpSortKey key;
        TQP_TRY(parse_sort_key(p, &key));
        TQP_TRY(list_add(p, keys, &key, sizeof(key)));
    }
    return parse_node(p, input);
}

static TqpStatus parse_sort(Parser *p, const TqpNode **out) {
    List keys = {0};
    const TqpNode *input;
    TQP_TRY(parse_sorted(p, &keys, &input));
    *out = tqp_ir_sort(p->lex.arena, input, keys.n, keys.items);
    return TQP_OK;
}

static TqpStatus parse_number(Parser *p, const TqpNode **out) {
    List keys = {0};
    const TqpNode *input;
    uint32_t npartition = 0;
    TQP_TRY(parse_index(p, &npartition));
    TQP_TRY(parse_sorted(p, &keys, &input));
    *out = tqp_ir_number(p->lex.arena, input, npartition, keys.n, keys.items);
    return TQP_OK;
}

static TqpStatus parse_limit(Parser *p, const TqpNode **out) {
    const TqpExpr *bounds[2] = {NULL, NULL};
    const TqpNode *input;
    for (int i = 0; i < 2; i++) {
        bool absent;
        TQP_TRY(accept_word(p, "_", &absent));
        if (!absent)
            TQP_TRY(tqp_ir_parse_expr(p, &bounds[i]));
    }
    TQP_TRY(parse_node(p, &input));
    *out = tqp_ir_limit(p->lex.arena, input, bounds[0], bounds[1]);
    return TQP_OK;
}

static TqpStatus parse_with(Parser *p, const TqpNode **out) {
    Definition *d = tqp_arena_zalloc(p->lex.arena, sizeof(*d));
    const TqpNode *body;
    if (d == NULL)
        return no_memory(p);
    TQP_TRY(parse_index(p, &d->number));
    TQP_TRY(parse_node(p, &d->node));
    d->around = p->definitions;
    p->definitions = d;
    TQP_TRY(parse_node(p, &body));
    p->definitions = d->around;
    *out = tqp_ir_with(p->lex.arena, d->number, d->node, body);
    return TQP_OK;
}

static TqpStatus parse_shared(Parser *p, const TqpNode **out) {
    uint32_t number = 0;
    const Definition *d = p->definitions;
    size_t where = p->lex.token.at;
    TQP_TRY(parse_index(p, &number));
    while (d != NULL && d->number != number)
        d = d->around;
    if (d == NULL)
        return tqp_error_set(p->lex.err, TQP_INVALID, "at byte %zu: no with %u is around", where,
                             number);
    *out = tqp_ir_shared(p->lex.arena, number, d->node);
    return TQP_OK;
}

static const struct {
    const char *name;
    TqpStatus (*parse)(Parser *p, const TqpNode **out);
} node_forms[] = {
    {"scan", parse_scan},       {"values", parse_values},       {"join", parse_join},
    {"append", parse_append},   {"dependent", parse_dependent}, {"filter", parse_filter},
    {"project", parse_project}, {"aggregate", parse_aggregate}, {"sort", parse_sort},
    {"number", parse_number},   {"limit", parse_limit},         {"with", parse_with},
    {"shared", parse_shared},
};

static TqpStatus parse_node(Parser *p, const TqpNode **out) {
    TQP_TRY(enter(p));
    for (size_t i = 0; i < sizeof(node_forms) / sizeof(node_forms[0]); i++) {
        if (!at_word(p, node_forms[i].name))
            continue;
        TQP_TRY(next(p));
        TQP_TRY(node_forms[i].parse(p, out));
        if (*out == NULL)
            return no_memory(p);
        return leave(p);
    }
    return syntax(p, "a node");
}

TqpStatus tqp_ir_parse(TqpArena *a, const char *text, const TqpNode **node, TqpError *err) {
    Parser p = {.lex = {.arena = a, .source = text, .err = err}};
    *node = NULL;
    TQP_TRY(next(&p));
    const TqpNode *parsed = NULL;
    TQP_TRY(parse_node(&p, &parsed));
    if (!at(&p, TQP_TOKEN_END))
        return syntax(&p, "the end");
    TQP_TRY(tqp_ir_check(parsed, err));
    *node = parsed;
    return TQP_OK;
}
