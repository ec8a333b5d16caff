/*
 * Writes the table `hits` of ClickBench's shape as PostgreSQL COPY text to stdout:
 *
 *   hitsgen ROWS
 *
 * The same number gives the same bytes on every machine. Columns, types, the skew of values and
 * the constants that the 43 queries look for are those of the benchmark; the rows are made up.
 */
#include <stdlib.h>

#include "hits.h"

int main(int argc, char **argv) {
    char rest;
    long long rows;
    if (argc != 2 || sscanf(argv[1], "%lld%c", &rows, &rest) != 1 || rows < 1 ||
        rows > 1000000000) {
        fputs("usage: hitsgen ROWS\n", stderr);
        return 2;
    }
    Out *out = malloc(sizeof(*out));
    if (!out) {
        fputs("hitsgen: out of memory\n", stderr);
        return 1;
    }
    out->file = stdout;
    out->failed = false;
    out->used = 0;
    for (int64_t row = 0; row < rows && !out->failed; row++) {
        hits_write(row, rows, out);
    }
    out_flush(out);
    if (fclose(stdout) != 0 || out->failed) {
        perror("hitsgen: cannot write");
        return 1;
    }
    free(out);
    return 0;
}
