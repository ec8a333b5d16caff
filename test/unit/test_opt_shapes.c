/*
 * The optimiser on the shapes of TPC-H, by their text before and after, and on large joins, by
 * time.
 */
#include "unit/check.h"

#include <stdlib.h>
#include <time.h>

#include "opt/opt.h"

#define PART_     "(scan 0 \"part\" (\"p_partkey\" i32) (\"p_type\" text) (unique 0))"
#define SUPPLIER_ "(scan 1 \"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0))"
#define PARTSUPP_                                                                                  \
    "(scan 2 \"partsupp\" (\"ps_partkey\" i32) (\"ps_suppkey\" i32) (\"ps_cost\" num(2)) (unique " \
    "0 1))"
#define CUSTOMER_ "(scan 3 \"customer\" (\"c_custkey\" i32) (\"c_nationkey\" i32) (unique 0))"
#define ORDERS_   "(scan 4 \"orders\" (\"o_orderkey\" i64) (\"o_custkey\" i32) (unique 0))"
#define LINEITEM_(n)                                                                               \
    "(scan " n " \"lineitem\" (\"l_orderkey\" i64) (\"l_suppkey\" i32) (\"l_partkey\" i32) "       \
    "(\"l_quantity\" num(2)))"
#define NATION_ "(scan 6 \"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0))"

static const double rows[] = {200000,  10000, 800000, 150000,  1500000,
                              6000000, 25,    5,      6000000, 6000000};

static void rewrites(const char *before, const char *after, int line) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node, *out;
    TqpString got = {0};
    TqpScanColumns columns[10];
    TqpOptRelation stats[10] = {{0}};
    for (int i = 0; i < 10; i++)
        stats[i].rows = rows[i];
    TqpOptOptions options = {.nrelations = 10, .scan_columns = columns, .stats = stats};
    if (tqp_ir_parse(&a, before, &node, &err) == TQP_OK &&
        tqp_opt_run(&a, node, &options, &out, &err) == TQP_OK)
        tqp_ir_print(out, &got);
    else
        tqp_string_printf(&got, "%s", err.message);
    check_str(got.data, after, __FILE__, line);
    tqp_string_free(&got);
    tqp_arena_free(&a);
}

#define PLAN(before, after) rewrites(before, after, __LINE__)

