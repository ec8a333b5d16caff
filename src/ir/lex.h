/* Tokens of the IR's text form; used by ir/parse.h only. */
#ifndef TQP_IR_LEX_H
#define TQP_IR_LEX_H

#include "ir/ir.h"

typedef enum TqpTokenKind {
    TQP_TOKEN_END,
    TQP_TOKEN_OPEN,
    TQP_TOKEN_CLOSE,
    TQP_TOKEN_STRING, /* text: unescaped bytes in the arena, NUL-terminated, holding no NUL */
    TQP_TOKEN_ATOM    /* text: points into the source; a type's "(2)" belongs to it */
} TqpTokenKind;

typedef struct TqpToken {
    TqpTokenKind kind;
    const char *text;
    uint32_t len;
    size_t at; /* byte offset in the source */
} TqpToken;

typedef struct TqpLexer {
    TqpArena *arena;
    const char *source; /* NUL-terminated */
    size_t pos;
    TqpToken token; /* the current one */
    TqpError *err;
} TqpLexer;

/* Read the next token into lexer->token. */
TqpStatus tqp_ir_lex(TqpLexer *lexer) TQP_NODISCARD;

#endif
