/* Growing strings for printers. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int reserve(TqpString *s, size_t more) {
    if (s->failed)
        return 0;
    if (s->len + more + 1 <= s->cap)
        return 1;
    size_t cap = s->cap ? s->cap * 2 : 256;
    while (cap < s->len + more + 1)
        cap *= 2;
    char *data = realloc(s->data, cap);
    if (data == NULL) {
        s->failed = 1;
        return 0;
    }
    s->data = data;
    s->cap = cap;
    return 1;
}

void tqp_string_append(TqpString *s, const char *data, size_t len) {
    if (!reserve(s, len))
        return;
    if (len > 0)
        memcpy(s->data + s->len, data, len);
    s->len += len;
    s->data[s->len] = '\0';
}

void tqp_string_printf(TqpString *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0 || !reserve(s, (size_t)len)) {
        s->failed = 1;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(s->data + s->len, (size_t)len + 1, fmt, ap);
    va_end(ap);
    s->len += (size_t)len;
}

void tqp_string_free(TqpString *s) {
    free(s->data);
    memset(s, 0, sizeof(*s));
}
