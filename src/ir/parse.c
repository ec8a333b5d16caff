/*
 * IR from text, by recursive descent over the grammar of doc/ir.md.  Types are derived and checked
 * on the way, columns by tqp_ir_check at the end.  Any input is safe: nesting is bounded and memory
 * is a small multiple of the text's length.
 */
#include <stdlib.h>
#include <string.h>

#include "ir/lex.h"

/* A definition that nodes further on may share. */
typedef struct Definition {
    uint32_t number;
    const TqpNode *node;
    const struct Definition *around;
} Definition;

typedef struct Parser {
    TqpLexer lex;
    int depth;
    const Definition *definitions;
} Parser;

/* A growing array in the arena. */
typedef struct List {
    void *items;
    uint32_t n, cap;
} List;

static TqpStatus parse_expr(Parser *p, const TqpExpr **out);
static TqpStatus parse_node(Parser *p, const TqpNode **out);

static TqpStatus no_memory(Parser *p) {
    return tqp_error_set(p->lex.err, p->lex.arena->failed, "%s while parsing",
                         tqp_status_name(p->lex.arena->failed));
}

static TqpStatus list_add(Parser *p, List *list, const void *item, size_t size) {
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? 2 * list->cap : 4;
        void *items = tqp_arena_alloc(p->lex.arena, cap * size);
        if (items == NULL)
            return no_memory(p);
        if (list->n > 0)
            memcpy(items, list->items, list->n * size);
        list->items = items;
        list->cap = cap;
    }
    memcpy((char *)list->items + list->n++ * size, item, size);
    return TQP_OK;
}

static TqpStatus syntax(Parser *p, const char *want) {
    const TqpToken *t = &p->lex.token;
    const char *text = t->kind == TQP_TOKEN_OPEN     ? "("
                       : t->kind == TQP_TOKEN_CLOSE  ? ")"
                       : t->kind == TQP_TOKEN_END    ? "the end"
                       : t->kind == TQP_TOKEN_STRING ? "a string"
                                                     : NULL;
    if (text == NULL)
        return tqp_error_set(p->lex.err, TQP_INVALID, "at byte %zu: %.*s instead of %s", t->at,
                             (int)(t->len < 40 ? t->len : 40), t->text, want);
    return tqp_error_set(p->lex.err, TQP_INVALID, "at byte %zu: %s instead of %s", t->at, text,
                         want);
}

/* A type rule refused: say where. */
static TqpStatus misfit(Parser *p, size_t at, TqpStatus status, const TqpError *why) {
    return tqp_error_set(p->lex.err, status, "at byte %zu: %.200s", at, why->message);
}

static bool at(const Parser *p, TqpTokenKind kind) {
    return p->lex.token.kind == kind;
}

static bool at_word(const Parser *p, const char *word) {
    return at(p, TQP_TOKEN_ATOM) && p->lex.token.len == strlen(word) &&
           memcmp(p->lex.token.text, word, p->lex.token.len) == 0;
}

static TqpStatus next(Parser *p) {
    return tqp_ir_lex(&p->lex);
}

static TqpStatus expect(Parser *p, TqpTokenKind kind, const char *want) {
    return at(p, kind) ? next(p) : syntax(p, want);
}

/* The word, when it is there, is consumed. */
static TqpStatus accept_word(Parser *p, const char *word, bool *found) {
    *found = at_word(p, word);
    return *found ? next(p) : TQP_OK;
}

static TqpStatus enter(Parser *p) {
    if (++p->depth > 2 * TQP_IR_MAX_DEPTH)
        return tqp_error_set(p->lex.err, TQP_INVALID, "at byte %zu: nested too deep",
                             p->lex.token.at);
    return expect(p, TQP_TOKEN_OPEN, "(");
}

static TqpStatus leave(Parser *p) {
    p->depth--;
    return expect(p, TQP_TOKEN_CLOSE, ")");
}

static TqpStatus parse_type(Parser *p, TqpType *type) {
    if (!at(p, TQP_TOKEN_ATOM) || !tqp_type_parse(p->lex.token.text, p->lex.token.len, type))
        return syntax(p, "a type");
    return next(p);
}

static TqpStatus parse_index(Parser *p, uint32_t *index) {
    TqpInt128 value;
    if (!at(p, TQP_TOKEN_ATOM) || !tqp_int128_parse(p->lex.token.text, p->lex.token.len, &value) ||
        value < 0 || value > INT32_MAX)
        return syntax(p, "an index");
    *index = (uint32_t)value;
    return next(p);
}

static bool parse_float(const TqpToken *t, double *value) {
    char buf[64], *end;
    if (t->len == 0 || t->len >= sizeof(buf))
        return false;
    memcpy(buf, t->text, t->len);
    buf[t->len] = 0;
    *value = strtod(buf, &end);
    return *end == 0;
}

