/*
 * The optimiser: each rewrite by its text before and after, and thousands of random plans whose
 * result, computed by an interpreter, must not change.
 */
#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "unit/ir_eval.h"
#include "unit/ir_random.h"
#include "opt/opt.h"

#define FOLD_OFF  "constant_folding"
#define CANON_OFF "canonicalise"
#define PUSH_OFF  "predicate_pushdown"
#define PRUNE_OFF "column_pruning"

/* A plan before and after, with the passes in `disabled` off. */
static void rewrites(const char *disabled, const char *before, const char *after, int line) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node, *out;
    TqpString got = {0};
    TqpOptOptions options = {.disabled = disabled};
    if (tqp_ir_parse(&a, before, &node, &err) == TQP_OK &&
        tqp_opt_run(&a, node, &options, &out, &err) == TQP_OK)
        tqp_ir_print(out, &got);
    else
        tqp_string_printf(&got, "%s", err.message);
    check_str(got.data, after, __FILE__, line);
    tqp_string_free(&got);
    tqp_arena_free(&a);
}

#define T                                                                                          \
    "(scan 0 \"t\" (\"i\" i32) (\"j\" i32) (\"n\" num(2)) (\"s\" text) (\"d\" date) (\"b\" bool) " \
    "(\"f\" f64) (\"l\" text(100)))"
#define I    "(col 0 i32)"
#define J    "(col 1 i32)"
#define N    "(col 2 num(2))"
#define S    "(col 3 text)"
#define D    "(col 4 date)"
#define B    "(col 5 bool)"
#define F    "(col 6 f64)"
#define L    "(col 7 text(100))"
#define C(x) "(const " x " i32)"

/* An expression before and after one pass alone. */
static void rewrites_expr(const char *others_off, const char *before, const char *after, int line) {
    TqpString x = {0}, y = {0};
    tqp_string_printf(&x, "(project (%s) %s)", before, T);
    tqp_string_printf(&y, "(project (%s) %s)", after, T);
    rewrites(others_off, x.data, y.data, line);
    tqp_string_free(&x);
    tqp_string_free(&y);
}

#define FOLDS(before, after)                                                                       \
    rewrites_expr(CANON_OFF "," PUSH_OFF "," PRUNE_OFF, before, after, __LINE__)
#define KEEPS_UNFOLDED(expr) FOLDS(expr, expr)
#define CANON(before, after)                                                                       \
    rewrites_expr(FOLD_OFF ", " PUSH_OFF ", " PRUNE_OFF, before, after, __LINE__)
#define PLAN(disabled, before, after) rewrites(disabled, before, after, __LINE__)

