/*
 * LIKE against a naive matcher that backtracks.  Input: a byte of flags (1: UTF-8, upper bits: the
 * width to pad to), then the pattern, a zero byte, the string.
 */
#include "fuzz/fuzz.h"
#include "program/program.h"

/* The naive matcher is exponential in the number of %. */
enum { LENGTH_MAX = 40, PERCENTS_MAX = 5 };

typedef struct Text {
    const uint8_t *s;
    uint32_t len;
} Text;

static bool is_continuation(uint8_t c) {
    return (c & 0xc0) == 0x80;
}

static bool many_percents(Text p) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p.len; i++)
        n += p.s[i] == 0x25;
    return n > PERCENTS_MAX;
}

/* Valid UTF-8 up to overlong forms: what the engine may be given. */
static bool is_utf8(Text t) {
    for (uint32_t i = 0; i < t.len;) {
        uint8_t c = t.s[i++];
        int more = c < 0x80 ? 0 : c >= 0xf0 && c < 0xf8 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : -1;
        if (more < 0 || c >= 0xf8)
            return false;
        for (; more > 0; more--, i++)
            if (i >= t.len || !is_continuation(t.s[i]))
                return false;
    }
    return true;
}

static uint32_t char_length(Text t, bool utf8) {
    uint32_t n = 1;
    while (utf8 && n < t.len && is_continuation(t.s[n]))
        n++;
    return n;
}

static Text rest(Text t, uint32_t n) {
    return (Text){t.s + n, t.len - n};
}

/* 1: matches, 0: does not, -1: the pattern ends with an escape. */
static int naive(Text p, Text s, bool utf8) {
    if (p.len == 0)
        return s.len == 0;
    if (p.s[0] == '%') {
        for (;;) {
            int found = naive(rest(p, 1), s, utf8);
            if (found != 0 || s.len == 0)
                return found;
            s = rest(s, char_length(s, utf8));
        }
    }
    if (p.s[0] == '_')
        return s.len == 0 ? 0 : naive(rest(p, 1), rest(s, char_length(s, utf8)), utf8);
    if (p.s[0] == '\\')
        p = rest(p, 1);
    if (p.len == 0)
        return -1;
    return s.len == 0 || s.s[0] != p.s[0] ? 0 : naive(rest(p, 1), rest(s, 1), utf8);
}

static bool ends_with_escape(Text p) {
    bool escaped = false;
    for (uint32_t i = 0; i < p.len; i++)
        escaped = !escaped && p.s[i] == '\\';
    return escaped;
}

static Text padded(Text s, uint32_t width, bool utf8, uint8_t *room) {
    uint32_t chars = 0, n = s.len;
    memcpy(room, s.s, s.len);
    for (uint32_t i = 0; i < s.len; i++)
        chars += !utf8 || !is_continuation(s.s[i]);
    for (; chars < width; chars++)
        room[n++] = ' ';
    return (Text){room, n};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size > 1 ? memchr(data + 1, 0, size - 1) : NULL;
    if (zero == NULL || size > LENGTH_MAX)
        return 0;
    bool utf8 = data[0] & 1;
    uint32_t width = data[0] >> 1 & 31;
    uint8_t room[LENGTH_MAX + 32];
    Text pattern = {data + 1, (uint32_t)(zero - data - 1)};
    Text string = {zero + 1, (uint32_t)(data + size - zero - 1)};
    if (memchr(string.s, 0, string.len) != NULL || many_percents(pattern) ||
        (utf8 && (!is_utf8(pattern) || !is_utf8(string))))
        return 0;
    TqpArena a = {0};
    TqpError err = {0};
    const TqpLikePattern *compiled;
    TqpView view = tqp_view((const char *)pattern.s, pattern.len);
    TqpStatus status = tqp_like_compile(&a, view, utf8, &compiled, &err);
    fuzz_require((status == TQP_INVALID) == ends_with_escape(pattern), "compile", err.message);
    if (status == TQP_OK) {
        int expected = naive(pattern, padded(string, width, utf8, room), utf8);
        bool found = tqp_like_match(compiled, (const char *)string.s, string.len, width);
        fuzz_require(expected == (int)found, "match differs", found ? "matches" : "does not match");
    }
    tqp_arena_free(&a);
    return 0;
}
