/*
 * LIKE.  Patterns of plain pieces are matched here with a vector search for each piece; those with
 * `_`, and padded strings, go through the general matcher of program/like.c.
 */
#include "backend/cpu/vec.h"
#include "program/program.h"

#if ISA_AVX512
/*
 * The first place in [i, end) where the piece matches, or end: 64 places at a time where its first
 * and its last byte are right (W. Mula, "SIMD-friendly algorithms for substring searching"). Masked
 * loads touch no byte outside the string.
 */
INLINE uint32_t find(const char *s, uint32_t i, uint32_t end, const TqpLikePiece *piece) {
    const __m512i first = _mm512_set1_epi8(piece->bytes[0]);
    const __m512i last = _mm512_set1_epi8(piece->bytes[piece->len - 1]);
    while (i + piece->len <= end) {
        uint32_t places = end - piece->len - i + 1;
        __mmask64 live = places < 64 ? (UINT64_C(1) << places) - 1 : ~UINT64_C(0);
        __m512i a = _mm512_maskz_loadu_epi8(live, s + i);
        __m512i b = _mm512_maskz_loadu_epi8(live, s + i + piece->len - 1);
        uint64_t hits =
            _mm512_mask_cmpeq_epi8_mask(_mm512_mask_cmpeq_epi8_mask(live, a, first), b, last);
        for (; hits != 0; hits &= hits - 1) {
            uint32_t at = i + (uint32_t)__builtin_ctzll(hits);
            if (piece->len <= 2 || memcmp(s + at + 1, piece->bytes + 1, piece->len - 2) == 0)
                return at;
        }
        i += 64;
    }
    return end;
}
#else
INLINE uint32_t find(const char *s, uint32_t i, uint32_t end, const TqpLikePiece *piece) {
    while (i + piece->len <= end) {
        const char *hit = memchr(s + i, piece->bytes[0], end - piece->len - i + 1);
        if (hit == NULL)
            break;
        if (memcmp(hit, piece->bytes, piece->len) == 0)
            return (uint32_t)(hit - s);
        i = (uint32_t)(hit - s) + 1;
    }
    return end;
}
#endif

/* No piece has `_`; there is at least one. */
INLINE bool match_plain(const TqpLikePattern *p, const char *s, uint32_t len) {
    const TqpLikePiece *piece = p->pieces, *stop = p->pieces + p->npieces;
    uint32_t begin = 0, end = len;
    if (p->anchored_start) {
        if (piece->len > end || memcmp(s, piece->bytes, piece->len) != 0)
            return false;
        begin = piece->len;
        if (++piece == stop)
            return !p->anchored_end || begin == end;
    }
    if (p->anchored_end) {
        stop--;
        if (stop->len > end - begin || memcmp(s + end - stop->len, stop->bytes, stop->len) != 0)
            return false;
        end -= stop->len;
    }
    for (; piece < stop; piece++) {
        uint32_t at = find(s, begin, end, piece);
        if (at == end)
            return false;
        begin = at + piece->len;
    }
    return true;
}

void TQP_KERNEL(LIKE, VIEW)(const TqpKernelArgs *args) {
    const InVIEW *x = args->in[0];
    const TqpLikePattern *pattern = args->aux;
    uint64_t *out = args->out;
    uint32_t pad = (uint32_t)args->imm[0].i;
    bool plain = pad == 0 && pattern->npieces > 0;
    for (uint32_t k = 0; k < pattern->npieces; k++)
        plain &= pattern->pieces[k].any == NULL;
    for (uint32_t i = 0; i < args->n; i += 64) {
        uint32_t rows = args->n - i < 64 ? args->n - i : 64;
        uint64_t bits = 0;
        for (uint32_t k = 0; k < rows; k++) {
            TqpView v = x[i + k];
            bool match = plain ? match_plain(pattern, v.data, v.len)
                               : tqp_like_match(pattern, v.data, v.len, pad);
            bits |= (uint64_t)match << k;
        }
        out[i >> 6] = bits;
    }
}