static void folding(void) {
    FOLDS("(add " C("2") " " C("3") ")", C("5"));
    KEEPS_UNFOLDED("(add " C("2147483647") " " C("1") ")");
    KEEPS_UNFOLDED("(div " C("1") " " C("0") ")");
    KEEPS_UNFOLDED("(div " C("-2147483648") " " C("-1") ")");
    FOLDS("(div " C("-7") " " C("2") ")", C("-3"));
    FOLDS("(mod " C("-7") " " C("2") ")", C("-1"));
    FOLDS("(mod " C("-2147483648") " " C("-1") ")", C("0"));
    KEEPS_UNFOLDED("(neg " C("-2147483648") ")");
    FOLDS("(mul (const 150 num(2)) (const 25 num(1)))", "(const 3750 num(3))");
    FOLDS("(add (const 10 date) " C("5") ")", "(const 15 date)");
    KEEPS_UNFOLDED("(add (const 2147483647 date) " C("5") ")");
    FOLDS("(sub (const 10 date) (const 25 date))", C("-15"));
    FOLDS("(add (const 0.5 f64) (const 0.25 f64))", "(const 0.75 f64)");
    KEEPS_UNFOLDED("(mul (const 1.0000000000000001e+300 f64) (const 1.0000000000000001e+300 f64))");
    KEEPS_UNFOLDED("(div (const 1 f64) (const 0 f64))");
    FOLDS("(add (const inf f64) (const 1 f64))", "(const inf f64)");
    FOLDS("(cast (const 7 i32) num(2))", "(const 700 num(2))");
    FOLDS("(cast (const 125 num(2)) num(1))", "(const 13 num(1))");
    FOLDS("(cast (const -125 num(2)) num(1))", "(const -13 num(1))");
    FOLDS("(cast (const 250 num(2)) i32)", C("3"));
    FOLDS("(cast (const -250 num(2)) i32)", C("-3"));
    KEEPS_UNFOLDED("(cast (const 99999999999 num(0)) i32)");
    FOLDS("(cast (const 2.5 f64) i32)", C("2"));
    KEEPS_UNFOLDED("(cast (const nan f64) i32)");
    FOLDS("(cast (const 10 num(2)) f64)", "(const 0.10000000000000001 f64)");
    FOLDS("(cast (const -1 ts) date)", "(const -1 date)");
    FOLDS("(cast (const 1 date) ts)", "(const 86400000000 ts)");
    KEEPS_UNFOLDED("(cast (const 2147483647 date) ts)");
    FOLDS("(cast (const true bool) i32)", C("1"));
    FOLDS("(add " I " "
          "(const null i32))",
          "(const null i32)");
    FOLDS("(eq " I " (const null i32))", "(const null bool)");
    FOLDS("(lt (const \"a\" text) (const \"b\" text))", "(const true bool)");
    KEEPS_UNFOLDED("(lt (const \"a\" text(100)) (const \"b\" text(100)))");
    FOLDS("(eq (const \"a\" text(100)) (const \"a\" text(100)))", "(const true bool)");
    FOLDS("(eq (const nan f64) (const nan f64))", "(const true bool)");
    FOLDS("(gt (const nan f64) (const inf f64))", "(const true bool)");
    KEEPS_UNFOLDED("(eq " I " " I ")"); /* NULL where i is */
    FOLDS("(distinct (const null i32) " C("1") ")", "(const true bool)");
    FOLDS("(distinct (const null i32) (const null i32))", "(const false bool)");
    FOLDS("(and " B " (const true bool))", B);
    FOLDS("(and " B " (const false bool))", "(const false bool)");
    KEEPS_UNFOLDED("(and " B " (const null bool))");
    FOLDS("(and (const null bool) (const true bool) (const null bool))", "(const null bool)");
    FOLDS("(or " B " (const true bool))", "(const true bool)");
    FOLDS("(and " B " (eq (div " I " " J ") " C("1") ") " B " (const false bool) " B ")",
          "(and " B " (eq (div " I " " J ") " C("1") ") (const false bool))");
    KEEPS_UNFOLDED("(or (eq (div " I " " J ") " C("1") ") (const true bool))");
    FOLDS("(or (const false bool) (const false bool))", "(const false bool)");
    FOLDS("(not (const null bool))", "(const null bool)");
    FOLDS("(is_true (const null bool))", "(const false bool)");
    FOLDS("(is_null (const null i32))", "(const true bool)");
    FOLDS("(case (const false bool) " I " " B " " J " (const true bool) " C("3") " " C("4") ")",
          "(case " B " " J " " C("3") ")");
    FOLDS("(case (const null bool) " I " " J ")", J);
    FOLDS("(coalesce (const null i32) " I " " C("1") " " J ")", "(coalesce " I " " C("1") ")");
    FOLDS("(coalesce " C("1") " " J ")", C("1"));
    FOLDS("(greatest " C("1") " (const null i32) " C("3") ")", C("3"));
    FOLDS("(least " C("1") " (const null i32) " I ")", "(least " C("1") " " I ")");
    FOLDS("(in " C("1") " " C("2") " (const null i32))", "(const null bool)");
    FOLDS("(in " C("2") " " C("2") " (const null i32))", "(const true bool)");
    FOLDS("(in " C("1") " " C("2") " (param 0 i32))", "(in " C("1") " " C("2") " (param 0 i32))");
    FOLDS("(coalesce (const null text(7)) (const \"x\" text(7)))", "(const \"x\" text(7))");
    FOLDS("(case (const true bool) " L " " L " text)", "(cast " L " text)");
    PLAN(PRUNE_OFF, "(filter (eq " C("1") " " C("1") ") " T ")", T);
    PLAN(PRUNE_OFF, "(filter (eq " I " (const null i32)) " T ")",
         "(filter (const false bool) " T ")");
}

