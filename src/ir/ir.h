/*
 * The tensor IR: an immutable relational graph over typed scalar expressions, all in one arena.  It
 * prints to and parses from one line of text (s-expressions), which is the form a plan keeps it in:
 *
 *   (limit (const 10 i64) _
 *     (sort ((col 1 num(4)) desc nulls_first) ...
 *       (aggregate ((col 0 text)) ((sum (mul ...) num(4)) (count_star i64))
 *         (filter (le (col 2 date) (const 10471 date))
 *           (scan 0 "lineitem" ("l_returnflag" text) ("l_quantity" num(2)) ...)))))
 *
 * doc/ir.md has the grammar.
 */
#ifndef TQP_IR_IR_H
#define TQP_IR_IR_H

#include "base/arena.h"
#include "tensor/tensor.h"

typedef enum TqpOp {
#define TQP_OP(e, n, lo, hi, note) TQP_OP_##e,
#include "ir/ops.def"
#undef TQP_OP
    TQP_OP_COUNT
} TqpOp;

typedef enum TqpAggFunc {
#define TQP_AGG(e, n, a, note) TQP_AGG_##e,
#include "ir/aggs.def"
#undef TQP_AGG
    TQP_AGG_COUNT_OF_FUNCS
} TqpAggFunc;

/* A scalar value of some type (given beside it). INT class in i, FLOAT in f, BOOL in b, TEXT in s.
 */
typedef struct TqpValue {
    bool is_null;
    bool b;
    TqpInt128 i;
    double f;
    TqpView s; /* bytes owned by whoever made the value; for IR constants by its arena */
} TqpValue;

typedef struct TqpExpr {
    TqpOp op;
    TqpType type;   /* of the result */
    uint32_t index; /* COL, PARAM, OUTER */
    uint32_t level; /* OUTER: 0 = the nearest dependent join around it */
    TqpValue value; /* CONST */
    uint32_t nargs;
    const struct TqpExpr *const *args;
} TqpExpr;

typedef struct TqpAgg {
    TqpAggFunc func;
    TqpType type;          /* of the result */
    const TqpExpr *arg;    /* NULL for COUNT_STAR */
    const TqpExpr *filter; /* FILTER (WHERE ...), or NULL */
    bool distinct;
} TqpAgg;

typedef struct TqpSortKey {
    const TqpExpr *expr;
    bool descending;
    bool nulls_first;
} TqpSortKey;

/*
 * A join pairs each row of inputs[0] (left) with each row of inputs[1] (right); its predicate reads
 * the left columns, then the right ones.  A predicate of constant true makes it a cross join.
 */
typedef enum TqpJoinKind {
#define TQP_JOIN(e, n, note) TQP_JOIN_##e,
#include "ir/joins.def"
#undef TQP_JOIN
    TQP_JOIN_KIND_COUNT
} TqpJoinKind;

/* Columns of a scan that no two rows share unless one of them is NULL: a valid unique index. */
typedef struct TqpUnique {
    uint32_t ncolumns;
    const uint32_t *columns;
} TqpUnique;

/*
 * FILTER passes the rows for which its predicate is true.  Of an AND at the top of the predicate
 * (or of an aggregate's filter) a row meets an operand only when those before it are true: unlike
 * in any other AND, NULL stops it as FALSE does.
 */
typedef enum TqpNodeKind {
    TQP_NODE_SCAN,   /* outputs the relation's columns as listed */
    TQP_NODE_VALUES, /* outputs rows of constants and parameters */
    TQP_NODE_JOIN,
    TQP_NODE_APPEND, /* the rows of both inputs, whose types are equal: UNION ALL */
    TQP_NODE_FILTER,
    TQP_NODE_PROJECT,   /* one output per expression */
    TQP_NODE_AGGREGATE, /* keys, then aggregates; no key: one row; groups by IS NOT DISTINCT */
    TQP_NODE_SORT,
    TQP_NODE_NUMBER, /* sorted, and two more outputs: row number and rank, of i64 */
    TQP_NODE_LIMIT,
    /*
     * inputs[0] is computed once, for every SHARED of its number in inputs[1], whose rows come out.
     * Only the root is a WITH, or the second input of one.
     */
    TQP_NODE_WITH,
    TQP_NODE_SHARED, /* what the WITH of this number defines */
    TQP_NODE_KIND_COUNT
} TqpNodeKind;

