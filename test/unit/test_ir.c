/*
 * The IR's text form: what is printed parses back to an equal graph, what is malformed is refused
 * with a message and nothing worse, and doc/ir.md tells the truth.
 */
#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"
#include "unit/ir_random.h"

static void round_trips(void) {
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        TqpArena a = {0};
        IrRandom r = {.state = seed, .a = &a};
        const TqpNode *node = ir_random_plan(&r, 1 + (int)(seed % 6), (int)(seed % 5)), *again;
        TqpError err = {0};
        TqpString first = {0}, second = {0}, tree = {0};
        int bad = node == NULL || tqp_ir_check(node, &err) != TQP_OK;
        if (!bad) {
            tqp_ir_print(node, &first);
            tqp_ir_print_tree(node, &tree);
            bad = tqp_ir_parse(&a, first.data, &again, &err) != TQP_OK ||
                  !tqp_ir_node_equal(node, again);
        }
        if (!bad) {
            tqp_ir_print(again, &second);
            bad = strcmp(first.data, second.data) != 0 || tree.len == 0;
        }
        CHECK(!bad);
        if (bad)
            fprintf(stderr, "  seed %d: %s\n  %s\n", (int)seed, err.message, first.data);
        tqp_string_free(&first);
        tqp_string_free(&second);
        tqp_string_free(&tree);
        tqp_arena_free(&a);
    }
}

/* Parse anything; when it is accepted it must print and parse again. */
static void survive(const char *text) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node, *again;
    TqpStatus status = tqp_ir_parse(&a, text, &node, &err);
    if (status != TQP_OK) {
        CHECK(status == TQP_INVALID && err.message[0] != 0 && node == NULL);
    } else {
        TqpString out = {0};
        tqp_ir_print(node, &out);
        CHECK(tqp_ir_parse(&a, out.data, &again, &err) == TQP_OK && tqp_ir_node_equal(node, again));
        tqp_string_free(&out);
    }
    tqp_arena_free(&a);
}

static void mutations(void) {
    static const char bits[] = "()\"\\ _09-z.\x01\xff";
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        TqpArena a = {0};
        IrRandom r = {.state = seed * 977, .a = &a};
        const TqpNode *node = ir_random_plan(&r, 1 + (int)(seed % 4), (int)(seed % 4));
        TqpString text = {0};
        tqp_ir_print(node, &text);
        uint32_t at = ir_random(&r, (uint32_t)text.len);
        switch (seed % 4) {
        case 0:
            text.data[at] = 0;
            break;
        case 1:
            text.data[at] = bits[ir_random(&r, sizeof(bits) - 1)];
            break;
        case 2: /* drop a piece */
            memmove(text.data + at, text.data + at + ir_random(&r, (uint32_t)(text.len - at)) / 4,
                    1 + text.len - at - (text.len - at) / 4);
            text.data[text.len - (text.len - at) / 4] = 0;
            break;
        default: /* copy a piece over another */
            memmove(text.data + at, text.data + ir_random(&r, at + 1), (text.len - at) / 2);
        }
        survive(text.data);
        tqp_string_free(&text);
        tqp_arena_free(&a);
    }
}

static void refuses(const char *text, const char *message) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node;
    CHECK(tqp_ir_parse(&a, text, &node, &err) == TQP_INVALID);
    CHECK_STR(err.message, message);
    tqp_arena_free(&a);
}

/* An expression over columns i32, num(2), text, date, bool, f64. */
static void refuses_expr(const char *expr, const char *message) {
    TqpString s = {0};
    tqp_string_printf(&s,
                      "(project (%s) (scan 0 \"t\" (\"i\" i32) (\"n\" num(2)) (\"s\" text) (\"d\" "
                      "date) (\"b\" bool) (\"f\" f64)))",
                      expr);
    refuses(s.data, message);
    tqp_string_free(&s);
}

