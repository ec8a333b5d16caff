/* Expressions of the IR from text.  See parse.c. */
#include <stdlib.h>

#include "ir/parse.h"

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
        TQP_TRY(tqp_ir_parse_expr(p, &arg));
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

TqpStatus tqp_ir_parse_expr(Parser *p, const TqpExpr **out) {
    TqpOp op;
    TQP_TRY(enter(p));
    if (!at(p, TQP_TOKEN_ATOM) || !tqp_ir_op_parse(p->lex.token.text, p->lex.token.len, &op))
        return syntax(p, "an operator");
    size_t where = p->lex.token.at;
    TQP_TRY(next(p));
    TQP_TRY(parse_body(p, op, where, out));
    return leave(p);
}