typedef struct TqpNode {
    TqpNodeKind kind;
    uint32_t ninputs;
    const struct TqpNode *inputs[2];
    uint32_t noutputs;
    const TqpType *types; /* noutputs of them */
    union {
        struct {
            uint32_t relation;          /* index into the relations given at bind */
            const char *name;           /* for people */
            const char *const *columns; /* noutputs names, for people */
            uint32_t nuniques;
            const TqpUnique *uniques;
            uint32_t nnot_null; /* columns in which no row is NULL */
            const uint32_t *not_null;
        } scan;
        struct {
            uint32_t nrows;
            const TqpExpr *const *exprs; /* nrows * noutputs CONST or PARAM, row by row */
        } values;
        struct {
            TqpJoinKind kind;
            /*
             * The right input may read the left row by OUTER, at any depth.  The optimiser's
             * decorrelation leaves no such join.
             */
            bool dependent;
            const TqpExpr *pred;
        } join;
        struct {
            const TqpExpr *pred;
        } filter;
        struct {
            const TqpExpr *const *exprs; /* noutputs */
        } project;
        struct {
            uint32_t nkeys;
            const TqpExpr *const *keys;
            uint32_t naggs;
            const TqpAgg *aggs;
        } aggregate;
        struct {
            uint32_t nkeys;
            const TqpSortKey *keys;
            /*
             * NUMBER: both count from 1 for each value of the first keys, npartition of them; rows
             * that agree in all keys have the rank of the first of them.
             */
            uint32_t npartition;
        } sort;
        struct {
            const TqpExpr *count;  /* I64 CONST or PARAM without columns; NULL = no limit */
            const TqpExpr *offset; /* likewise; NULL = 0 */
        } limit;
        struct {
            uint32_t number;
            /*
             * SHARED: a node with the columns and rows of what is defined, to ask questions of.  A
             * rewrite of the definition leaves it behind.
             */
            const struct TqpNode *definition;
        } shared; /* WITH, SHARED */
    };
} TqpNode;

/* Deepest nesting of expressions, and of nodes, that check and parse accept. */
#define TQP_IR_MAX_DEPTH 400

/*
 * ---- Construction (ir/build.c).  Arrays are copied; NULL when the arena failed or when an
 * argument that must be there is NULL, so that calls nest and the outermost result is the one to
 * test. ----
 */
const TqpExpr *tqp_ir_col(TqpArena *a, uint32_t index, TqpType type);
const TqpExpr *tqp_ir_param(TqpArena *a, uint32_t index, TqpType type);
const TqpExpr *tqp_ir_outer(TqpArena *a, uint32_t level, uint32_t index, TqpType type);
const TqpExpr *tqp_ir_const(TqpArena *a, TqpType type, const TqpValue *value); /* copies bytes */
const TqpExpr *tqp_ir_const_int(TqpArena *a, TqpType type, TqpInt128 value);
const TqpExpr *tqp_ir_const_null(TqpArena *a, TqpType type);
const TqpExpr *tqp_ir_const_bool(TqpArena *a, bool value);
const TqpExpr *tqp_ir_const_text(TqpArena *a, TqpType type, const char *s, uint32_t len);
const TqpExpr *tqp_ir_call(TqpArena *a, TqpOp op, TqpType type, uint32_t nargs,
                           const TqpExpr *const *args);
const TqpExpr *tqp_ir_call1(TqpArena *a, TqpOp op, TqpType type, const TqpExpr *x);
const TqpExpr *tqp_ir_call2(TqpArena *a, TqpOp op, TqpType type, const TqpExpr *x,
                            const TqpExpr *y);

const TqpNode *tqp_ir_scan(TqpArena *a, uint32_t relation, const char *name, uint32_t ncolumns,
                           const char *const *columns, const TqpType *types);
/* The same scan with these unique sets. */
const TqpNode *tqp_ir_scan_unique(TqpArena *a, const TqpNode *scan, uint32_t nuniques,
                                  const TqpUnique *uniques);
/* The same scan with these columns never NULL. */
const TqpNode *tqp_ir_scan_not_null(TqpArena *a, const TqpNode *scan, uint32_t n,
                                    const uint32_t *columns);
const TqpNode *tqp_ir_values(TqpArena *a, uint32_t ncolumns, const TqpType *types, uint32_t nrows,
                             const TqpExpr *const *exprs);
const TqpNode *tqp_ir_join(TqpArena *a, TqpJoinKind kind, bool dependent, const TqpNode *left,
                           const TqpNode *right, const TqpExpr *pred);
const TqpNode *tqp_ir_append(TqpArena *a, const TqpNode *first, const TqpNode *second);
const TqpNode *tqp_ir_filter(TqpArena *a, const TqpNode *input, const TqpExpr *pred);
const TqpNode *tqp_ir_project(TqpArena *a, const TqpNode *input, uint32_t n,
                              const TqpExpr *const *exprs);