static void correlated(void) {
    /* Q17 */
    PLAN("(aggregate () ((sum (col 3 num(2)) num(2)))(filter (lt (mul (col 3 num(2)) (const 5 "
         "num(0))) (col 6 num(2)))(dependent single (const true bool)(join inner (eq (col 2 i32) "
         "(col 4 i32)) " LINEITEM_("5") "(filter (eq (col 1 text) (const \"x\" text)) " PART_
                                        "))(aggregate () ((sum (col 3 num(2)) num(2))) (filter (eq "
                                        "(col 2 i32) (outer 0 4 i32)) " LINEITEM_("8") ")))))",
         "(aggregate () ((sum (col 1 num(2)) num(2))) (join inner (and (eq (col 0 i32) "
         "(col 4 i32)) (lt (mul (col 1 num(2)) (const 5 num(0))) (col 3 num(2)))) (scan 5 "
         "\"lineitem\" (\"l_partkey\" i32) (\"l_quantity\" num(2))) (join inner (eq (col "
         "0 i32) (col 2 i32)) (aggregate ((col 0 i32)) ((sum (col 1 num(2)) num(2))) "
         "(join semi (eq (col 0 i32) (col 2 i32)) (scan 8 \"lineitem\" (\"l_partkey\" "
         "i32) (\"l_quantity\" num(2))) (filter (eq (col 1 text) (const \"x\" text)) "
         "(scan 0 \"part\" (\"p_partkey\" i32) (\"p_type\" text) (unique 0))))) (filter "
         "(eq (col 1 text) (const \"x\" text)) (scan 0 \"part\" (\"p_partkey\" i32) "
         "(\"p_type\" text) (unique 0))))))");
    /* Q2 */
    PLAN("(project ((col 0 i32) (col 3 i32))(filter (eq (col 4 num(2)) (col 7 num(2)))(dependent "
         "single (const true bool)(join inner (eq (col 3 i32) (col 5 i32)) (join inner (eq (col 0 "
         "i32) (col 2 i32)) " PART_ PARTSUPP_ ")" SUPPLIER_
         ")(aggregate () ((min (col 2 num(2)) num(2))) (filter (and (eq (col 0 i32) (outer 0 0 "
         "i32)) (eq (col 1 i32) (col 3 i32)))(join inner (const true bool) (scan 7 \"partsupp\" "
         "(\"ps_partkey\" i32) (\"ps_suppkey\" i32) (\"ps_cost\" num(2)) (unique 0 1)) (scan 8 "
         "\"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0))))))))",
         "(project ((col 0 i32) (col 3 i32)) (join inner (eq (col 0 i32) (col 2 i32)) (scan 0 "
         "\"part\" (\"p_partkey\" i32) (unique 0)) (join inner (eq (col 0 i32) (col 2 i32)) (scan "
         "1 \"supplier\" (\"s_suppkey\" i32) (unique 0)) (join inner (and (eq (col 0 i32) (col 3 "
         "i32)) (eq (col 2 num(2)) (col 4 num(2)))) (scan 2 \"partsupp\" (\"ps_partkey\" i32) "
         "(\"ps_suppkey\" i32) (\"ps_cost\" num(2)) (unique 0 1)) (aggregate ((col 1 i32)) ((min "
         "(col 3 num(2)) num(2))) (join inner (eq (col 0 i32) (col 2 i32)) (scan 8 \"supplier\" "
         "(\"s_suppkey\" i32) (unique 0)) (scan 7 \"partsupp\" (\"ps_partkey\" i32) "
         "(\"ps_suppkey\" i32) (\"ps_cost\" num(2)) (unique 0 1))))))))");
    /* Q21 */
    PLAN("(aggregate ((col 4 i32)) ((count_star i64))(filter (and (col 6 bool) (not (col 7 "
         "bool)))(dependent mark (const true bool)(dependent mark (const true bool)(join inner (eq "
         "(col 1 i32) (col 4 i32)) " LINEITEM_("5") SUPPLIER_
         ")(filter (and (eq (col 0 i64) (outer 0 0 i64)) (ne (col 1 i32) (outer 0 1 "
         "i32))) " LINEITEM_(
             "8") "))(filter (and (eq (col 0 i64) (outer 0 0 i64)) (ne (col 1 i32) (outer 0 1 "
                  "i32)) (gt (col 3 num(2)) (const 1 num(2)))) " LINEITEM_("9") "))))",
         "(with 0 (join inner (eq (col 1 i32) (col 2 i32)) (scan 5 \"lineitem\" (\"l_orderkey\" "
         "i64) (\"l_suppkey\" i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) (unique 0))) "
         "(aggregate ((col 0 i32)) ((count_star i64)) (project ((col 2 i32)) (join anti (and (eq "
         "(col 3 i64) (col 0 i64)) (ne (col 4 i32) (col 1 i32))) (join semi (and (eq (col 3 i64) "
         "(col 0 i64)) (ne (col 4 i32) (col 1 i32))) (shared 0) (join semi (eq (col 0 i64) (col 2 "
         "i64)) (scan 8 \"lineitem\" (\"l_orderkey\" i64) (\"l_suppkey\" i32)) (shared 0))) (join "
         "semi (eq (col 0 i64) (col 3 i64)) (filter (gt (col 2 num(2)) (const 1 num(2))) (scan 9 "
         "\"lineitem\" (\"l_orderkey\" i64) (\"l_suppkey\" i32) (\"l_quantity\" num(2)))) (shared "
         "0))))))");
    /* Q20: IN of a subquery that has a correlated sum */
    PLAN("(filter (col 2 bool) (dependent mark (eq (col 0 i32) (col 2 i32)) " SUPPLIER_
         "(project ((col 1 i32)) (filter (and (col 3 bool) (gt (col 2 num(2)) (col 4 "
         "num(2))))(dependent single (const true bool) (join mark (eq (col 0 i32) (col 3 "
         "i32)) " PARTSUPP_ PART_
         ")(aggregate () ((sum (col 3 num(2)) num(2))) (filter (and (eq (col 2 i32) (outer 0 0 "
         "i32)) (eq (col 1 i32) (outer 0 1 i32))) " LINEITEM_("5") "))))))) ",
         "(project ((col 0 i32) (col 1 i32) (const true bool)) (join semi (eq (col 0 i32) (col 6 "
         "i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0)) (join "
         "inner (and (eq (col 0 i32) (col 3 i32)) (eq (col 1 i32) (col 4 i32)) (gt (col 5 num(2)) "
         "(col 2 num(2)))) (aggregate ((col 1 i32) (col 0 i32)) ((sum (col 2 num(2)) num(2))) "
         "(scan 5 \"lineitem\" (\"l_suppkey\" i32) (\"l_partkey\" i32) (\"l_quantity\" num(2)))) "
         "(join semi (eq (col 0 i32) (col 3 i32)) (scan 2 \"partsupp\" (\"ps_partkey\" i32) "
         "(\"ps_suppkey\" i32) (\"ps_cost\" num(2)) (unique 0 1)) (scan 0 \"part\" (\"p_partkey\" "
         "i32) (unique 0))))))");
    /* Q22: NOT EXISTS, and an uncorrelated average */
    PLAN("(aggregate ((col 1 i32)) ((count_star i64)) (filter (and (gt (col 0 i32) (col 2 i32)) "
         "(not (col 3 bool)))(dependent mark (const true bool) (join single (const true "
         "bool) " CUSTOMER_
         "(aggregate () ((max (col 1 i32) i32)) (scan 7 \"customer\" (\"c_custkey\" i32) "
         "(\"c_nationkey\" i32) (unique 0))))(filter (eq (col 1 i32) (outer 0 0 i32)) " ORDERS_
         "))))",
         "(aggregate ((col 0 i32)) ((count_star i64)) (project ((col 1 i32)) (join inner (gt (col "
         "0 i32) (col 2 i32)) (join anti (eq (col 2 i32) (col 0 i32)) (scan 3 \"customer\" "
         "(\"c_custkey\" i32) (\"c_nationkey\" i32) (unique 0)) (scan 4 \"orders\" (\"o_custkey\" "
         "i32))) (aggregate () ((max (col 0 i32) i32)) (scan 7 \"customer\" (\"c_nationkey\" "
         "i32))))))");
}

