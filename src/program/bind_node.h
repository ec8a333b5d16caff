/* Inside the binder: nodes above one pipeline, between bind.c and the files of joins and appends.
 */
#ifndef TQP_PROGRAM_BIND_NODE_H
#define TQP_PROGRAM_BIND_NODE_H

#include "program/bind.h"

typedef struct TqpBindSort {
    const TqpExpr *expr; /* over the source's columns */
    bool descending, nulls_first;
} TqpBindSort;

/* What the open pipeline outputs so far. */
typedef struct TqpBindOpen {
    uint32_t noutputs;
    const TqpType *types;
    const TqpExpr **env; /* outputs over the source's columns */
    uint32_t nsort;
    TqpBindSort *sort;
    bool numbered; /* two more columns once it is closed */
    uint32_t npartition;
    uint32_t nhosts; /* likewise, as many columns */
    const TqpHostCall *hosts;
    bool limited;
    int64_t limit, offset;
    bool raised; /* a filter or join below may raise */
    bool single; /* by a scalar subquery with two rows, which runs even where nobody reads it */
} TqpBindOpen;

/* A materialised relation: results of pipelines, one after another. */
typedef struct TqpBindRows {
    uint32_t nsources;
    const uint32_t *sources;
    uint64_t max_rows;
    uint32_t ncolumns;
    const TqpType *types;
    TqpBindColumn *columns;
} TqpBindRows;

/* ---- bind.c ---- */
void tqp_bind_node(TqpBinder *b, const TqpNode *node, TqpBindOpen *o);
/* Outputs are the source's columns. */
void tqp_bind_identity(TqpBinder *b, TqpBindOpen *o, uint32_t n, const TqpType *types);
const TqpExpr *tqp_bind_substitute(TqpBinder *b, const TqpExpr *e, const TqpExpr *const *env);
/*
 * Close with a COLLECT sink; rows->columns say what was collected.  A column that is NULL
 * everywhere takes the dictionary of the same column in `like` (may be NULL), so that both can be
 * read alike.
 */
void tqp_bind_collect(TqpBinder *b, const TqpBindOpen *o, const TqpBindColumn *like,
                      TqpBindRows *rows);
/* Close it when it has a limit, and read the result. */
void tqp_bind_settle(TqpBinder *b, TqpBindOpen *o);

/* ---- bind_host_rows.c ---- */
/*
 * Where functions of the host's among these expressions over the outputs cannot be lookups, the
 * pipeline is closed, the host called for its rows, and the result read; the expressions then read
 * the columns that it gave, which stand in o->env behind the outputs.
 */
void tqp_bind_host_rows(TqpBinder *b, TqpBindOpen *o, uint32_t n, const TqpExpr **exprs);
/*
 * The conjuncts of an inner join's predicate for which the host is called by rows: they are applied
 * to the rows of the join.  Gives the others; fails when nothing else would be a key.
 */
const TqpExpr *tqp_bind_without_hosts(TqpBinder *b, const TqpExpr *pred, uint32_t nleft,
                                      uint32_t *n, const TqpExpr ***hosts);

/* Keep the rows for which a predicate over the outputs is true; nothing is settled before. */
void tqp_bind_filter_by(TqpBinder *b, TqpBindOpen *o, const TqpExpr *pred);

/* ---- bind_append.c ---- */
void tqp_bind_append(TqpBinder *b, const TqpNode *node, TqpBindOpen *o);
/* The open pipeline's rows, collected unless they are whole results already. */
void tqp_bind_materialise(TqpBinder *b, TqpBindOpen *o, const TqpBindColumn *like,
                          TqpBindRows *rows);
void tqp_bind_read(TqpBinder *b, const TqpBindRows *rows, TqpBindOpen *o);
/* Rows of `more` behind those of `rows`; either may be empty (ncolumns equal). */
void tqp_bind_add_rows(TqpBinder *b, TqpBindRows *rows, const TqpBindRows *more);
/* Codes of one mean the same strings in the other. */
bool tqp_bind_same_dict(const TqpDict *x, const TqpDict *y);

/* ---- bind_shared.c ---- */
void tqp_bind_with(TqpBinder *b, const TqpNode *node, TqpBindOpen *o);
void tqp_bind_shared(TqpBinder *b, const TqpNode *node, TqpBindOpen *o);

/* ---- bind_values.c ---- */
void tqp_bind_values(TqpBinder *b, const TqpNode *node, TqpBindOpen *o);

