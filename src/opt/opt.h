/*
 * The optimiser: one named rewrite per file, driven in the order of passes.def.  Rewrites keep the
 * root's output columns, and never move an expression that may raise to where more rows meet it.
 */
#ifndef TQP_OPT_OPT_H
#define TQP_OPT_OPT_H

#include "ir/ir.h"

/*
 * column_pruning narrows scans: `scan_columns`, when not NULL, receives for relation r the kept
 * columns as indexes into the columns that the unoptimised scan listed.
 */
typedef struct TqpScanColumns {
    uint32_t ncolumns;
    const uint32_t *columns;
} TqpScanColumns;

typedef struct TqpOptOptions {
    const char *disabled; /* comma-separated names of passes to skip, or NULL */
    /* Called after each pass that changed the plan; may be NULL. */
    void (*trace)(const char *pass, const TqpNode *node, void *arg);
    void *trace_arg;
    uint32_t nrelations;
    TqpScanColumns *scan_columns; /* nrelations entries, or NULL */
} TqpOptOptions;

TqpStatus tqp_opt_run(TqpArena *a, const TqpNode *in, const TqpOptOptions *options,
                      const TqpNode **out, TqpError *err) TQP_NODISCARD;

#endif