static void conditions(void) {
    /* Q7: filters implied per side */
    PLAN("(project ((col 0 i32)) (filter (or (and (eq (col 1 i32) (const 1 i32)) (eq (col 3 i32) "
         "(const 2 i32)))(and (eq (col 1 i32) (const 2 i32)) (eq (col 3 i32) (const 1 i32))))(join "
         "inner (eq (col 0 i32) (col 2 i32)) " SUPPLIER_ CUSTOMER_ ")))",
         "(project ((col 0 i32)) (join inner (and (eq (col 0 i32) (col 2 i32)) (or (and (eq (col 1 "
         "i32) (const 1 i32)) (eq (col 3 i32) (const 2 i32))) (and (eq (col 1 i32) (const 2 i32)) "
         "(eq (col 3 i32) (const 1 i32))))) (filter (in (col 1 i32) (const 1 i32) (const 2 i32)) "
         "(scan 1 \"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0))) (filter (in "
         "(col 1 i32) (const 2 i32) (const 1 i32)) (scan 3 \"customer\" (\"c_custkey\" i32) "
         "(\"c_nationkey\" i32) (unique 0)))))");
    /* Q19: a common conjunct, then filters per side */
    PLAN("(aggregate () ((count_star i64)) (filter (or(and (eq (col 0 i32) (col 4 i32)) (eq (col 1 "
         "text) (const \"a\" text)) (lt (col 5 num(2)) (const 1 num(2))))(and (eq (col 0 i32) (col "
         "4 i32)) (eq (col 1 text) (const \"b\" text)) (gt (col 5 num(2)) (const 9 num(2)))))(join "
         "inner (const true bool) " PART_ LINEITEM_("5") ")))",
         "(aggregate () ((count_star i64)) (join inner (and (eq (col 0 i32) (col 2 i32)) (or (and "
         "(eq (col 3 text) (const \"a\" text)) (lt (col 1 num(2)) (const 1 num(2)))) (and (eq (col "
         "3 text) (const \"b\" text)) (gt (col 1 num(2)) (const 9 num(2)))))) (filter (or (lt (col "
         "1 num(2)) (const 1 num(2))) (gt (col 1 num(2)) (const 9 num(2)))) (scan 5 \"lineitem\" "
         "(\"l_partkey\" i32) (\"l_quantity\" num(2)))) (filter (in (col 1 text) (const \"a\" "
         "text) (const \"b\" text)) (scan 0 \"part\" (\"p_partkey\" i32) (\"p_type\" text) (unique "
         "0)))))");
    /* a constant through an equality, also to the right of a left join */
    PLAN("(filter (and (eq (col 0 i32) (const 5 i32)) (lt (col 1 i32) (const 3 i32))) (join inner "
         "(and (eq (col 0 i32) (col 2 i32)) (eq (col 1 i32) (col 3 i32))) " SUPPLIER_ NATION_ "))",
         "(join inner (and (eq (col 0 i32) (col 2 i32)) (eq (col 1 i32) (col 3 i32))) (filter (and "
         "(eq (col 0 i32) (const 5 i32)) (lt (col 1 i32) (const 3 i32))) (scan 1 \"supplier\" "
         "(\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0))) (filter (and (eq (col 0 i32) "
         "(const 5 i32)) (lt (col 1 i32) (const 3 i32))) (scan 6 \"nation\" (\"n_nationkey\" i32) "
         "(\"n_regionkey\" i32) (unique 0))))");
    PLAN("(filter (eq (col 0 i32) (const 5 i32)) (join left (eq (col 0 i32) (col 2 i32)) " SUPPLIER_
             NATION_ "))",
         "(join left (eq (col 0 i32) (col 2 i32)) (filter (eq (col 0 i32) (const 5 i32)) (scan 1 "
         "\"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0))) (filter (eq (col 0 "
         "i32) (const 5 i32)) (scan 6 \"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) "
         "(unique 0))))");
    /* also what may raise; a mark's predicate stays where it may be NULL */
    PLAN("(filter (eq (div (const 1 i32) (col 0 i32)) (const 5 i32)) (join inner (eq (col 0 i32) "
         "(col 2 i32)) " SUPPLIER_ NATION_ "))",
         "(join inner (eq (col 0 i32) (col 2 i32)) (filter (eq (div (const 1 i32) (col 0 i32)) "
         "(const 5 i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique "
         "0))) (scan 6 \"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0)))");
    PLAN("(join mark (and (eq (col 0 i32) (col 2 i32)) (eq (col 3 i32) (const 1 i32)) (is_null "
         "(col 3 i32))) " SUPPLIER_ NATION_ ")",
         "(join mark (and (eq (col 0 i32) (col 2 i32)) (eq (col 3 i32) (const 1 i32))) (scan 1 "
         "\"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0)) (filter (is_null (col "
         "1 i32)) (scan 6 \"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0))))");
    /* an append */
    PLAN("(filter (eq (col 0 i32) (const 1 i32)) (append (project ((col 0 i32)) " SUPPLIER_
         ") (project ((col 0 i32)) " NATION_ ")))",
         "(append (filter (eq (col 0 i32) (const 1 i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) "
         "(unique 0))) (filter (eq (col 0 i32) (const 1 i32)) (scan 6 \"nation\" (\"n_nationkey\" "
         "i32) (unique 0))))");
}

