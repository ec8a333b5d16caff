/* Tokens of the IR's text form. */
#include <string.h>

#include "ir/lex.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One character after a backslash at s[0]; returns how many source bytes it took, 0 if malformed.
 */
static size_t unescape(const char *s, char *out) {
    if (s[1] == '"' || s[1] == '\\') {
        *out = s[1];
        return 2;
    }
    if (s[1] != 'x' || hex_digit(s[2]) < 0 || hex_digit(s[3]) < 0)
        return 0;
    *out = (char)(hex_digit(s[2]) * 16 + hex_digit(s[3]));
    return *out == 0 ? 0 : 4;
}

static TqpStatus lex_string(TqpLexer *lx) {
    const char *s = lx->source + lx->pos + 1;
    size_t span = 0;
    while (s[span] != '"' && s[span] != 0)
        span += s[span] == '\\' && s[span + 1] != 0 ? 2 : 1;
    if (s[span] == 0)
        return tqp_error_set(lx->err, TQP_INVALID, "at byte %zu: string without end", lx->pos);
    if (span >= UINT32_MAX)
        return tqp_error_set(lx->err, TQP_INVALID, "at byte %zu: string is too long", lx->pos);
    char *out = tqp_arena_alloc(lx->arena, span + 1);
    if (out == NULL)
        return lx->arena->failed;
    uint32_t len = 0;
    for (size_t i = 0; i < span; len++) {
        size_t took = 1;
        out[len] = s[i];
        if (s[i] == '\\' && (took = unescape(s + i, &out[len])) == 0)
            return tqp_error_set(lx->err, TQP_INVALID, "at byte %zu: malformed escape",
                                 lx->pos + 1 + i);
        i += took;
    }
    out[len] = 0;
    lx->token.kind = TQP_TOKEN_STRING;
    lx->token.text = out;
    lx->token.len = len;
    lx->pos += span + 2;
    return TQP_OK;
}

static bool ends_atom(char c) {
    return c == 0 || strchr(" \t\r\n()\"", c) != NULL;
}

static void lex_atom(TqpLexer *lx) {
    const char *s = lx->source + lx->pos;
    size_t len = 0;
    while (!ends_atom(s[len]))
        len++;
    if (s[len] == '(') {
        size_t digits = strspn(s + len + 1, "0123456789");
        if (digits > 0 && s[len + 1 + digits] == ')')
            len += digits + 2;
    }
    lx->token.kind = TQP_TOKEN_ATOM;
    lx->token.text = s;
    lx->token.len = (uint32_t)(len < UINT32_MAX ? len : UINT32_MAX);
    lx->pos += len;
}

TqpStatus tqp_ir_lex(TqpLexer *lx) {
    lx->pos += strspn(lx->source + lx->pos, " \t\r\n");
    lx->token = (TqpToken){.kind = TQP_TOKEN_END, .at = lx->pos};
    switch (lx->source[lx->pos]) {
    case 0:
        return TQP_OK;
    case '(':
    case ')':
        lx->token.kind = lx->source[lx->pos] == '(' ? TQP_TOKEN_OPEN : TQP_TOKEN_CLOSE;
        lx->pos++;
        return TQP_OK;
    case '"':
        return lex_string(lx);
    default:
        lex_atom(lx);
        return TQP_OK;
    }
}
