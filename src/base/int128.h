/* 128-bit integers: the lane of wide exact numerics and of all exact sums. */
#ifndef TQP_BASE_INT128_H
#define TQP_BASE_INT128_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aligned like int64: hosts' allocators (palloc) promise no more, and SSE moves would fault. */
__extension__ typedef __int128 TqpInt128 __attribute__((aligned(8)));
__extension__ typedef unsigned __int128 TqpUint128 __attribute__((aligned(8)));

#define TQP_INT128_MAX    ((TqpInt128)(~(TqpUint128)0 >> 1))
#define TQP_INT128_MIN    (-TQP_INT128_MAX - 1)
#define TQP_INT128_DIGITS 40 /* characters incl. sign, without NUL */
#define TQP_POW10_MAX     38 /* 10^38 is the largest power that fits */

/* 10^exp for 0 <= exp <= TQP_POW10_MAX. */
TqpInt128 tqp_int128_pow10(int exp);
/* Writes decimal digits and a NUL; buf holds TQP_INT128_DIGITS + 1 bytes.  Returns the length. */
int tqp_int128_print(TqpInt128 value, char *buf);
/* Parses an optionally signed decimal; false when malformed, out of range, or bytes are left. */
bool tqp_int128_parse(const char *s, size_t len, TqpInt128 *value);

#endif