static void messages(void) {
    refuses("", "at byte 0: the end instead of (");
    refuses("(scan 0 \"t\"", "at byte 11: the end instead of )");
    refuses("(scan 0 \"t\") x", "at byte 13: x instead of the end");
    refuses("(scan -1 \"t\")", "at byte 6: -1 instead of an index");
    refuses("(scan 0 \"t", "at byte 8: string without end");
    refuses("(scan 0 \"\\q\")", "at byte 9: malformed escape");
    refuses("(scan 0 \"\\x00\")", "at byte 9: malformed escape");
    refuses("(scan 0 \"t\" (\"a\" int))", "at byte 17: int instead of a type");
    refuses("(sort (scan 0 \"t\"))", "sort without keys");
    refuses("(jion (scan 0 \"t\"))", "at byte 1: jion instead of a node");
    refuses("(limit (const -1 i64) _ (scan 0 \"t\"))", "limit: negative");
    refuses("(limit (const 1 i32) _ (scan 0 \"t\"))", "limit: not an i64 constant or parameter");
    refuses("(filter (const 1 i32) (scan 0 \"t\"))", "filter is not boolean");
    refuses("(aggregate () ((sum (const true bool))) (scan 0 \"t\"))",
            "at byte 16: sum: argument is not a number");
    refuses("(aggregate () ((count_star (col 0 i32))) (scan 0 \"t\"))",
            "at byte 16: count_star: takes no argument");
    refuses("(aggregate () ((count)) (scan 0 \"t\"))", "at byte 16: count: needs an argument");
    refuses("(shared 0)", "at byte 8: no with 0 is around");
    refuses("(with 0 (shared 0) (scan 0 \"t\"))", "at byte 16: no with 0 is around");
    refuses("(with 0 (scan 0 \"t\") (with 0 (scan 0 \"t\") (shared 0)))", "two withs of number 0");
    refuses("(append (with 0 (scan 0 \"t\") (shared 0)) (scan 0 \"t\"))",
            "with 0 is not at the root");
    refuses("(with 0 (with 1 (scan 0 \"t\") (shared 1)) (shared 0))", "with 1 is not at the root");
    refuses_expr("(col 9 i32)", "col 9: the input has 6 columns");
    refuses_expr("(col 1 num(3))", "col 1 is num(2), not num(3)");
    refuses_expr("(const 2147483648 i32)", "constant is out of the range of i32");
    refuses_expr("(const x i32)", "at byte 17: not a literal of i32");
    refuses_expr("(const 0.1 f32)", "constant 0.10000000000000001 is not an f32");
    refuses_expr("(const \"a\" i32)", "at byte 17: not a literal of i32");
    refuses_expr("(add (col 0 i32) (col 1 num(2)))",
                 "at byte 11: add: argument types differ: i32 and num(2)");
    refuses_expr("(add (col 2 text) (col 2 text))", "at byte 11: add: arguments are not numbers");
    refuses_expr("(eq (col 0 i32))", "at byte 11: eq: 1 arguments");
    refuses_expr("(eq (col 0 i32) (col 0 i32) i32)", "eq: the result is bool, not i32");
    refuses_expr("(and (col 4 bool) (col 0 i32))", "at byte 11: and: argument is not boolean");
    refuses_expr("(case (col 4 bool) (col 0 i32) (col 1 num(2)))",
                 "at byte 11: case: types of the values differ");
    refuses_expr("(in (col 0 i32) (col 0 i32))",
                 "at byte 11: in: elements must be constants or parameters");
    refuses_expr("(cast (col 2 text) i32)", "at byte 11: cast: no cast from text to i32");
    refuses_expr("(cast (col 0 i32))", "at byte 27: ) instead of a type");
    refuses_expr("(extract (const \"year\" text) (col 3 date) i32)",
                 "at byte 11: extract: type must be num(0), num(3), num(6) or f64");
    refuses_expr("(pad (const \"a\" bpchar) (const 3 i32))", "pad outside of like");
    refuses_expr("(frobnicate (col 0 i32))", "at byte 11: frobnicate instead of an operator");
}

static void nesting(void) {
    TqpString s = {0};
    for (int i = 0; i < 100000; i++)
        tqp_string_append(&s, "(filter (not ", 13);
    survive(s.data);
    s.len = 0;
    tqp_string_printf(&s, "(project (");
    for (int i = 0; i < TQP_IR_MAX_DEPTH; i++)
        tqp_string_append(&s, "(neg ", 5);
    tqp_string_printf(&s, "(const 1 i32)");
    for (int i = 0; i < TQP_IR_MAX_DEPTH; i++)
        tqp_string_append(&s, ")", 1);
    tqp_string_printf(&s, ") (scan 0 \"t\"))");
    refuses(s.data, "expressions are nested too deep");
    tqp_string_free(&s);
}

/* Every operator has a name of its own, a type rule, and says no to nonsense. */
static void registries(void) {
    TqpExpr columns[4] = {{.op = TQP_OP_COL, .type = {.kind = TQP_TYPE_TIME}}};
    const TqpExpr *args[4] = {&columns[0], &columns[0], &columns[0], &columns[0]};
    for (int i = 0; i < TQP_OP_COUNT; i++) {
        TqpOp op;
        TqpType type = {.kind = TQP_TYPE_BPCHAR};
        TqpError err = {0};
        CHECK(tqp_ir_op_parse(tqp_ir_op_name((TqpOp)i), strlen(tqp_ir_op_name((TqpOp)i)), &op) &&
              (int)op == i);
        for (uint32_t n = 0; n <= 4; n++) {
            TqpStatus status = tqp_ir_call_type((TqpOp)i, n, args, &type, &err);
            CHECK(status == TQP_OK || strstr(err.message, "no type rule") == NULL);
        }
    }
    for (int i = 0; i < TQP_AGG_COUNT_OF_FUNCS; i++) {
        TqpAggFunc func;
        const char *name = tqp_ir_agg_name((TqpAggFunc)i);
        CHECK(tqp_ir_agg_parse(name, strlen(name), &func) && (int)func == i);
    }
}