static void canonical(void) {
    CANON("(lt " C("1") " " I ")", "(gt " I " " C("1") ")");
    CANON("(eq (param 0 i32) " I ")", "(eq " I " (param 0 i32))");
    CANON("(add " C("1") " " I ")", "(add " I " " C("1") ")");
    CANON("(sub " C("1") " " I ")", "(sub " C("1") " " I ")");
    CANON("(add (const 1 date) " I ")", "(add (const 1 date) " I ")");
    CANON("(not (lt " I " " J "))", "(ge " I " " J ")");
    CANON("(not (le " F " (const nan f64)))", "(gt " F " (const nan f64))");
    CANON("(not (not " B "))", B);
    CANON("(not (and " B " (is_null " I ")))", "(or (not " B ") (not (is_null " I ")))");
    CANON("(not (or (lt " I " " J ") (not " B ")))", "(and (ge " I " " J ") " B ")");
    CANON("(not (and (ne " I " " C("1") ") (ne " I " " C("2") ")))",
          "(in " I " " C("1") " " C("2") ")");
    CANON("(not (distinct " I " " J "))", "(not (distinct " I " " J "))");
    CANON("(and (and " B " (is_null " I ")) " B ")", "(and " B " (is_null " I "))");
    CANON("(and (ge " I " " C("1") ") " B " (lt " I " " C("9") "))",
          "(and (ge " I " " C("1") ") (lt " I " " C("9") ") " B ")");
    CANON("(and (lt " I " " C("9") ") " B " (ge " I " " C("1") "))",
          "(and (ge " I " " C("1") ") (lt " I " " C("9") ") " B ")");
    CANON("(and (ge " I " " C("1") ") (ge " I " " C("5") ") (gt " I " " C("5") "))",
          "(gt " I " " C("5") ")");
    CANON("(and (ge " I " " C("1") ") (lt " I " " C("9") ") (lt " I " " C("8") ") (gt " I
                                                                               " " C("0") "))",
          "(and (ge " I " " C("1") ") (lt " I " " C("8") "))");
    /* The division stands between the bounds: the second is not moved before it. */
    CANON("(and (ge " I " " C("1") ") (gt (div " J " " I ") " C("1") ") (lt " I " " C("9") "))",
          "(and (ge " I " " C("1") ") (gt (div " J " " I ") " C("1") ") (lt " I " " C("9") "))");
    CANON("(or (eq " I " " C("1") ") (eq " I " " C("2") ") (eq " J " " C("3") ") (eq " I
                                                                              " " C("1") "))",
          "(or (in " I " " C("1") " " C("2") ") (eq " J " " C("3") "))");
    CANON("(or (eq " S " (const \"a\" text)) (in " S " (const \"b\" text) (param 1 text)))",
          "(in " S " (const \"a\" text) (const \"b\" text) (param 1 text))");
    CANON("(or (eq " I " " C("1") ") (gt (div " J " " I ") " C("1") ") (eq " I " " C("2") "))",
          "(or (eq " I " " C("1") ") (gt (div " J " " I ") " C("1") ") (eq " I " " C("2") "))");
    CANON("(in " I " " C("1") " " C("1") ")", "(eq " I " " C("1") ")");
    CANON("(or " B " (or (is_null " I ") " B "))", "(or " B " (is_null " I "))");
}