static void kinds(void) {
    PLAN("(filter (lt (col 3 i32) (const 1 i32)) (join left (eq (col 0 i32) (col 2 i32)) " SUPPLIER_
             NATION_ "))",
         "(join inner (eq (col 0 i32) (col 2 i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) "
         "(\"s_nationkey\" i32) (unique 0)) (filter (lt (col 1 i32) (const 1 i32)) (scan 6 "
         "\"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0))))");
    PLAN("(filter (is_null (col 2 i32)) (join left (eq (col 0 i32) (col 2 i32)) " SUPPLIER_ NATION_
         "))",
         "(project ((col 0 i32) (col 1 i32) (const null i32) (const null i32)) (join anti (eq (col "
         "0 i32) (col 2 i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) "
         "(unique 0)) (scan 6 \"nation\" (\"n_nationkey\" i32) (unique 0))))");
    PLAN("(filter (is_null (col 3 i32)) (join left (eq (col 0 i32) (col 2 i32)) " SUPPLIER_ NATION_
         "))",
         "(filter (is_null (col 3 i32)) (join left (eq (col 0 i32) (col 2 i32)) (scan 1 "
         "\"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0)) (scan 6 \"nation\" "
         "(\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0))))");
    PLAN("(filter (lt (col 3 i32) (const 1 i32)) (join full (eq (col 0 i32) (col 2 i32)) " SUPPLIER_
             NATION_ "))",
         "(project ((col 2 i32) (col 3 i32) (col 0 i32) (col 1 i32)) (join left (eq (col 2 i32) "
         "(col 0 i32)) (filter (lt (col 1 i32) (const 1 i32)) (scan 6 \"nation\" (\"n_nationkey\" "
         "i32) (\"n_regionkey\" i32) (unique 0))) (scan 1 \"supplier\" (\"s_suppkey\" i32) "
         "(\"s_nationkey\" i32) (unique 0))))");
    PLAN("(filter (lt (col 0 i32) (const 1 i32)) (join full (eq (col 1 i32) (col 2 i32)) " SUPPLIER_
             NATION_ "))",
         "(join left (eq (col 1 i32) (col 2 i32)) (filter (lt (col 0 i32) (const 1 i32)) (scan 1 "
         "\"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0))) (scan 6 \"nation\" "
         "(\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0)))");
    /* NOT IN is no anti join: its predicate may be NULL */
    PLAN("(filter (not (col 2 bool)) (join mark (eq (col 0 i32) (col 2 i32)) " SUPPLIER_ NATION_
         "))",
         "(filter (not (col 2 bool)) (join mark (eq (col 0 i32) (col 2 i32)) (scan 1 \"supplier\" "
         "(\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0)) (scan 6 \"nation\" "
         "(\"n_nationkey\" i32) (unique 0))))");
    PLAN("(filter (not (col 2 bool)) (join mark (const true bool) " SUPPLIER_ NATION_ "))",
         "(project ((col 0 i32) (col 1 i32) (const false bool)) (join anti (const true bool) (scan "
         "1 \"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0)) (scan 6 "
         "\"nation\")))");
    /* a scalar subquery by a key has at most one row, one by another column may have two */
    PLAN("(join single (eq (col 1 i32) (col 2 i32)) " SUPPLIER_ NATION_ ")",
         "(join left (eq (col 1 i32) (col 2 i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) "
         "(\"s_nationkey\" i32) (unique 0)) (scan 6 \"nation\" (\"n_nationkey\" i32) "
         "(\"n_regionkey\" i32) (unique 0)))");
    PLAN("(join single (eq (col 1 i32) (col 3 i32)) " SUPPLIER_ NATION_ ")",
         "(join single (eq (col 1 i32) (col 3 i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) "
         "(\"s_nationkey\" i32) (unique 0)) (scan 6 \"nation\" (\"n_nationkey\" i32) "
         "(\"n_regionkey\" i32) (unique 0)))");
    /* one that may give two rows, and whose value is compared, goes to the rows that it reads */
    PLAN("(filter (lt (col 3 i32) (col 4 i32)) (dependent single (const true bool) (join inner (eq "
         "(col 1 i32) (col 2 i32)) " SUPPLIER_ NATION_
         ") (project ((col 0 i32)) (filter (eq (col 1 "
         "i32) (outer 0 1 i32)) " CUSTOMER_ "))))",
         "(project ((col 0 i32) (col 1 i32) (col 4 i32) (col 5 i32) (col 2 i32)) "
         "(join inner (and (eq (col 1 i32) (col 4 i32)) (lt (col 5 i32) (col 2 i32))) "
         "(join single (eq (col 3 i32) (col 1 i32)) (scan 1 \"supplier\" (\"s_suppkey\" "
         "i32) (\"s_nationkey\" i32) (unique 0)) (scan 3 \"customer\" (\"c_custkey\" i32) "
         "(\"c_nationkey\" i32) (unique 0))) (scan 6 \"nation\" (\"n_nationkey\" i32) "
         "(\"n_regionkey\" i32) (unique 0))))");
    /* one that reads none is computed in any case */
    PLAN("(filter (lt (col 0 i32) (col 2 i32)) (join single (const true bool) " SUPPLIER_
         "(project ((col 0 i32)) " CUSTOMER_ ")))",
         "(join inner (lt (col 0 i32) (col 2 i32)) (scan 1 \"supplier\" (\"s_suppkey\" "
         "i32) (\"s_nationkey\" i32) (unique 0)) (join single (const true bool) (values "
         "() ()) (scan 3 \"customer\" (\"c_custkey\" i32) (unique 0))))");
    /* a count of nothing is 0, compared above the join */
    PLAN("(filter (eq (col 2 i64) (const 0 i64)) (dependent single (const true bool) " CUSTOMER_
         "(aggregate () ((count_star i64)) (filter (eq (col 1 i32) (outer 0 0 i32)) " ORDERS_
         "))))",
         "(project ((col 0 i32) (col 1 i32) (coalesce (col 3 i64) (const 0 i64))) (filter (eq "
         "(coalesce (col 3 i64) (const 0 i64)) (const 0 i64)) (join left (eq (col 0 i32) (col 2 "
         "i32)) (scan 3 \"customer\" (\"c_custkey\" i32) (\"c_nationkey\" i32) (unique 0)) "
         "(aggregate ((col 0 i32)) ((count_star i64)) (scan 4 \"orders\" (\"o_custkey\" i32))))))");
    /* by the domain of left values: no equality */
    PLAN("(dependent single (const true bool) " NATION_
         "(aggregate () ((max (col 0 i32) i32)) (filter (lt (col 1 i32) (outer 0 1 i32)) " SUPPLIER_
         ")))",
         "(project ((col 0 i32) (col 1 i32) (col 4 i32)) (join left (not (distinct (col 1 i32) "
         "(col 2 i32))) (scan 6 \"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0)) "
         "(join left (not (distinct (col 0 i32) (col 1 i32))) (aggregate ((col 1 i32)) () (scan 6 "
         "\"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique 0))) (aggregate ((col 2 "
         "i32)) ((max (col 0 i32) i32)) (join inner (lt (col 1 i32) (col 2 i32)) (scan 1 "
         "\"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) (unique 0)) (aggregate ((col 1 "
         "i32)) () (scan 6 \"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) (unique "
         "0))))))))");
    /* Q16: NOT IN of columns without NULLs */
    PLAN("(aggregate () ((count_star i64)) (filter (not (col 2 bool)) (join mark (eq (col 1 i32) "
         "(col 2 i32)) (scan 0 \"a\" (\"k\" i64) (\"s\" i32) (not_null 1)) (filter (is_null (col 1 "
         "text)) (project ((cast (col 0 i16) i32) (col 1 text)) (scan 1 \"b\" (\"s\" i16) (\"t\" "
         "text) (not_null 0)))))))",
         "(aggregate () ((count_star i64)) (project () (join anti (eq (col 0 i32) (col 1 i32)) "
         "(scan 0 \"a\" "
         "(\"s\" i32)) (project ((cast (col 0 i16) i32)) (filter (is_null (col 1 text)) (scan 1 "
         "\"b\" "
         "(\"s\" i16) (\"t\" text)))))))");
    /* the first rows of many are numbered for each left value */
    PLAN("(dependent single (const true bool) " NATION_
         "(limit (const 1 i64) (const 2 i64) (sort ((col 0 i32) desc nulls_first) (filter (lt (col "
         "1 i32) (outer 0 1 i32)) " SUPPLIER_ "))))",
         "(project ((col 0 i32) (col 1 i32) (col 2 i32) (col 3 i32)) (join left (not (distinct "
         "(col 1 i32) (col 4 i32))) (scan 6 \"nation\" (\"n_nationkey\" i32) (\"n_regionkey\" i32) "
         "(unique 0)) (filter (and (gt (col 3 i64) (const 2 i64)) (le (col 3 i64) (const 3 i64))) "
         "(number 1 ((col 2 i32) asc nulls_last) ((col 0 i32) desc nulls_first) (join inner (lt "
         "(col 1 i32) (col 2 i32)) (scan 1 \"supplier\" (\"s_suppkey\" i32) (\"s_nationkey\" i32) "
         "(unique 0)) (aggregate ((col 1 i32)) () (scan 6 \"nation\" (\"n_nationkey\" i32) "
         "(\"n_regionkey\" i32) (unique 0))))))))");
    PLAN("(dependent single (const true bool) " NATION_
         "(limit (param 0 i64) _ (filter (lt (col 1 i32) (outer 0 1 i32)) " SUPPLIER_ ")))",
         "LIMIT by a parameter in a correlated subquery");
}

