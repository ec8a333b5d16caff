/* The eight tables: how many rows (or orders) each has at a scale, and how to write one. */
#ifndef TPCHGEN_TABLES_H
#define TPCHGEN_TABLES_H

#include "out.h"

typedef struct Scale {
    double factor;
    int64_t suppliers;
    int64_t parts;
    int64_t customers;
    int64_t orders;
    int64_t clerks;
    const char *text; /* pool of TEXT_POOL_BYTES, borrowed */
} Scale;

/* `units` counts what `write` is called for, from 1 to units: a row, or for partsupp the 4 rows of
 * a part and for lineitem the 1 to 7 rows of an order. */
typedef struct Table {
    const char *name;
    int64_t (*units)(const Scale *scale);
    void (*write)(const Scale *scale, int64_t unit, Out *out);
} Table;

extern const Table TABLES[];
extern const int TABLE_COUNT;

Scale scale_make(double factor, const char *text);

#endif