static void pushdown(void) {
    const char *off = FOLD_OFF "," CANON_OFF "," PRUNE_OFF;
    /* adjacent filters merge, cheap conjuncts first, none before one that may raise */
    PLAN(off, "(filter (lt " I " " C("1") ") (filter (like " S " (const \"a%\" text)) " T "))",
         "(filter (and (lt " I " " C("1") ") (like " S " (const \"a%\" text))) " T ")");
    PLAN(off, "(filter (and (eq (div " I " " J ") " C("1") ") (lt " I " " C("1") ")) " T ")",
         "(filter (and (eq (div " I " " J ") " C("1") ") (lt " I " " C("1") ")) " T ")");
    PLAN(off,
         "(filter (and (like " S " (const \"a\" text)) (ne " J " " C("0") ") (eq (div " I " " J
                                                                          ") " C("1") ")) " T ")",
         "(filter (and (ne " J " " C("0") ") (like " S " (const \"a\" text)) (eq (div " I " " J
                                          ") " C("1") ")) " T ")");
    PLAN(off,
         "(filter (and (is_null " I ") (eq (div " I " " J ") " C("1") ") " B " (const null bool) " B
                                                                      ") " T ")",
         "(filter (and (is_null " I ") (eq (div " I " " J ") " C("1") ") (const false bool)) " T
                                                                      ")");
    /* through a projection */
    PLAN(off,
         "(filter (gt (col 1 bool) (const false bool)) (project (" I " (is_null " S ")) " T "))",
         "(project (" I " (is_null " S ")) (filter (gt (is_null " S ") (const false bool)) " T
         "))");
    PLAN(off, "(filter (gt (col 0 i32) " C("1") ") (project ((add " I " " J ")) " T "))",
         "(project ((add " I " " J ")) (filter (gt (add " I " " J ") " C("1") ") " T "))");
    /* through a sort, never through a limit */
    PLAN(off, "(filter " B " (sort (" I " asc nulls_last) " T "))",
         "(sort (" I " asc nulls_last) (filter " B " " T "))");
    PLAN(off, "(filter " B " (limit (const 3 i64) _ (filter (is_null " I ") " T ")))",
         "(filter " B " (limit (const 3 i64) _ (filter (is_null " I ") " T ")))");
    /* HAVING: on keys below, on aggregates above, nothing below without a key */
    PLAN(off,
         "(filter (and (gt (col 1 i64) (const 1 i64)) (lt (col 0 i32) " C(
             "5") ")) (aggregate (" J ") ((count_star i64)) " T "))",
         "(filter (gt (col 1 i64) (const 1 i64)) (aggregate (" J
         ") ((count_star i64)) (filter (lt " J " " C("5") ") " T ")))");
    PLAN(off, "(filter (const false bool) (aggregate () ((count_star i64)) " T "))",
         "(filter (const false bool) (aggregate () ((count_star i64)) " T "))");
    PLAN(off, "(filter (const false bool) (aggregate (" I ") ((count_star i64)) " T "))",
         "(aggregate (" I ") ((count_star i64)) (filter (const false bool) " T "))");
    PLAN(off, "(filter (eq (div " C("1") " (col 0 i32)) " C("1") ") (aggregate (" I ") () " T "))",
         "(aggregate (" I ") () (filter (eq (div " C("1") " " I ") " C("1") ") " T "))");
}

static void pruning(void) {
    PLAN(NULL, "(project (" N ") (filter (lt " D " (const 1 date)) " T "))",
         "(project ((col 0 num(2))) (filter (lt (col 1 date) (const 1 date)) (scan 0 \"t\" (\"n\" "
         "num(2)) (\"d\" date))))");
    PLAN(NULL, "(aggregate () ((count_star i64)) " T ")",
         "(aggregate () ((count_star i64)) (scan 0 \"t\"))");
    PLAN(NULL,
         "(project ((col 2 num(2)) (col 0 i32)) (aggregate (" I " " B ") ((sum " N
         " num(2)) (max " S " text)) " T "))",
         "(project ((col 2 num(2)) (col 0 i32)) (aggregate ((col 0 i32) (col 2 bool)) ((sum (col "
         "1 num(2)) num(2))) (scan 0 \"t\" (\"i\" i32) (\"n\" num(2)) (\"b\" bool))))");
}