static void late(void) {
    /* Q10: the customer is looked up for the groups */
    PLAN(
        "(aggregate ((col 0 i32) (col 1 i32)) ((sum (mul (col 7 num(2)) (const 5 num(0))) num(2))) "
        "(join inner (eq (col 2 i64) (col 4 i64)) (join inner (eq (col 0 i32) (col 3 "
        "i32)) " CUSTOMER_ " " ORDERS_ ") " LINEITEM_("5") "))",
        "(project ((col 2 i32) (col 3 i32) (col 1 num(2))) (join inner (eq (col 0 i32) (c"
        "ol 2 i32)) (aggregate ((col 3 i32)) ((sum (mul (col 1 num(2)) (const 5 num(0))) "
        "num(2))) (join inner (eq (col 0 i64) (col 2 i64)) (scan 5 \"lineitem\" (\"l_orde"
        "rkey\" i64) (\"l_quantity\" num(2))) (scan 4 \"orders\" (\"o_orderkey\" i64) (\""
        "o_custkey\" i32) (unique 0)))) (scan 3 \"customer\" (\"c_custkey\" i32) (\"c_nat"
        "ionkey\" i32) (unique 0))))");
    /* Not where a key does not tell the row of the others that it is looked up by .. */
    PLAN("(aggregate ((col 1 i32) (col 2 i64)) ((count_star)) (join inner (eq (col 0 i32) (col 3 "
         "i32)) " CUSTOMER_ " " ORDERS_ "))",
         "(aggregate ((col 3 i32) (col 0 i64)) ((count_star i64)) (join inner (eq (col 1 i"
         "32) (col 2 i32)) (scan 4 \"orders\" (\"o_orderkey\" i64) (\"o_custkey\" i32) (un"
         "ique 0)) (scan 3 \"customer\" (\"c_custkey\" i32) (\"c_nationkey\" i32) (unique "
         "0))))");
    /* .. nor where it drops rows */
    PLAN("(aggregate ((col 0 i32) (col 1 i32)) ((count_star)) (join inner (eq (col 0 i32) (col 3 "
         "i32)) (filter (eq (col 1 i32) (const 7 i32)) " CUSTOMER_ ") " ORDERS_ "))",
         "(aggregate ((col 1 i32) (col 2 i32)) ((count_star i64)) (join inner (eq (col 0 i"
         "32) (col 1 i32)) (scan 4 \"orders\" (\"o_custkey\" i32)) (filter (eq (col 1 i32)"
         " (const 7 i32)) (scan 3 \"customer\" (\"c_custkey\" i32) (\"c_nationkey\" i32) ("
         "unique 0)))))");
}