static void tree_of(const char *text, const char *expected) {
    TqpArena a = {0};
    TqpError err = {0};
    TqpString out = {0};
    const TqpNode *node;
    CHECK(tqp_ir_parse(&a, text, &node, &err) == TQP_OK);
    if (node != NULL) {
        tqp_ir_print_tree(node, &out);
        CHECK_STR(out.data, expected);
    } else {
        fprintf(stderr, "  %s\n", err.message);
    }
    tqp_string_free(&out);
    tqp_arena_free(&a);
}

static void trees(void) {
    tree_of("(limit (const 10 i64) (param 1 i64) (sort ((col 1 num(4)) desc nulls_first) ((col 0 "
            "text) asc nulls_first) (filter (gt (col 1 num(4)) (const -100001 num(4))) (aggregate "
            "((col 0 text)) ((sum (mul (col 1 num(2)) (sub (const 100 num(2)) (col 1 num(2))))) "
            "(count distinct (col 2 date) (where (not (eq (col 0 text) (const \"it's\" text)))))) "
            "(filter (and (or (le (col 2 date) (const -486 date)) (is_null (col 2 date))) (in (col "
            "0 text) (const \"A\" text) (const null text))) (scan 0 \"lineitem\" (\"flag\" text) "
            "(\"price\" num(2)) (\"shipdate\" date)))))))",
            "limit 10 offset $1\n"
            "  sort by sum(price * (1.00 - price)) desc, flag nulls first\n"
            "    filter sum(price * (1.00 - price)) > -10.0001\n"
            "      aggregate sum(price * (1.00 - price)), count(distinct shipdate) filter (where "
            "not flag = 'it''s') by flag\n"
            "        filter (shipdate <= '1998-09-02' or shipdate is null) and flag in ('A', "
            "null)\n"
            "          scan lineitem (flag text, price num(2), shipdate date)\n");
    tree_of(
        "(project ((case (distinct (col 0 f64) (const 0.1 f64)) (const -1 ts) (const "
        "9223372036854775807 ts)) (cast (neg (col 0 f64)) i32) (const 3723000001 time) (extract "
        "(const \"year\" text) (const -730500 date) num(0))) (scan 0 \"t\" (\"x\" f64)))",
        "project case when x is distinct from 0.1 then '1999-12-31 23:59:59.999999' else "
        "'infinity' end, (- x)::i32, '01:02:03.000001', extract('year', '0002-12-17 BC')\n"
        "  scan t (x f64)\n");
    tree_of(
        "(with 2 (filter (gt (col 0 i32) (const 1 i32)) (scan 0 \"t\" (\"a\" i32) (\"b\" i32))) "
        "(with 0 (project ((col 1 i32)) (shared 2)) (join semi (eq (col 1 i32) (col 2 i32)) "
        "(shared 2) (shared 0))))",
        "with 2\n"
        "  filter a > 1\n"
        "    scan t (a i32, b i32)\n"
        "with 0\n"
        "  project b\n"
        "    shared 2 (a, b)\n"
        "semi join on b = b\n"
        "  shared 2 (a, b)\n"
        "  shared 0 (b)\n");
}

/* What the parser cannot make: a reader and a definition that do not agree. */
static void shared_nodes(void) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *narrow, *wide;
    CHECK(tqp_ir_parse(&a, "(scan 0 \"t\" (\"a\" i32))", &narrow, &err) == TQP_OK);
    CHECK(tqp_ir_parse(&a, "(scan 0 \"t\" (\"a\" i32) (\"b\" i32))", &wide, &err) == TQP_OK);
    const TqpNode *shared = tqp_ir_shared(&a, 3, narrow);
    CHECK(tqp_ir_check(tqp_ir_with(&a, 3, narrow, shared), &err) == TQP_OK);
    CHECK(tqp_ir_check(tqp_ir_with(&a, 3, wide, shared), &err) == TQP_INVALID);
    CHECK_STR(err.message, "shared 3: 1 and 2 columns");
    CHECK(tqp_ir_check(tqp_ir_with(&a, 4, narrow, shared), &err) == TQP_INVALID);
    CHECK_STR(err.message, "shared 3 is not defined");
    CHECK(tqp_ir_check(shared, &err) == TQP_INVALID);
    CHECK(!tqp_ir_node_equal(tqp_ir_with(&a, 3, narrow, shared), tqp_ir_with(&a, 3, wide, shared)));
    CHECK(!tqp_ir_node_equal(shared, tqp_ir_shared(&a, 2, narrow)));
    CHECK(tqp_ir_with(&a, 0, NULL, shared) == NULL && tqp_ir_shared(&a, 0, NULL) == NULL);
    tqp_arena_free(&a);
}

