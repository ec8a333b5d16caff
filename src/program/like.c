/*
 * LIKE without backtracking: a pattern is a list of pieces between %.  The first and the last piece
 * may be anchored; every other one is taken at its leftmost place, which is right because a piece
 * matches a fixed number of characters.  Semantics: PostgreSQL's like_match.c, bytewise
 * (deterministic collations).  With UTF-8, `_` is one character of valid UTF-8.
 */
#include "program/program.h"

#include <string.h>

/* ---- Compilation ---- */

typedef struct PieceBuilder {
    TqpArena *arena;
    TqpLikePiece *pieces;
    uint32_t npieces;
    char *bytes;
    uint8_t *any;
    uint32_t len;
    bool has_any;
} PieceBuilder;

static bool piece_finish(PieceBuilder *b) {
    if (b->len == 0)
        return true;
    char *bytes = tqp_arena_alloc(b->arena, b->len);
    if (bytes == NULL)
        return false;
    memcpy(bytes, b->bytes, b->len);
    uint8_t *any = NULL;
    if (b->has_any) {
        any = tqp_arena_alloc(b->arena, b->len);
        if (any == NULL)
            return false;
        memcpy(any, b->any, b->len);
    }
    b->pieces[b->npieces++] = (TqpLikePiece){.bytes = bytes, .any = any, .len = b->len};
    b->len = 0;
    b->has_any = false;
    return true;
}

static TqpStatus split_pattern(PieceBuilder *b, TqpView pattern, TqpLikePattern *p, TqpError *err) {
    bool last_percent = false;
    for (uint32_t i = 0; i < pattern.len; i++) {
        char c = pattern.data[i];
        last_percent = c == '%';
        if (c == '%') {
            if (i == 0)
                p->anchored_start = false;
            if (!piece_finish(b))
                return b->arena->failed;
            continue;
        }
        bool any = c == '_';
        if (c == '\\') {
            if (++i == pattern.len)
                return tqp_error_set(err, TQP_INVALID, "LIKE pattern ends with escape character");
            c = pattern.data[i];
        }
        b->bytes[b->len] = any ? 0 : c;
        b->any[b->len++] = any;
        b->has_any |= any;
    }
    p->anchored_end = !last_percent;
    return piece_finish(b) ? TQP_OK : b->arena->failed;
}

TqpStatus tqp_like_compile(TqpArena *a, TqpView pattern, bool utf8, const TqpLikePattern **out,
                           TqpError *err) {
    TqpLikePattern *p = tqp_arena_zalloc(a, sizeof(*p));
    size_t room = (size_t)pattern.len + 1;
    PieceBuilder b = {.arena = a};
    b.pieces = tqp_arena_alloc(a, (room / 2 + 1) * sizeof(TqpLikePiece));
    b.bytes = tqp_arena_alloc(a, room);
    b.any = tqp_arena_alloc(a, room);
    if (p == NULL || b.pieces == NULL || b.bytes == NULL || b.any == NULL)
        return a->failed;
    p->anchored_start = true;
    p->utf8 = utf8;
    TQP_TRY(split_pattern(&b, pattern, p, err));
    p->npieces = b.npieces;
    p->pieces = b.pieces;
    *out = p;
    return TQP_OK;
}

/* ---- Matching ---- */

/* The string with its virtual trailing blanks: positions len .. total-1 read as blanks. */
typedef struct Subject {
    const char *s;
    uint64_t len, total;
    bool utf8;
} Subject;

#define NO_MATCH UINT64_MAX

static inline char byte_at(const Subject *t, uint64_t i) {
    return i < t->len ? t->s[i] : ' ';
}

static inline bool is_continuation(char c) {
    return ((uint8_t)c & 0xc0) == 0x80;
}

/* Position after the character at i < end. */
static inline uint64_t next_char(const Subject *t, uint64_t i, uint64_t end) {
    i++;
    if (t->utf8)
        while (i < end && is_continuation(byte_at(t, i)))
            i++;
    return i;
}

/* Where the piece ends when it matches at i, within end; else NO_MATCH. */
static uint64_t match_forward(const Subject *t, const TqpLikePiece *p, uint64_t i, uint64_t end) {
    if (p->any == NULL && p->len <= end - i && i + p->len <= t->len)
        return memcmp(t->s + i, p->bytes, p->len) == 0 ? i + p->len : NO_MATCH;
    for (uint32_t k = 0; k < p->len; k++) {
        if (i >= end)
            return NO_MATCH;
        if (p->any != NULL && p->any[k])
            i = next_char(t, i, end);
        else if (byte_at(t, i++) != p->bytes[k])
            return NO_MATCH;
    }
    return i;
}

/* Where the piece begins when it ends at `end` and begins not before `begin`; else NO_MATCH. */
static uint64_t match_backward(const Subject *t, const TqpLikePiece *p, uint64_t begin,
                               uint64_t end) {
    for (uint32_t k = p->len; k-- > 0;) {
        if (end <= begin)
            return NO_MATCH;
        end--;
        if (p->any != NULL && p->any[k]) {
            if (t->utf8)
                while (end > begin && is_continuation(byte_at(t, end)))
                    end--;
        } else if (byte_at(t, end) != p->bytes[k]) {
            return NO_MATCH;
        }
    }
    return end;
}

/* Leftmost match at or after i; where it ends. */
static uint64_t search(const Subject *t, const TqpLikePiece *p, uint64_t i, uint64_t end) {
    bool literal_first = p->any == NULL || !p->any[0];
    while (i < end) {
        if (literal_first && i < t->len) { /* skip to the first byte; the blanks come after len */
            uint64_t stop = end < t->len ? end : t->len;
            const char *hit = memchr(t->s + i, p->bytes[0], stop - i);
            i = hit != NULL ? (uint64_t)(hit - t->s) : stop;
            if (i >= end)
                return NO_MATCH;
        }
        uint64_t after = match_forward(t, p, i, end);
        if (after != NO_MATCH)
            return after;
        i = next_char(t, i, end);
    }
    return NO_MATCH;
}

static bool match_pieces(const TqpLikePattern *p, const Subject *t) {
    uint64_t begin = 0, end = t->total;
    uint32_t first = 0, last = p->npieces;
    if (last == 0)
        return !p->anchored_start || end == 0;
    if (p->anchored_start) {
        begin = match_forward(t, &p->pieces[first++], 0, end);
        if (begin == NO_MATCH)
            return false;
        if (first == last)
            return !p->anchored_end || begin == end;
    }
    if (p->anchored_end) {
        end = match_backward(t, &p->pieces[--last], begin, end);
        if (end == NO_MATCH)
            return false;
    }
    for (; first < last; first++) {
        begin = search(t, &p->pieces[first], begin, end);
        if (begin == NO_MATCH)
            return false;
    }
    return true;
}

bool tqp_like_match(const TqpLikePattern *p, const char *s, uint32_t len, uint32_t pad) {
    Subject t = {.s = s, .len = len, .total = len, .utf8 = p->utf8};
    if (pad > 0) {
        uint64_t chars = len;
        if (p->utf8) {
            chars = 0;
            for (uint32_t i = 0; i < len; i++)
                chars += !is_continuation(s[i]);
        }
        if (pad > chars)
            t.total += pad - chars;
    }
    return match_pieces(p, &t);
}