static void orders(void) {
    /* the large table probes, whatever was written; the smallest result first */
    PLAN(
        "(aggregate () ((count_star i64)) (filter (and (eq (col 0 i32) (col 3 i32)) (eq (col 2 "
        "i64) (col 4 i64)) (eq (col 9 i32) (const 3 i32)) (eq (col 1 i32) (col 8 i32)))(join inner "
        "(const true bool) (join inner (const true bool) (join inner (const true bool) " CUSTOMER_
            ORDERS_ ")" LINEITEM_("5") ")" NATION_ ")))",
        "(aggregate () ((count_star i64)) (join inner (eq (col 0 i64) (col 1 i64)) (scan 5 "
        "\"lineitem\" (\"l_orderkey\" i64)) (join inner (eq (col 1 i32) (col 2 i32)) (scan 4 "
        "\"orders\" (\"o_orderkey\" i64) (\"o_custkey\" i32) (unique 0)) (join inner (eq (col 1 "
        "i32) (col 2 i32)) (scan 3 \"customer\" (\"c_custkey\" i32) (\"c_nationkey\" i32) (unique "
        "0)) (filter (eq (col 1 i32) (const 3 i32)) (scan 6 \"nation\" (\"n_nationkey\" i32) "
        "(\"n_regionkey\" i32) (unique 0)))))))");
    /* a semi join below the joins that it does not need */
    PLAN("(aggregate () ((count_star i64)) (join semi (eq (col 2 i64) (col 4 i64)) (join inner (eq "
         "(col 0 i32) (col 3 i32)) " CUSTOMER_ ORDERS_
         ")(filter (gt (col 1 num(2)) (const 30000 num(2))) (aggregate ((col 0 i64)) ((sum (col 3 "
         "num(2)) num(2))) " LINEITEM_("5") "))))",
         "(aggregate () ((count_star i64)) (join inner (eq (col 1 i32) (col 2 i32)) (join semi (eq "
         "(col 0 i64) (col 2 i64)) (scan 4 \"orders\" (\"o_orderkey\" i64) (\"o_custkey\" i32) "
         "(unique 0)) (filter (gt (col 1 num(2)) (const 30000 num(2))) (aggregate ((col 0 i64)) "
         "((sum (col 1 num(2)) num(2))) (scan 5 \"lineitem\" (\"l_orderkey\" i64) (\"l_quantity\" "
         "num(2)))))) (scan 3 \"customer\" (\"c_custkey\" i32) (unique 0))))");
    /* an equality through a third relation connects two */
    PLAN("(aggregate () ((count_star i64)) (join inner (eq (col 3 i32) (col 4 i32)) (join inner "
         "(eq (col 1 i32) (col 3 i32)) " SUPPLIER_ CUSTOMER_ ")" NATION_ "))",
         "(aggregate () ((count_star i64)) (join inner (eq (col 0 i32) (col 1 i32)) (scan 1 "
         "\"supplier\" (\"s_nationkey\" i32)) (join inner (eq (col 0 i32) (col 1 i32)) (scan 3 "
         "\"customer\" (\"c_nationkey\" i32)) (scan 6 \"nation\" (\"n_nationkey\" i32) (unique "
         "0)))))");
}

