/* Order and equality of views: bytes, then length, as memcmp under the C collation. */
#ifndef TQP_BACKEND_CPU_VIEW_H
#define TQP_BACKEND_CPU_VIEW_H

#include "backend/cpu/kernel.h"

INLINE bool view_eq(TqpView a, TqpView b) {
    if (a.len != b.len || a.prefix != b.prefix)
        return false;
    return a.len <= 4 || memcmp(a.data + 4, b.data + 4, a.len - 4) == 0;
}

INLINE uint32_t view_prefix_order(uint32_t prefix) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap32(prefix);
#else
    return prefix;
#endif
}

/* Negative, 0 or positive. */
INLINE int view_compare(TqpView a, TqpView b) {
    uint32_t pa = view_prefix_order(a.prefix), pb = view_prefix_order(b.prefix);
    if (pa != pb)
        return pa < pb ? -1 : 1;
    uint32_t common = a.len < b.len ? a.len : b.len;
    if (common > 4) {
        int c = memcmp(a.data + 4, b.data + 4, common - 4);
        if (c != 0)
            return c;
    }
    return (a.len > b.len) - (a.len < b.len);
}

INLINE bool view_lt(TqpView a, TqpView b) {
    return view_compare(a, b) < 0;
}

#endif