static bool raises(const char *expr) {
    TqpArena a = {0};
    const TqpNode *node;
    TqpString s = {0};
    TqpError err = {0};
    bool answer = false;
    tqp_string_printf(&s,
                      "(project (%s) (scan 0 \"t\" (\"i\" i32) (\"n\" num(2)) (\"f\" f64) (\"d\" "
                      "date) (\"s\" text)))",
                      expr);
    CHECK(tqp_ir_parse(&a, s.data, &node, &err) == TQP_OK);
    if (node != NULL)
        answer = tqp_ir_expr_may_raise(node->project.exprs[0]);
    tqp_string_free(&s);
    tqp_arena_free(&a);
    return answer;
}

static void raising(void) {
    CHECK(raises("(add (col 0 i32) (const 1 i32))"));
    CHECK(raises("(neg (col 0 i32))"));
    CHECK(!raises("(neg (col 1 num(2)))"));
    CHECK(raises("(div (col 0 i32) (col 0 i32))"));
    CHECK(!raises("(div (col 0 i32) (const 2 i32))"));
    CHECK(raises("(div (col 0 i32) (const -1 i32))"));
    CHECK(!raises("(mod (col 0 i32) (const -1 i32))"));
    CHECK(raises("(mod (col 0 i32) (const 0 i32))"));
    CHECK(raises("(div (col 2 f64) (const 2 f64))"));
    CHECK(!raises("(lt (col 0 i32) (const 1 i32))"));
    CHECK(raises("(lt (add (col 0 i32) (col 0 i32)) (const 1 i32))"));
    CHECK(!raises("(cast (col 0 i32) i64)"));
    CHECK(raises("(cast (col 0 i32) i16)"));
    CHECK(!raises("(cast (col 0 i32) num(2))"));
    CHECK(raises("(cast (col 0 i32) num(38))"));
    CHECK(!raises("(cast (col 1 num(2)) num(1))"));
    CHECK(raises("(cast (col 1 num(2)) num(3))"));
    CHECK(raises("(cast (col 1 num(2)) i64)"));
    CHECK(!raises("(cast (col 1 num(2)) f64)"));
    CHECK(raises("(cast (col 2 f64) f32)"));
    CHECK(raises("(cast (col 3 date) ts)"));
    CHECK(raises("(sub (col 3 date) (col 3 date))"));
    CHECK(!raises("(like (col 4 text) (const \"a%\" text))"));
    CHECK(raises("(like (col 4 text) (const \"a\\\\\" text))"));
}

/* Each ``` block of the document that begins with a parenthesis is a plan. */
static void document(const char *path) {
    FILE *f = fopen(path, "rb");
    TqpString text = {0};
    char buf[4096];
    size_t n;
    int blocks = 0;
    CHECK(f != NULL);
    while (f != NULL && (n = fread(buf, 1, sizeof(buf), f)) > 0)
        tqp_string_append(&text, buf, n);
    if (f != NULL)
        fclose(f);
    for (char *s = text.data; s != NULL && (s = strstr(s, "```")) != NULL;) {
        char *start = strchr(s, '\n'), *end = start ? strstr(start, "```") : NULL;
        TqpArena a = {0};
        TqpError err = {0};
        const TqpNode *node;
        CHECK(end != NULL);
        if (end == NULL)
            break;
        *end = 0;
        if (start[1] == '(') {
            TqpStatus status = tqp_ir_parse(&a, start, &node, &err);
            CHECK(status == TQP_OK);
            if (status != TQP_OK)
                fprintf(stderr, "  %s: %s\n", err.message, start);
            blocks++;
        }
        tqp_arena_free(&a);
        s = end + 3;
    }
    CHECK(blocks >= 5);
    tqp_string_free(&text);
}

int main(void) {
    const char *doc = getenv("TQP_IR_DOC");
    registries();
    round_trips();
    mutations();
    messages();
    nesting();
    trees();
    shared_nodes();
    raising();
    document(doc != NULL ? doc : "doc/ir.md");
    return check_report("ir");
}
