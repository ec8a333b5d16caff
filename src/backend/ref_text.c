/* ref: strings.  LIKE by plain recursion over the compiled pieces. */
#include "backend/ref.h"
#include "program/program.h"

typedef struct RefLike {
    const TqpLikePattern *pattern;
    const char *s;
    uint64_t len, total; /* positions len .. total-1 are blanks */
} RefLike;

static uint8_t byte_at(const RefLike *t, uint64_t i) {
    return i < t->len ? (uint8_t)t->s[i] : ' ';
}

static bool continues(uint8_t byte) {
    return byte >= 0x80 && byte <= 0xbf;
}

static uint64_t after_char(const RefLike *t, uint64_t i) {
    do
        i++;
    while (t->pattern->utf8 && i < t->total && continues(byte_at(t, i)));
    return i;
}

/* Does the pattern from element e of piece p match the string from i? */
static bool matches(const RefLike *t, uint32_t p, uint32_t e, uint64_t i) {
    if (p == t->pattern->npieces)
        return i == t->total || !t->pattern->anchored_end;
    const TqpLikePiece *piece = &t->pattern->pieces[p];
    if (e == piece->len) { /* a % follows, unless the end of an anchored pattern does */
        if (p + 1 == t->pattern->npieces)
            return matches(t, p + 1, 0, i);
        for (; i <= t->total; i = after_char(t, i))
            if (matches(t, p + 1, 0, i))
                return true;
        return false;
    }
    if (i >= t->total)
        return false;
    if (piece->any != NULL && piece->any[e])
        return matches(t, p, e + 1, after_char(t, i));
    return byte_at(t, i) == (uint8_t)piece->bytes[e] && matches(t, p, e + 1, i + 1);
}

static uint64_t count_chars(TqpView s, bool utf8) {
    uint64_t chars = 0;
    for (uint32_t i = 0; i < s.len; i++)
        chars += !(utf8 && continues((uint8_t)s.data[i]));
    return chars;
}

static bool like(const TqpLikePattern *pattern, TqpView s, uint64_t pad) {
    RefLike t = {pattern, s.data, s.len, s.len};
    uint64_t chars = count_chars(s, pattern->utf8);
    if (pad > chars)
        t.total += pad - chars;
    if (pattern->npieces == 0)
        return !pattern->anchored_start || t.total == 0;
    if (pattern->anchored_start)
        return matches(&t, 0, 0, 0);
    for (uint64_t i = 0; i <= t.total; i = after_char(&t, i))
        if (matches(&t, 0, 0, i))
            return true;
    return false;
}

void tqp_ref_LIKE(TqpLane lane, const TqpKernelArgs *args) {
    tqp_ref_clear_mask(args->out, args->n);
    for (uint32_t i = 0; i < args->n; i++) {
        TqpView s = tqp_ref_get(lane, args->in[0], i).s;
        bool hit = like(args->aux, s, (uint64_t)args->imm[0].i);
        tqp_ref_put(TQP_LANE_MASK, args->out, i, tqp_ref_int(hit));
    }
}

void tqp_ref_LENGTH(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        TqpView s = tqp_ref_get(lane, args->in[0], i).s;
        uint64_t chars = count_chars(s, args->imm[0].i != 0);
        tqp_ref_put(TQP_LANE_U32, args->out, i, tqp_ref_int((TqpInt128)chars));
    }
}

/* Every character whose 1-based number lies in [start, start + length). */
static TqpView substring(TqpView s, int64_t start, int64_t length, bool utf8) {
    uint32_t begin = s.len, end = s.len, i = 0;
    TqpInt128 stop = length < 0 ? TQP_INT128_MAX : (TqpInt128)start + length;
    bool inside = false;
    for (int64_t number = 1; i < s.len; number++) {
        bool wanted = number >= start && number < stop;
        if (wanted && !inside)
            begin = i;
        if (!wanted && inside)
            end = i;
        inside = wanted;
        do
            i++;
        while (utf8 && i < s.len && continues((uint8_t)s.data[i]));
    }
    TqpView v = {"", end - begin, 0};
    if (end > begin)
        v.data = s.data + begin;
    for (uint32_t k = 0; k < v.len && k < 4; k++)
        ((char *)&v.prefix)[k] = v.data[k];
    return v;
}

void tqp_ref_SUBSTR(TqpLane lane, const TqpKernelArgs *args) {
    for (uint32_t i = 0; i < args->n; i++) {
        RefCell x = tqp_ref_get(lane, args->in[0], i);
        x.s = substring(x.s, args->imm[0].i, args->imm[1].i, args->imm[2].i != 0);
        tqp_ref_put(lane, args->out, i, x);
    }
}