static void pruning_more(void) {
    /* the last line's types: key 0 i32, key 1 bool, then aggregates */
    PLAN(NULL,
         "(project ((col 0 i32)) (sort ((col 1 i32) asc nulls_last) (project (" I " " J " " N ") " T
         ")))",
         "(project ((col 0 i32)) (sort ((col 1 i32) asc nulls_last) (scan 0 \"t\" (\"i\" i32) "
         "(\"j\" i32))))");
    PLAN(NULL, "(limit (const 1 i64) _ " T ")", "(limit (const 1 i64) _ " T ")");
    /* a fence keeps all, and where it is */
    PLAN(NULL,
         "(project (" I ") (filter (is_null " J ") (limit _ _ (project (" I " " J " (div " I " " J
         ")) (scan 0 \"t\" (\"i\" i32) (\"j\" i32))))))",
         "(project (" I ") (filter (is_null " J ") (limit _ _ (project (" I " " J " (div " I " " J
         ")) (scan 0 \"t\" (\"i\" i32) (\"j\" i32))))))");
    PLAN(NULL, "(project () (aggregate () ((sum " I ") (count " J ")) " T "))",
         "(project () (aggregate () ((sum (col 0 i32) i64)) (scan 0 \"t\" (\"i\" i32))))");
}

static void shared_nodes(void) {
    const char *off = "shared_inlining", *off2 = "shared_inlining," PRUNE_OFF;
    /* what one reader filters the other may read */
    PLAN(off,
         "(with 0 (project (" I " " J " " N ") (filter " B " " T ")) (append (project ((col 0 "
         "i32)) (filter (lt (col 1 i32) " C("5") ") (shared 0))) (project ((col 0 i32)) (shared "
                                                 "0))))",
         "(with 0 (project ((col 0 i32) (col 1 i32)) (filter (col 2 bool) (scan 0 \"t\" (\"i\" "
         "i32) (\"j\" i32) (\"b\" bool)))) (append (project ((col 0 i32)) (filter (lt (col 1 "
         "i32) " C("5") ") (shared 0))) (project ((col 0 i32)) (shared 0))))");
    /* columns that only a definition reads, and one of which none is read */
    PLAN(off,
         "(with 3 (project (" I " " J " " N " " D ") " T ") (with 1 (aggregate ((col 2 num(2))) "
         "((count_star i64) (max (col 3 date) date)) (shared 3)) (filter (gt (col 1 i64) (const 1 "
         "i64)) (project ((col 0 num(2)) (col 1 i64)) (shared 1)))))",
         "(with 3 (scan 0 \"t\" (\"n\" num(2))) (with 1 (aggregate ((col 0 num(2))) ((count_star "
         "i64)) (shared 3)) (filter (gt (col 1 i64) (const 1 i64)) (shared 1))))");
    PLAN(off, "(with 0 (limit (const 3 i64) _ " T ") (aggregate () ((count_star i64)) (shared 0)))",
         "(with 0 (limit (const 3 i64) _ (scan 0 \"t\")) (aggregate () ((count_star i64)) (shared "
         "0)))");
    /* what is unique there is unique here: a scalar subquery finds at most one row */
    PLAN(off2,
         "(with 0 (aggregate (" I ") ((count_star i64)) " T ") (join single (eq (col 0 i32) (col 2 "
         "i32)) (shared 0) (shared 0)))",
         "(with 0 (aggregate (" I ") ((count_star i64)) " T ") (join left (eq (col 0 i32) (col 2 "
         "i32)) (shared 0) (shared 0)))");
    /* read once, by nobody, or cheaper apart: the readers' filters go into the copies */
    PLAN(FOLD_OFF,
         "(with 0 (project (" I " " J ") " T ") (with 1 (filter (is_null (col 0 i32)) (shared 0)) "
         "(project ((col 0 i32)) (filter (lt (col 1 i32) " C("5") ") (shared 0)))))",
         "(project ((col 0 i32)) (filter (lt (col 1 i32) " C("5") ") (scan 0 \"t\" (\"i\" i32) "
                                                                  "(\"j\" i32))))");
    PLAN(
        FOLD_OFF,
        "(with 0 (project (" I " " J ") " T ") (append (filter (is_null (col 0 i32)) (shared 0)) "
        "(filter (lt (col 1 i32) " C("5") ") (shared 0))))",
        "(append (filter (is_null (col 0 i32)) (scan 0 \"t\" (\"i\" i32) (\"j\" i32))) (filter (lt "
        "(col 1 i32) " C("5") ") (scan 0 \"t\" (\"i\" i32) (\"j\" i32))))");
    PLAN(FOLD_OFF,
         "(with 0 (aggregate (" I ") ((count_star i64)) " T ") (append (shared 0) (shared 0)))",
         "(with 0 (aggregate ((col 0 i32)) ((count_star i64)) (scan 0 \"t\" (\"i\" i32))) (append "
         "(shared 0) (shared 0)))");
}

