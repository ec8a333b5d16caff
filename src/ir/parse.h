/* Tokens, errors and lists, as parse.c (nodes) and parse_expr.c read them; for these two only. */
#ifndef TQP_IR_PARSE_H
#define TQP_IR_PARSE_H

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
static inline TqpStatus no_memory(Parser *p) {
    return tqp_error_set(p->lex.err, p->lex.arena->failed, "%s while parsing",
                         tqp_status_name(p->lex.arena->failed));
}

static inline TqpStatus list_add(Parser *p, List *list, const void *item, size_t size) {
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

static inline TqpStatus syntax(Parser *p, const char *want) {
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
static inline TqpStatus misfit(Parser *p, size_t at, TqpStatus status, const TqpError *why) {
    return tqp_error_set(p->lex.err, status, "at byte %zu: %.200s", at, why->message);
}

static inline bool at(const Parser *p, TqpTokenKind kind) {
    return p->lex.token.kind == kind;
}

static inline bool at_word(const Parser *p, const char *word) {
    return at(p, TQP_TOKEN_ATOM) && p->lex.token.len == strlen(word) &&
           memcmp(p->lex.token.text, word, p->lex.token.len) == 0;
}

static inline TqpStatus next(Parser *p) {
    return tqp_ir_lex(&p->lex);
}

static inline TqpStatus expect(Parser *p, TqpTokenKind kind, const char *want) {
    return at(p, kind) ? next(p) : syntax(p, want);
}

/* The word, when it is there, is consumed. */
static inline TqpStatus accept_word(Parser *p, const char *word, bool *found) {
    *found = at_word(p, word);
    return *found ? next(p) : TQP_OK;
}

static inline TqpStatus enter(Parser *p) {
    if (++p->depth > 2 * TQP_IR_MAX_DEPTH)
        return tqp_error_set(p->lex.err, TQP_INVALID, "at byte %zu: nested too deep",
                             p->lex.token.at);
    return expect(p, TQP_TOKEN_OPEN, "(");
}

static inline TqpStatus leave(Parser *p) {
    p->depth--;
    return expect(p, TQP_TOKEN_CLOSE, ")");
}

static inline TqpStatus parse_type(Parser *p, TqpType *type) {
    if (!at(p, TQP_TOKEN_ATOM) || !tqp_type_parse(p->lex.token.text, p->lex.token.len, type))
        return syntax(p, "a type");
    return next(p);
}

static inline TqpStatus parse_index(Parser *p, uint32_t *index) {
    TqpInt128 value;
    if (!at(p, TQP_TOKEN_ATOM) || !tqp_int128_parse(p->lex.token.text, p->lex.token.len, &value) ||
        value < 0 || value > INT32_MAX)
        return syntax(p, "an index");
    *index = (uint32_t)value;
    return next(p);
}

/* An expression in parentheses, its types derived and checked (parse_expr.c). */
TqpStatus tqp_ir_parse_expr(Parser *p, const TqpExpr **out) TQP_NODISCARD;

#endif
