/*
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78).  With SSE 4.2 three streams hide the
 * latency of the instruction; their results are joined by multiplying with x^(8 * distance).
 */
#include "base/checksum.h"

#include <stdbool.h>
#include <string.h>

#define POLY UINT32_C(0x82f63b78)

static uint32_t crc_bytewise(uint32_t crc, const unsigned char *p, size_t len) {
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (POLY & (0 - (crc & 1)));
    }
    return crc;
}

#if defined(__x86_64__)

#define STREAM 4096 /* bytes of each of the three streams of a round */

/* a * b mod P in the reflected representation (bit 31 is x^0). */
static uint32_t multiply_mod(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (int i = 31; i >= 0; i--) {
        if ((a >> i) & 1)
            product ^= b;
        b = (b >> 1) ^ (POLY & (0 - (b & 1)));
    }
    return product;
}

/* x^(8 * bytes) mod P: what advancing a CRC over that many zero bytes multiplies it by. */
static uint32_t power_of_x8(size_t bytes) {
    uint32_t power = UINT32_C(1) << 31, square = UINT32_C(1) << 23; /* 1 and x^8 */
    for (size_t n = bytes; n > 0; n >>= 1) {
        if (n & 1)
            power = multiply_mod(power, square);
        square = multiply_mod(square, square);
    }
    return power;
}

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const unsigned char *p,
                                                            size_t len) {
    if (len >= 3 * STREAM) {
        const uint32_t shift1 = power_of_x8(STREAM), shift2 = power_of_x8(2 * STREAM);
        for (; len >= 3 * STREAM; len -= 3 * STREAM, p += 3 * STREAM) {
            uint64_t a = crc, b = 0, c = 0, wa, wb, wc;
            for (size_t i = 0; i < STREAM; i += 8) {
                memcpy(&wa, p + i, 8);
                memcpy(&wb, p + STREAM + i, 8);
                memcpy(&wc, p + 2 * STREAM + i, 8);
                a = __builtin_ia32_crc32di(a, wa);
                b = __builtin_ia32_crc32di(b, wb);
                c = __builtin_ia32_crc32di(c, wc);
            }
            crc =
                multiply_mod((uint32_t)a, shift2) ^ multiply_mod((uint32_t)b, shift1) ^ (uint32_t)c;
        }
    }
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        crc = (uint32_t)__builtin_ia32_crc32di(crc, w);
    }
    for (; len > 0; len--, p++)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}

uint32_t tqp_checksum_crc32c(uint32_t crc, const void *data, size_t len) {
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_sse42(~crc, data, len);
    return ~crc_bytewise(~crc, data, len);
}

#else

uint32_t tqp_checksum_crc32c(uint32_t crc, const void *data, size_t len) {
    return ~crc_bytewise(~crc, data, len);
}

#endif
