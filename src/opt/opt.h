/*
 * The optimiser: one named rewrite per file, driven in the order of passes.def.  Rewrites keep the
 * root's output columns, and never move an expression that may raise to where more rows meet it.
 */
#ifndef TQP_OPT_OPT_H
#define TQP_OPT_OPT_H

#include "ir/ir.h"

/*
 * column_pruning narrows scans: `scan_columns`, when not NULL, receives for relation r the kept
 * columns as indexes into the columns that the unoptimised scan listed.  Scans of one relation list
 * the same columns, before and after: decorrelation may scan a relation twice.
 */
typedef struct TqpScanColumns {
    uint32_t ncolumns;
    const uint32_t *columns;
} TqpScanColumns;

/*
 * What join_order knows of a column; unknown members are 0.  Exactness is not needed: a wrong
 * number makes a slow plan, never a wrong one.
 */
typedef struct TqpOptColumn {
    double ndistinct;     /* distinct non-null values; 0: unknown */
    double null_fraction; /* of all rows, 0 to 1 */
    bool has_range;
    double min, max; /* of INT class the stored integers (num(2) 12.50 is 1250), FLOAT as is */
} TqpOptColumn;

typedef struct TqpOptRelation {
    double rows;                 /* visible rows; 0: unknown */
    uint32_t ncolumns;           /* of columns[], may be less than the scan lists */
    const TqpOptColumn *columns; /* as the unoptimised scan lists them */
} TqpOptRelation;

typedef struct TqpOptOptions {
    const char *disabled; /* comma-separated names of passes to skip, or NULL */
    /* Called after each pass that changed the plan; may be NULL. */
    void (*trace)(const char *pass, const TqpNode *node, void *arg);
    void *trace_arg;
    uint32_t nrelations;
    TqpScanColumns *scan_columns; /* nrelations entries, or NULL */
    const TqpOptRelation *stats;  /* nrelations entries, or NULL; read until run returns */
} TqpOptOptions;

TqpStatus tqp_opt_run(TqpArena *a, const TqpNode *in, const TqpOptOptions *options,
                      const TqpNode **out, TqpError *err) TQP_NODISCARD;

/* The node, behind a fence (opt/fence.c) if something in it may raise; NULL: no memory. */
const TqpNode *tqp_opt_fence(TqpArena *a, const TqpNode *node);

/* Does it read no left row around it, so that a WITH at the root may define it?  False too when the
 * arena failed.  (opt/shared.c) */
bool tqp_opt_is_closed(TqpArena *a, const TqpNode *node);

#endif