const TqpNode *tqp_ir_aggregate(TqpArena *a, const TqpNode *input, uint32_t nkeys,
                                const TqpExpr *const *keys, uint32_t naggs, const TqpAgg *aggs);
const TqpNode *tqp_ir_sort(TqpArena *a, const TqpNode *input, uint32_t nkeys,
                           const TqpSortKey *keys);
const TqpNode *tqp_ir_number(TqpArena *a, const TqpNode *input, uint32_t npartition, uint32_t nkeys,
                             const TqpSortKey *keys);
const TqpNode *tqp_ir_limit(TqpArena *a, const TqpNode *input, const TqpExpr *count,
                            const TqpExpr *offset);
const TqpNode *tqp_ir_with(TqpArena *a, uint32_t number, const TqpNode *definition,
                           const TqpNode *body);
const TqpNode *tqp_ir_shared(TqpArena *a, uint32_t number, const TqpNode *definition);

/* ---- Text (ir/print*.c, ir/parse.c).  parse(print(x)) equals x; parse checks types. ---- */
void tqp_ir_print(const TqpNode *node, TqpString *out);      /* one line */
void tqp_ir_print_tree(const TqpNode *node, TqpString *out); /* indented, for people */
void tqp_ir_print_expr(const TqpExpr *expr, TqpString *out); /* s-expression */
/* A value as PostgreSQL would show it, unquoted; NULL as "null". */
void tqp_ir_print_value(TqpType type, const TqpValue *value, TqpString *out);
TqpStatus tqp_ir_parse(TqpArena *a, const char *text, const TqpNode **node,
                       TqpError *err) TQP_NODISCARD;

/* ---- Checking and walking (ir/check.c, ir/types.c, ir/walk.c) ---- */
TqpStatus tqp_ir_check(const TqpNode *node, TqpError *err) TQP_NODISCARD;
/* An expression over an input with these columns. */
TqpStatus tqp_ir_check_expr(const TqpExpr *e, uint32_t ncolumns, const TqpType *columns,
                            TqpError *err) TQP_NODISCARD;
/*
 * The result type of op over these arguments; TQP_INVALID when they do not fit.  CAST, EXTRACT
 * and HOST leave a choice: *type holds it on entry and is only checked.
 */
TqpStatus tqp_ir_call_type(TqpOp op, uint32_t nargs, const TqpExpr *const *args, TqpType *type,
                           TqpError *err) TQP_NODISCARD;
/* Likewise of an aggregate; arg is NULL exactly for COUNT_STAR. */
TqpStatus tqp_ir_agg_type(TqpAggFunc func, const TqpExpr *arg, TqpType *type,
                          TqpError *err) TQP_NODISCARD;
bool tqp_ir_expr_equal(const TqpExpr *a, const TqpExpr *b);
bool tqp_ir_node_equal(const TqpNode *a, const TqpNode *b);
/* Nodes of e as a tree, counted up to `cap`.  *depth receives its nesting (may be NULL). */
uint32_t tqp_ir_expr_size(const TqpExpr *e, uint32_t cap, uint32_t *depth);
/* Could evaluating it end in OVERFLOW, DIV_BY_ZERO, ...?  Never false when it could. */
bool tqp_ir_expr_may_raise(const TqpExpr *e);
/* Mark in `used` (a bitmap) the columns that e reads. */
void tqp_ir_expr_columns(const TqpExpr *e, uint64_t *used);
/*
 * Rebuild e with every COL replaced by exprs[index].  Like map below it returns e itself where
 * nothing changes, and NULL when the arena failed.
 */
const TqpExpr *tqp_ir_expr_substitute(TqpArena *a, const TqpExpr *e, const TqpExpr *const *exprs);
/* Rebuild e bottom-up through fn, which returns its argument or a replacement. */
typedef const TqpExpr *(*TqpExprMap)(TqpArena *a, const TqpExpr *e, void *arg);
const TqpExpr *tqp_ir_expr_map(TqpArena *a, const TqpExpr *e, TqpExprMap fn, void *arg);

const char *tqp_ir_op_name(TqpOp op);
const char *tqp_ir_join_name(TqpJoinKind kind);
bool tqp_ir_join_parse(const char *name, size_t len, TqpJoinKind *kind);
const char *tqp_ir_agg_name(TqpAggFunc func);
bool tqp_ir_op_parse(const char *name, size_t len, TqpOp *op);
bool tqp_ir_agg_parse(const char *name, size_t len, TqpAggFunc *func);

#endif