/* ---- joins ---- */
typedef struct TqpBindKey {
    const TqpExpr *left, *right; /* over the outputs of the left and of the right input */
    const TqpExpr *conjunct;     /* the whole, over left ++ right outputs */
    bool null_safe;              /* NULL matches NULL, and both sides have some */
    bool definite;               /* true or false, even of NULLs */
    TqpBound l, r;
} TqpBindKey;

/* A value of the right input compared with one of the left. */
typedef struct TqpBindComparison {
    const TqpExpr *left, *right; /* each over the outputs of its input */
    TqpBoundOp op;               /* right op left */
    bool definite;               /* whether that is true, even of NULLs */
} TqpBindComparison;

/* The bounds of a ranged map's columns. */
typedef struct TqpBindBounds {
    uint32_t n, nranges; /* 0: the map is not ranged */
    TqpBoundOp ops[2];
    bool definite;
    TqpBound r[2], l[2]; /* l: in registers, bias and range such that r is compared with it */
} TqpBindBounds;

/* The conjuncts of a join's predicate. */
typedef struct TqpBindPred {
    uint32_t nleft, nkeys, nprobe, nbuild, nresidual;
    TqpBindKey *keys;
    const TqpExpr **probe;    /* of the left input alone */
    const TqpExpr **build;    /* of the right input alone, over its outputs */
    const TqpExpr **pairs;    /* the same over left ++ right outputs */
    const TqpExpr **residual; /* the rest, over left ++ right outputs, in order */
} TqpBindPred;

/* Two inputs to be joined: the left one's pipeline is the open one. */
typedef struct TqpBindJoin {
    TqpJoinKind kind;
    const TqpExpr *pred;
    const TqpNode *left_node, *right_node; /* whose rows they are */
    TqpBindOpen *left, *right;
    struct TqpBinder *other; /* the right one's pipeline */
    TqpBindPred p;
    TqpBindBounds bounds;
    TqpBindBuild *build;
    bool unique; /* no two rows of the right input match one of the left */
    bool single; /* no two rows of the left input match one of the right */
} TqpBindJoin;

void tqp_bind_join(TqpBinder *b, const TqpNode *node, TqpBindOpen *o); /* bind_join.c */
/* The join's output is that of *j->left. */
void tqp_bind_join_inputs(TqpBinder *b, TqpBindJoin *j);
/* bind_join_probe.c: PROBE, what it makes visible, and the residual. */
void tqp_bind_probe(TqpBinder *b, TqpBindJoin *j);
/* bind_join_rows.c: over materialised inputs, in several joins whose rows are appended. */
void tqp_bind_join_rows(TqpBinder *b, TqpBindJoin *j);
/* Split: conjuncts that may raise go to the residual.  bind_join_pred.c */
void tqp_bind_split(TqpBinder *b, const TqpExpr *pred, uint32_t nleft, TqpBindPred *out);
/* Is it a comparison of one input with the other that raises by numbers out of range at most? */
bool tqp_bind_comparison(TqpBinder *b, const TqpExpr *e, uint32_t nleft, TqpBindComparison *out);
/* The conjunction of residual conjuncts and more; NULL when there is none. */
const TqpExpr *tqp_bind_conjunction(TqpBinder *b, uint32_t n, const TqpExpr *const *conjuncts);
/* MASK of the rows that meet each conjunct, one after another as a filter would. */
uint16_t tqp_bind_condition(TqpBinder *b, uint32_t n, const TqpExpr *const *conjuncts);

/*
 * Bring bound keys to one lane, bias and dictionary on both sides, and choose the map.  The open
 * pipeline is the probe's; slots[] receives its keys, *n their number.  bind_join_key.c
 */
void tqp_bind_keys(TqpBinder *b, TqpBindBuild *build, uint32_t nkeys, TqpBindKey *keys,
                   TqpSlot *slots);

/* bind_join_range.c: take bounds out of the residual where that pays. */
void tqp_bind_choose_bounds(TqpBinder *b, TqpBindJoin *j);
/* Can the one comparison that a MARK consists of be NULL? */
bool tqp_bind_bound_may_be_null(const TqpBindBounds *bounds);
/* After the keys: order the map; the probe's bounds as slots[0 .. n). */
void tqp_bind_bounds(TqpBinder *b, TqpBindBuild *build, const TqpBindBounds *bounds,
                     TqpSlot *slots);

/*
 * Do no two rows of the node agree in the columns marked in `equal` (and not NULL there) and in
 * those marked in `same` (or NULL in both)?  equal is part of same.  bind_unique.c
 */
bool tqp_bind_unique(TqpBinder *b, const TqpNode *node, const uint64_t *equal,
                     const uint64_t *same);

#endif