/* The token as a literal of the type. */
static bool literal(const TqpToken *t, TqpType type, TqpValue *value) {
    if (t->kind == TQP_TOKEN_STRING) {
        value->s = tqp_view(t->text, t->len);
        return tqp_type_class(type.kind) == TQP_CLASS_TEXT;
    }
    if (t->len == 4 && memcmp(t->text, "null", 4) == 0) {
        value->is_null = true;
        return true;
    }
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        value->b = t->len == 4 && memcmp(t->text, "true", 4) == 0;
        return value->b || (t->len == 5 && memcmp(t->text, "false", 5) == 0);
    case TQP_CLASS_INT:
        return tqp_int128_parse(t->text, t->len, &value->i);
    case TQP_CLASS_FLOAT:
        return parse_float(t, &value->f);
    default:
        return false;
    }
}

static TqpStatus parse_const(Parser *p, const TqpExpr **out) {
    TqpToken token = p->lex.token;
    TqpType type;
    TqpValue value = {0};
    if (token.kind != TQP_TOKEN_ATOM && token.kind != TQP_TOKEN_STRING)
        return syntax(p, "a literal");
    TQP_TRY(next(p));
    TQP_TRY(parse_type(p, &type));
    if (!literal(&token, type, &value)) {
        char name[32];
        tqp_type_print(type, name);
        return tqp_error_set(p->lex.err, TQP_INVALID, "at byte %zu: not a literal of %s", token.at,
                             name);
    }
    *out = tqp_ir_const(p->lex.arena, type, &value);
    return *out == NULL ? no_memory(p) : TQP_OK;
}

/* `where` is the operator's position, for messages. */
static TqpStatus parse_call(Parser *p, TqpOp op, size_t where, const TqpExpr **out) {
    List args = {0};
    while (at(p, TQP_TOKEN_OPEN)) {
        const TqpExpr *arg;
        TQP_TRY(parse_expr(p, &arg));
        TQP_TRY(list_add(p, &args, &arg, sizeof(arg)));
    }
    TqpType given = {0}, type;
    bool has_type = at(p, TQP_TOKEN_ATOM);
    if (has_type)
        TQP_TRY(parse_type(p, &given));
    else if (op == TQP_OP_CAST || op == TQP_OP_EXTRACT || op == TQP_OP_HOST || op == TQP_OP_NUM_DIV)
        return syntax(p, "a type");
    TqpError why = {0};
    type = given;
    TqpStatus status = tqp_ir_call_type(op, args.n, args.items, &type, &why);
    if (status != TQP_OK)
        return misfit(p, where, status, &why);
    *out = tqp_ir_call(p->lex.arena, op, has_type ? given : type, args.n, args.items);
    return *out == NULL ? no_memory(p) : TQP_OK;
}

static TqpStatus parse_body(Parser *p, TqpOp op, size_t where, const TqpExpr **out) {
    uint32_t level = 0, index = 0;
    TqpType type;
    if (op == TQP_OP_CONST)
        return parse_const(p, out);
    if (op != TQP_OP_COL && op != TQP_OP_PARAM && op != TQP_OP_OUTER)
        return parse_call(p, op, where, out);
    if (op == TQP_OP_OUTER)
        TQP_TRY(parse_index(p, &level));
    TQP_TRY(parse_index(p, &index));
    TQP_TRY(parse_type(p, &type));
    *out = op == TQP_OP_COL     ? tqp_ir_col(p->lex.arena, index, type)
           : op == TQP_OP_OUTER ? tqp_ir_outer(p->lex.arena, level, index, type)
                                : tqp_ir_param(p->lex.arena, index, type);
    return *out == NULL ? no_memory(p) : TQP_OK;
}

static TqpStatus parse_expr(Parser *p, const TqpExpr **out) {
    TqpOp op;
    TQP_TRY(enter(p));
    if (!at(p, TQP_TOKEN_ATOM) || !tqp_ir_op_parse(p->lex.token.text, p->lex.token.len, &op))
        return syntax(p, "an operator");
    size_t where = p->lex.token.at;
    TQP_TRY(next(p));
    TQP_TRY(parse_body(p, op, where, out));
    return leave(p);
}

/* ---- nodes ---- */

static TqpStatus parse_exprs(Parser *p, List *list) {
    TQP_TRY(expect(p, TQP_TOKEN_OPEN, "a list of expressions"));
    while (!at(p, TQP_TOKEN_CLOSE)) {
        const TqpExpr *e;
        TQP_TRY(parse_expr(p, &e));
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
    TQP_TRY(parse_expr(p, &pred));
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
    TQP_TRY(parse_expr(p, &pred));
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
            TQP_TRY(parse_expr(p, &agg->arg));
            continue;
        }
        if (agg->filter != NULL)
            return syntax(p, "a type");
        *p = ahead;
        TQP_TRY(next(p));
        TQP_TRY(parse_expr(p, &agg->filter));
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
    TQP_TRY(parse_expr(p, &key->expr));
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
            TQP_TRY(parse_expr(p, &bounds[i]));
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
