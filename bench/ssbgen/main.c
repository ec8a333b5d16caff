/*
 * Writes one table of the Star Schema Benchmark as PostgreSQL COPY text to stdout:
 *
 *   ssbgen SCALE TABLE        (date, supplier, customer, part or lineorder)
 *
 * The same arguments give the same bytes on every machine. Rows, ranges and hierarchies follow the
 * benchmark's specification (O'Neil, O'Neil, Chen, revision 3); the bytes are not those of its
 * dbgen.
 */
#include <stdlib.h>

#include "ssbgen.h"

static const SsbTable *find_table(const char *name) {
    for (int i = 0; i < SSB_TABLE_COUNT; i++) {
        if (strcmp(SSB_TABLES[i].name, name) == 0) {
            return &SSB_TABLES[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    double factor = 0;
    char rest;
    const SsbTable *table = argc == 3 ? find_table(argv[2]) : NULL;
    if (!table || sscanf(argv[1], "%lf%c", &factor, &rest) != 1 || !(factor > 0) || factor > 1000) {
        fputs("usage: ssbgen SCALE date|supplier|customer|part|lineorder\n", stderr);
        return 2;
    }
    Out *out = malloc(sizeof(*out));
    if (!out) {
        fputs("ssbgen: out of memory\n", stderr);
        return 1;
    }
    out->file = stdout;
    out->failed = false;
    out->used = 0;
    SsbScale scale = ssb_scale(factor);
    for (int64_t unit = 0, units = table->units(&scale); unit < units && !out->failed; unit++) {
        table->write(&scale, unit, out);
    }
    out_flush(out);
    if (fclose(stdout) != 0 || out->failed) {
        perror("ssbgen: cannot write");
        return 1;
    }
    free(out);
    return 0;
}