static void traced(const char *pass, const TqpNode *node, void *arg) {
    TqpString *log = arg;
    tqp_string_printf(log, "%s%s", log->len ? " " : "", pass);
    CHECK(node != NULL);
}

static void driver(void) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node, *out;
    TqpScanColumns columns[2] = {{0}};
    TqpString log = {0};
    TqpOptOptions options = {
        .trace = traced, .trace_arg = &log, .nrelations = 2, .scan_columns = columns};
    CHECK(tqp_ir_parse(&a,
                       "(project ((col 2 i32)) (filter (lt (const 1 i32) (col 1 i32)) (scan 1 "
                       "\"t\" (\"a\" i32) (\"b\" i32) (\"c\" i32))))",
                       &node, &err) == TQP_OK);
    CHECK(tqp_opt_run(&a, node, &options, &out, &err) == TQP_OK);
    CHECK_STR(log.data, "canonicalise column_pruning");
    CHECK_INT(columns[0].ncolumns, 0);
    CHECK_INT(columns[1].ncolumns, 2);
    CHECK(columns[1].ncolumns == 2 && columns[1].columns[0] == 1 && columns[1].columns[1] == 2);
    options.disabled = "canonicalise, column_pruning";
    CHECK(tqp_opt_run(&a, node, &options, &out, &err) == TQP_OK && out == node);
    CHECK(columns[1].ncolumns == 3 && columns[1].columns[2] == 2);
    options.nrelations = 1;
    CHECK(tqp_opt_run(&a, node, &options, &out, &err) == TQP_INVALID);
    tqp_string_free(&log);
    tqp_arena_free(&a);
}

/* ---- random plans ---- */

static IrTable random_table(IrRandom *r, IrEval *ev, const TqpNode *scan) {
    uint32_t nrows = ir_random(r, 12);
    IrTable t = eval_table(ev, nrows, scan->noutputs);
    for (uint32_t i = 0; i < nrows; i++) {
        TqpValue *row = eval_new_row(ev, &t);
        for (uint32_t c = 0; c < scan->noutputs; c++)
            row[c] = ir_random_const(r, scan->types[c])->value;
    }
    return t;
}

/* What the pruned scan outputs of a table. */
static IrTable narrow(IrEval *ev, const IrTable *t, const TqpScanColumns *columns) {
    IrTable out = eval_table(ev, t->nrows, columns->ncolumns);
    for (uint32_t i = 0; i < t->nrows; i++) {
        TqpValue *row = eval_new_row(ev, &out);
        for (uint32_t c = 0; c < columns->ncolumns; c++)
            row[c] = t->rows[i][columns->columns[c]];
    }
    return out;
}

static bool same_tables(const TqpNode *node, const IrTable *x, const IrTable *y) {
    if (x->nrows != y->nrows)
        return false;
    for (uint32_t i = 0; i < x->nrows; i++)
        for (uint32_t c = 0; c < node->noutputs; c++)
            if (!eval_same(node->types[c], x->rows[i][c], y->rows[i][c]))
                return false;
    return true;
}

