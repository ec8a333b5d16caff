/* Length and substring of byte strings, counted in bytes or in UTF-8 characters. */
#include "backend/cpu/kernel.h"

INLINE bool starts_char(char c) {
    return ((uint8_t)c & 0xc0) != 0x80;
}

void TQP_KERNEL(LENGTH, VIEW)(const TqpKernelArgs *args) {
    const InVIEW *x = args->in[0];
    OutU32 *out = args->out;
    for (uint32_t i = 0; i < args->n; i++) {
        uint32_t len = x[i].len;
        if (args->imm[0].i != 0) {
            const char *s = x[i].data;
            uint32_t chars = 0;
            for (uint32_t k = 0; k < x[i].len; k++)
                chars += starts_char(s[k]);
            len = chars;
        }
        out[i] = len;
    }
}

/* Byte offset of character `chars` of s, or len.  Bytes of a broken sequence count as their own. */
static uint32_t skip_chars(const char *s, uint32_t len, int64_t chars) {
    uint32_t i = 0;
    for (; chars > 0 && i < len; chars--) {
        i++;
        while (i < len && !starts_char(s[i]))
            i++;
    }
    return i;
}

void TQP_KERNEL(SUBSTR, VIEW)(const TqpKernelArgs *args) {
    const InVIEW *x = args->in[0];
    TqpView *out = args->out;
    /* Characters [from, to) with from >= 0; SQL:2003 6.29: a start below 1 eats of the length. */
    int64_t start = args->imm[0].i - 1, length = args->imm[1].i;
    int64_t from = start < 0 ? 0 : start, to = INT64_MAX;
    if (length >= 0 && __builtin_add_overflow(start, length, &to))
        to = INT64_MAX;
    if (to < from)
        to = from;
    for (uint32_t i = 0; i < args->n; i++) {
        TqpView v = x[i];
        uint32_t begin, end;
        if (args->imm[2].i != 0) {
            begin = skip_chars(v.data, v.len, from);
            end = begin + skip_chars(v.data + begin, v.len - begin, to - from);
        } else {
            begin = from < v.len ? (uint32_t)from : v.len;
            end = to < v.len ? (uint32_t)to : v.len;
        }
        out[i] = end == begin ? tqp_view("", 0) : tqp_view(v.data + begin, end - begin);
    }
}
