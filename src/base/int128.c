/* Decimal powers and text of 128-bit integers. */
#include "base/int128.h"

#include <string.h>

TqpInt128 tqp_int128_pow10(int exp) {
    TqpInt128 p = 1;
    for (int i = 0; i < exp; i++)
        p *= 10;
    return p;
}

int tqp_int128_print(TqpInt128 value, char *buf) {
    char digits[TQP_INT128_DIGITS + 1];
    int n = 0, len = 0;
    TqpUint128 rest = value < 0 ? -(TqpUint128)value : (TqpUint128)value;
    do {
        digits[n++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        buf[len++] = '-';
    while (n > 0)
        buf[len++] = digits[--n];
    buf[len] = '\0';
    return len;
}

bool tqp_int128_parse(const char *s, size_t len, TqpInt128 *value) {
    size_t i = 0;
    bool negative = false;
    TqpInt128 v = 0;
    if (len > 0 && (s[0] == '-' || s[0] == '+'))
        negative = s[i++] == '-';
    if (i == len)
        return false;
    for (; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        /* Accumulate downward: the least value has no positive counterpart. */
        if (__builtin_mul_overflow(v, (TqpInt128)10, &v) ||
            __builtin_sub_overflow(v, (TqpInt128)(s[i] - '0'), &v))
            return false;
    }
    if (!negative && v == TQP_INT128_MIN)
        return false;
    *value = negative ? v : -v;
    return true;
}