static void print_both(uint64_t seed, const char *why, const TqpNode *x, const TqpNode *y) {
    TqpString s = {0};
    tqp_ir_print(x, &s);
    tqp_string_printf(&s, "\n  ");
    if (y != NULL)
        tqp_ir_print(y, &s);
    fprintf(stderr, "  seed %d: %s\n  %s\n", (int)seed, why, s.data);
    tqp_string_free(&s);
}

/*
 * Rows and their order must stay.  A plan that does not raise must not raise afterwards; one that
 * does may cease to, since constants fold as PostgreSQL's planner folds them.
 */
static int random_plan(uint64_t seed, const char *disabled) {
    TqpArena a = {0};
    TqpError err = {0};
    IrRandom r = {.state = seed, .a = &a, .evaluable = true};
    const TqpNode *node = ir_random_plan(&r, 1 + (int)(seed % 5), 1 + (int)(seed % 4)), *out = NULL;
    const TqpNode *scan = node;
    TqpScanColumns columns;
    TqpOptOptions options = {.disabled = disabled, .nrelations = 1, .scan_columns = &columns};
    int changed = 0;
    CHECK(node != NULL);
    while (scan->kind != TQP_NODE_SCAN)
        scan = scan->inputs[0];
    bool ok = tqp_opt_run(&a, node, &options, &out, &err) == TQP_OK;
    const char *why = err.message;
    for (int round = 0; ok && round < 4; round++) {
        IrEval before = {.a = &a}, after = {.a = &a};
        IrTable table = random_table(&r, &before, scan),
                narrowed = narrow(&after, &table, &columns);
        IrTable x = eval_node(&before, node, &table), y = eval_node(&after, out, &narrowed);
        if (before.raised)
            continue;
        ok = !after.raised && same_tables(node, &x, &y);
        why = after.raised ? "raises" : "rows differ";
        changed = ok && !tqp_ir_node_equal(node, out);
    }
    CHECK(ok);
    if (!ok)
        print_both(seed, why, node, out);
    tqp_arena_free(&a);
    return changed;
}

static void random_plans(void) {
    static const char *const disabled[] = {NULL,
                                           NULL,
                                           CANON_OFF "," PUSH_OFF "," PRUNE_OFF,
                                           FOLD_OFF "," PUSH_OFF "," PRUNE_OFF,
                                           FOLD_OFF "," CANON_OFF "," PRUNE_OFF,
                                           FOLD_OFF "," CANON_OFF "," PUSH_OFF};
    int changed = 0;
    for (uint64_t seed = 1; seed <= 6000; seed++)
        changed += random_plan(seed, disabled[seed % 6]);
    CHECK(changed > 500); /* plans that were rewritten and ran without an error */
}

/* An arena that runs out gives a status at every point of failure. */
static void memory_limits(void) {
    TqpArena a = {0};
    IrRandom r = {.state = 42, .a = &a};
    const TqpNode *node = ir_random_plan(&r, 5, 4), *out;
    TqpOptOptions options = {0};
    TqpError err = {0};
    TqpStatus status = TQP_MEMORY_LIMIT;
    for (int64_t limit = 1; limit < (1 << 26) && status != TQP_OK; limit += limit / 2 + 1) {
        TqpBroker broker;
        TqpArena small;
        tqp_broker_init(&broker, limit);
        tqp_arena_init(&small, &broker);
        status = tqp_opt_run(&small, node, &options, &out, &err);
        CHECK(status == TQP_OK || status == TQP_MEMORY_LIMIT);
        tqp_arena_free(&small);
    }
    CHECK(status == TQP_OK);
    tqp_arena_free(&a);
}

int main(void) {
    folding();
    canonical();
    pushdown();
    pruning();
    pruning_more();
    shared_nodes();
    driver();
    random_plans();
    memory_limits();
    return check_report("opt");
}
