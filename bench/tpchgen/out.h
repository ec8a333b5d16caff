/* Buffered output of PostgreSQL's COPY text format: fields separated by tabs, rows ended by
 * newlines. */
#ifndef TPCHGEN_OUT_H
#define TPCHGEN_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { OUT_BYTES = 1 << 20, OUT_ROW_MAX = 4096 };

typedef struct Out {
    FILE *file;
    bool failed; /* sticky: the disk is full, the reader has gone */
    size_t used;
    char bytes[OUT_BYTES];
} Out;

static inline void out_flush(Out *out) {
    if (fwrite(out->bytes, 1, out->used, out->file) != out->used) {
        out->failed = true;
    }
    out->used = 0;
}

static inline void out_bytes(Out *out, const char *bytes, size_t length) {
    memcpy(out->bytes + out->used, bytes, length);
    out->used += length;
    out->bytes[out->used++] = '\t';
}

static inline void out_string(Out *out, const char *string) {
    out_bytes(out, string, strlen(string));
}

/* value >= 0, with at least `digits` digits */
static inline char *format_number(char *end, int64_t value, int digits) {
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (--digits > 0 || value != 0);
    return end;
}

static inline void out_number(Out *out, int64_t value) {
    char text[24];
    char *start = format_number(text + sizeof(text), value, 1);
    out_bytes(out, start, (size_t)(text + sizeof(text) - start));
}

static inline void out_cents(Out *out, int64_t cents) {
    char text[24];
    int64_t size = cents < 0 ? -cents : cents;
    char *start = format_number(text + sizeof(text), size % 100, 2);
    *--start = '.';
    start = format_number(start, size / 100, 1);
    if (cents < 0) {
        *--start = '-';
    }
    out_bytes(out, start, (size_t)(text + sizeof(text) - start));
}

/* prefix followed by nine digits, as in Clerk#000000951 */
static inline void out_tagged(Out *out, const char *prefix, int64_t number) {
    char text[48];
    char *start = format_number(text + sizeof(text), number, 9);
    size_t length = strlen(prefix);
    start -= length;
    memcpy(start, prefix, length);
    out_bytes(out, start, (size_t)(text + sizeof(text) - start));
}

static inline void out_end_row(Out *out) {
    out->bytes[out->used - 1] = '\n';
    if (out->used > OUT_BYTES - OUT_ROW_MAX) {
        out_flush(out);
    }
}

#endif
