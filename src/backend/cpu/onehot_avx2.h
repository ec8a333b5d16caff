/*
 * One-hot sums with AVX2.  Products add up in 16-bit lanes: a block has 32 steps of at most 2 *
 * 255, which fits.
 */
typedef __m256i ByteProducts, ByteSums;

_Static_assert(ONEHOT_BLOCK / 32 * 2 * 255 <= 32768, "16-bit sums of a block");

INLINE ByteProducts products_zero(void) {
    return _mm256_setzero_si256();
}
typedef __m256i GroupChooser;

INLINE GroupChooser group_chooser(uint32_t g) {
    return _mm256_set1_epi8((char)g);
}
INLINE VecU8 table_of_16(const uint8_t *entries) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)entries));
}
INLINE VecU8 look_up_16(VecU8 table,
                        VecU8 index) { /* any index is legal, those above 15 mean nothing */
    return _mm256_shuffle_epi8(table, index);
}
INLINE VecU8 group_rows(GroupChooser chooser, VecU8 group) { /* -1 for the rows of the group */
    return _mm256_cmpeq_epi8(chooser, group);
}
INLINE ByteProducts products_add(ByteProducts acc, VecU8 bytes, VecU8 chosen) {
    return _mm256_add_epi16(acc, _mm256_maddubs_epi16(bytes, chosen));
}
INLINE ByteSums sums_zero(void) {
    return _mm256_setzero_si256();
}
INLINE ByteSums sums_add(ByteSums sums, ByteProducts acc) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(acc, _mm256_set1_epi16(1)));
}
INLINE int32_t sums_total(ByteSums sums) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

/* Loads whole registers of the values at x, none that begins at or after its end. */
INLINE __m256i load_part(const uint8_t *x, uint32_t begin, uint32_t end) {
    return begin < end ? load_U8(x + begin) : _mm256_setzero_si256();
}

INLINE void split_U8(const void *x, uint32_t rows, uint32_t planes, uint8_t plane[][ONEHOT_BLOCK]) {
    (void)planes;
    for (uint32_t i = 0; i < rows; i += 32)
        store_U8(plane[0] + i, load_U8((const uint8_t *)x + i));
}

INLINE void split_U16(const void *x, uint32_t rows, uint32_t planes,
                      uint8_t plane[][ONEHOT_BLOCK]) {
    const __m256i low = _mm256_set1_epi16(0xff);
    const uint8_t *bytes = x;
    (void)planes;
    for (uint32_t i = 0; i < rows; i += 32) {
        __m256i a = load_part(bytes, 2 * i, 2 * rows), b = load_part(bytes, 2 * i + 32, 2 * rows);
        __m256i even = _mm256_packus_epi16(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
        __m256i odd = _mm256_packus_epi16(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8));
        store_U8(plane[0] + i, _mm256_permute4x64_epi64(even, 0xd8));
        store_U8(plane[1] + i, _mm256_permute4x64_epi64(odd, 0xd8));
    }
}

/* Planes of 32 values of 4 bytes. */
INLINE void split_quads(const __m256i v[4], uint32_t i, uint32_t planes,
                        uint8_t plane[][ONEHOT_BLOCK]) {
    const __m256i low = _mm256_set1_epi32(0xff);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for (uint32_t p = 0; p < planes && p < 4; p++) {
        const __m128i shift = _mm_cvtsi32_si128((int)(8 * p));
        __m256i b[4];
        for (uint32_t k = 0; k < 4; k++)
            b[k] = _mm256_and_si256(_mm256_srl_epi32(v[k], shift), low);
        __m256i packed =
            _mm256_packus_epi16(_mm256_packus_epi32(b[0], b[1]), _mm256_packus_epi32(b[2], b[3]));
        store_U8(plane[p] + i, _mm256_permutevar8x32_epi32(packed, order));
    }
}

INLINE void split_U32(const void *x, uint32_t rows, uint32_t planes,
                      uint8_t plane[][ONEHOT_BLOCK]) {
    const uint8_t *bytes = x;
    for (uint32_t i = 0; i < rows; i += 32) {
        __m256i v[4];
        for (uint32_t k = 0; k < 4; k++)
            v[k] = load_part(bytes, 4 * i + 32 * k, 4 * rows);
        split_quads(v, i, planes, plane);
    }
}

INLINE void split_I64(const void *x, uint32_t rows, uint32_t planes,
                      uint8_t plane[][ONEHOT_BLOCK]) {
    const uint8_t *bytes = x;
    for (uint32_t i = 0; i < rows; i += 32) {
        __m256i low[4], high[4];
        for (uint32_t k = 0; k < 4; k++) {
            __m256 a = _mm256_castsi256_ps(load_part(bytes, 8 * i + 64 * k, 8 * rows));
            __m256 b = _mm256_castsi256_ps(load_part(bytes, 8 * i + 64 * k + 32, 8 * rows));
            low[k] = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
            high[k] = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
            low[k] = _mm256_permute4x64_epi64(low[k], 0xd8);
            high[k] = _mm256_permute4x64_epi64(high[k], 0xd8);
        }
        split_quads(low, i, planes, plane);
        if (planes > 4)
            split_quads(high, i, planes - 4, plane + 4);
    }
}
