/*
 * What the fuzz targets share.  A target is one file fuzz_NAME.c with the entry point that
 * libFuzzer calls; replay.c gives it a main of its own for compilers without libFuzzer.  A finding
 * is an abort.
 */
#ifndef TQP_TEST_FUZZ_H
#define TQP_TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_require(bool ok, const char *what, const char *detail) {
    if (ok)
        return;
    fprintf(stderr, "fuzz: %s: %s\n", what, detail);
    abort();
}

#endif