/* n relations, each joined with the one before, or with all before. */
static double milliseconds(int n, bool all) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node, *out;
    TqpString s = {0}, nested = {0};
    tqp_string_printf(&nested, "(scan 0 \"t\" (\"a\" i32) (\"b\" i32))");
    for (int i = 1; i < n; i++) {
        tqp_string_printf(&s, "(join inner (and (const true bool)");
        for (int k = all ? 0 : i - 1; k < i; k++) /* different columns: classes stay apart */
            tqp_string_printf(&s, " (le (col %d i32) (col %d i32))", 2 * k, 2 * i + 1);
        tqp_string_printf(&s, ") %s (scan %d \"t\" (\"a\" i32) (\"b\" i32)))", nested.data, i);
        tqp_string_free(&nested);
        nested = s;
        s = (TqpString){0};
    }
    CHECK(tqp_ir_parse(&a, nested.data, &node, &err) == TQP_OK);
    clock_t start = clock();
    CHECK(tqp_opt_run(&a, node, &(TqpOptOptions){0}, &out, &err) == TQP_OK);
    double ms = (double)(clock() - start) * 1000 / CLOCKS_PER_SEC;
    tqp_string_free(&nested);
    tqp_arena_free(&a);
    return ms;
}

/* Planning stays short: the dearest graph of the exhaustive search, and large ones. */
static void times(void) {
    double clique = milliseconds(12, true), chain = milliseconds(20, false),
           large = milliseconds(55, false), beyond = milliseconds(150, false);
    printf("clique of 12: %.1f ms, chains of 20, 55, 150: %.1f, %.1f, %.1f ms\n", clique, chain,
           large, beyond);
    CHECK(clique < 500 && chain < 500 && large < 2000 && beyond < 5000);
}

int main(void) {
    conditions();
    kinds();
    late();
    orders();
    times();
    correlated();
    return check_report("opt_shapes");
}
