/* The five tables: how many rows (or orders) each has at a scale, and how to write one. */
#ifndef SSBGEN_SSBGEN_H
#define SSBGEN_SSBGEN_H

#include "out.h"

enum { SSB_DAYS = 2557 }; /* 1992-01-01 to 1998-12-31 */

typedef struct SsbScale {
    int64_t suppliers;
    int64_t customers;
    int64_t parts;
    int64_t orders;
} SsbScale;

/* `units` counts what `write` is called for, from 0: a row, for lineorder an order's lines. */
typedef struct SsbTable {
    const char *name;
    int64_t (*units)(const SsbScale *scale);
    void (*write)(const SsbScale *scale, int64_t unit, Out *out);
} SsbTable;

extern const SsbTable SSB_TABLES[];
extern const int SSB_TABLE_COUNT;

SsbScale ssb_scale(double factor);

/* Days count from 1992-01-01. */
int64_t ssb_date_key(int day); /* as yyyymmdd */
void ssb_write_date(const SsbScale *scale, int64_t day, Out *out);

#endif
