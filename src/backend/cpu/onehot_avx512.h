/* One-hot sums with AVX-512: products of bytes by VNNI, bytes gathered into planes by VBMI. */
typedef __m512i ByteProducts, ByteSums;

INLINE ByteProducts products_zero(void) {
    return _mm512_setzero_si512();
}
typedef __m512i GroupChooser; /* a table of 16 for vpshufb, which gives 0 for ONEHOT_NO_GROUP */

INLINE GroupChooser group_chooser(uint32_t g) {
    const __m128i iota = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_broadcast_i32x4(_mm_cmpeq_epi8(iota, _mm_set1_epi8((char)g)));
}
INLINE VecU8 table_of_16(const uint8_t *entries) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)entries));
}
INLINE VecU8 look_up_16(VecU8 table,
                        VecU8 index) { /* any index is legal, those above 15 mean nothing */
    return _mm512_shuffle_epi8(table, index);
}
INLINE VecU8 group_rows(GroupChooser chooser, VecU8 group) { /* -1 for the rows of the group */
    return _mm512_shuffle_epi8(chooser, group);
}
INLINE ByteProducts products_add(ByteProducts acc, VecU8 bytes, VecU8 chosen) {
    /* gcc 12 copies and spills the accumulators of the intrinsic: it takes 1.5 times as long. */
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(bytes), "v"(chosen));
    return acc;
}
INLINE ByteSums sums_zero(void) {
    return _mm512_setzero_si512();
}
INLINE ByteSums sums_add(ByteSums sums, ByteProducts acc) {
    return _mm512_add_epi32(sums, acc);
}
INLINE int32_t sums_total(ByteSums sums) {
    return _mm512_reduce_add_epi32(sums);
}

/* Index of byte `first` + j / 16 of each of 16 values of `width` bytes in two registers: 4 planes.
 */
INLINE void plane_index(uint8_t index[64], uint32_t width, uint32_t first) {
    uint32_t values = 128 / width;
    for (uint32_t j = 0; j < 64; j++)
        index[j] = (uint8_t)(j % values * width + first + j / values);
}

INLINE void split_U8(const void *x, uint32_t rows, uint32_t planes, uint8_t plane[][ONEHOT_BLOCK]) {
    (void)planes;
    for (uint32_t i = 0; i < rows; i += 64)
        store_U8(plane[0] + i, load_U8((const uint8_t *)x + i));
}

/* Loads whole registers of the values at x, none that begins at or after its end. */
INLINE __m512i load_part(const uint8_t *x, uint32_t begin, uint32_t end) {
    return begin < end ? _mm512_loadu_si512(x + begin) : _mm512_setzero_si512();
}

INLINE void split_U16(const void *x, uint32_t rows, uint32_t planes,
                      uint8_t plane[][ONEHOT_BLOCK]) {
    _Alignas(64) uint8_t index[64];
    plane_index(index, 2, 0);
    const __m512i even = load_U8(index), odd = _mm512_add_epi8(even, _mm512_set1_epi8(1));
    const uint8_t *bytes = x;
    (void)planes;
    for (uint32_t i = 0; i < rows; i += 64) {
        __m512i a = load_part(bytes, 2 * i, 2 * rows), b = load_part(bytes, 2 * i + 64, 2 * rows);
        store_U8(plane[0] + i, _mm512_permutex2var_epi8(a, even, b));
        store_U8(plane[1] + i, _mm512_permutex2var_epi8(a, odd, b));
    }
}

INLINE void split_U32(const void *x, uint32_t rows, uint32_t planes,
                      uint8_t plane[][ONEHOT_BLOCK]) {
    _Alignas(64) uint8_t index[64];
    plane_index(index, 4, 0);
    const __m512i low = load_U8(index), high = _mm512_add_epi8(low, _mm512_set1_epi8(2));
    const uint8_t *bytes = x;
    for (uint32_t i = 0; i < rows; i += 64) {
        __m512i v[4];
#pragma GCC unroll 4
        for (uint32_t k = 0; k < 4; k++)
            v[k] = load_part(bytes, 4 * i + 64 * k, 4 * rows);
        __m512i a = _mm512_permutex2var_epi8(v[0], low, v[1]);
        __m512i b = _mm512_permutex2var_epi8(v[2], low, v[3]);
        store_U8(plane[0] + i, _mm512_shuffle_i64x2(a, b, 0x44));
        store_U8(plane[1] + i, _mm512_shuffle_i64x2(a, b, 0xee));
        if (planes <= 2)
            continue;
        a = _mm512_permutex2var_epi8(v[0], high, v[1]);
        b = _mm512_permutex2var_epi8(v[2], high, v[3]);
        store_U8(plane[2] + i, _mm512_shuffle_i64x2(a, b, 0x44));
        store_U8(plane[3] + i, _mm512_shuffle_i64x2(a, b, 0xee));
    }
}

/* Four planes of 64 values of 8 bytes; index: where they are in two registers. */
INLINE void split_quarter(const __m512i v[8], __m512i index, uint32_t i, uint32_t count,
                          uint8_t plane[][ONEHOT_BLOCK]) {
    __m512i a = _mm512_permutex2var_epi8(v[0], index, v[1]);
    __m512i b = _mm512_permutex2var_epi8(v[2], index, v[3]);
    __m512i c = _mm512_permutex2var_epi8(v[4], index, v[5]);
    __m512i d = _mm512_permutex2var_epi8(v[6], index, v[7]);
    __m512i ab = _mm512_shuffle_i64x2(a, b, 0x44), cd = _mm512_shuffle_i64x2(c, d, 0x44);
    store_U8(plane[0] + i, _mm512_shuffle_i64x2(ab, cd, 0x88));
    store_U8(plane[1] + i, _mm512_shuffle_i64x2(ab, cd, 0xdd));
    if (count <= 2)
        return;
    ab = _mm512_shuffle_i64x2(a, b, 0xee), cd = _mm512_shuffle_i64x2(c, d, 0xee);
    store_U8(plane[2] + i, _mm512_shuffle_i64x2(ab, cd, 0x88));
    store_U8(plane[3] + i, _mm512_shuffle_i64x2(ab, cd, 0xdd));
}

INLINE void split_I64(const void *x, uint32_t rows, uint32_t planes,
                      uint8_t plane[][ONEHOT_BLOCK]) {
    _Alignas(64) uint8_t index[64];
    plane_index(index, 8, 0);
    const __m512i low = load_U8(index), high = _mm512_add_epi8(low, _mm512_set1_epi8(4));
    const uint8_t *bytes = x;
    for (uint32_t i = 0; i < rows; i += 64) {
        __m512i v[8];
#pragma GCC unroll 8
        for (uint32_t k = 0; k < 8; k++)
            v[k] = load_part(bytes, 8 * i + 64 * k, 8 * rows);
        split_quarter(v, low, i, planes, plane);
        if (planes > 4)
            split_quarter(v, high, i, planes - 4, plane + 4);
    }
}
