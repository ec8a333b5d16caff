/* What joins, appends and values are bound to, seen in the printed program. */
#include "exec/exec.h"
#include "unit/check.h"
#include "unit/rel.h"

static TqpArena arena;
static TqpRelation *left, *right;

#define L    "(scan 0 \"l\" (\"a\" i32) (\"b\" i64) (\"s\" text))"
#define R    "(scan 1 \"r\" (\"k\" i32) (\"v\" i64) (\"t\" text))"
#define U    "(scan 1 \"r\" (\"k\" i32) (\"v\" i64) (\"t\" text) (unique 0))"
#define KEY  "(eq (col 0 i32) (col 3 i32))"
#define SAFE "(not (distinct (col 0 i32) (col 3 i32)))"

static void make_relations(void) {
    static const char *const types[] = {"i32", "i64", "text"};
    static const char *const x[] = {"p", "q"}, *const y[] = {"q", "r"};
    static const int64_t a[] = {1, 2, 300, 4}, b[] = {5, 6, 7, 8}, k[] = {2, 9, 4, 2};
    static const uint8_t codes[] = {0, 1, 1, 0};
    left = rel_make(&arena, 3, types, 1);
    right = rel_make(&arena, 3, types, 1);
    rel_set(left, 0, 0, rel_ints(&arena, TQP_LANE_U16, 0, 4, a, 1u << 3));
    rel_set(left, 0, 1, rel_ints(&arena, TQP_LANE_U8, 0, 4, b, 0));
    rel_set(left, 0, 2, rel_codes(&arena, rel_dict(&arena, 2, x), 4, codes, 0));
    rel_set(right, 0, 0, rel_ints(&arena, TQP_LANE_U8, 0, 4, k, 1u << 1));
    rel_set(right, 0, 1, rel_ints(&arena, TQP_LANE_U8, 0, 4, b, 0));
    rel_set(right, 0, 2, rel_codes(&arena, rel_dict(&arena, 2, y), 4, codes, 0));
}

static TqpStatus bind(const char *text, TqpString *out, TqpError *err) {
    const TqpRelation *rels[] = {left, right};
    const TqpProgram *program;
    const TqpNode *node;
    TqpStatus status = tqp_ir_parse(&arena, text, &node, err);
    if (status == TQP_OK)
        status = tqp_program_bind(&arena, node, rels, 2, NULL, 0, NULL, &program, err);
    if (status == TQP_OK)
        tqp_program_print(program, out);
    return status;
}

/* The program contains each line in this order; one that begins with ! does not occur behind. */
static void check_lines(int line, const char *text, const char *const *lines) {
    TqpError err = {0};
    TqpString out = {0};
    if (bind(text, &out, &err) != TQP_OK) {
        check_record(0, __FILE__, line, err.message);
        return;
    }
    const char *at = out.data;
    for (; *lines != NULL; lines++) {
        bool absent = **lines == '!';
        const char *found = strstr(at, *lines + absent);
        check_record((found != NULL) != absent, __FILE__, line, *lines);
        if ((found != NULL) == absent) {
            fprintf(stderr, "%s", out.data);
            break;
        }
        at = absent ? at : found;
    }
    tqp_string_free(&out);
}

#define LINES(text, ...) check_lines(__LINE__, text, (const char *const[]){__VA_ARGS__, NULL})

static void test_maps(void) {
    /* a small range is an index, and nothing but the fetched column is collected beside the key */
    LINES("(project ((col 4 i64)) (join inner " KEY L R "))", "pipeline 0: relation 1",
          "map dense [2, 4] of 0", "output r0 i32", "output r2 i64", "pipeline 1: relation 0",
          "probe pairs r2 = map of 0 by (r0 i32 u16", "!load u8 r0", "fetch u8");
    LINES("(join inner (and " KEY " (eq (col 1 i64) (col 4 i64))) " L R ")", "mul_ri u32",
          "map dense [0, 11] of 0", "between_ri u16", "probe pairs");
    LINES("(join inner " SAFE L R ")", "select u32", "map dense [0, 3] of 0", "probe pairs");
    LINES("(join inner (eq (col 2 text) (col 5 text)) " L R ")", "map dense [0, 1] of 0",
          "lut_u8 u8", "probe pairs");
    LINES("(join inner (eq (cast (col 1 i64) f64) (cast (col 4 i64) f64)) " L R ")", "map hash");
    LINES("(join inner (const true bool) " L R ")", "map all");
}

/* Equality that is asked whether it is true, and equality with arithmetic, are keys too. */
static void test_keys(void) {
    LINES("(join mark (is_true " KEY ") " L R ")", "map dense [2, 4]", "probe exists r");
    LINES(
        "(join mark (and (is_true (eq (col 1 i64) (col 4 i64))) (eq (col 2 text) (col 5 text))) " L
            R ")",
        "map dense [0, 7] exists", "probe exists r");
    LINES("(join mark (is_true (and " KEY " (lt (col 1 i64) (col 4 i64)))) " L R ")",
          "map dense [2, 4]", "probe any");
    LINES("(join inner (eq (mul (col 0 i32) (const 2 i32)) (col 3 i32)) " L R ")",
          "map dense [2, 4]", "probe pairs");
    LINES("(join inner (eq (div (const 2 i32) (col 0 i32)) (col 3 i32)) " L R ")", "map all");
}

static void test_unique(void) {
    LINES("(join inner " KEY L U ")", "map dense [2, 4] unique", "probe pairs unique");
    LINES("(join inner " KEY L "(aggregate ((col 0 i32)) ((sum (col 1 i64) num(0)) "
          "(max (col 2 text) text)) " R "))",
          "unique", "probe pairs unique");
    /* the bound of sums follows the proved number of rows */
    LINES("(aggregate () ((sum (col 1 i64) num(0))) (join inner " KEY L U "))",
          "num(0) i64 [5, 32]");
    LINES("(aggregate () ((sum (col 1 i64) num(0))) (join inner " KEY L R "))",
          "num(0) i64 [5, 128]");
    /* a left join that nobody looks at is none */
    LINES("(project ((col 0 i32)) (join left " KEY L U "))", "pipeline 0: relation 0", "!probe");
}

static void test_kinds(void) {
    LINES("(join semi " KEY L R ")", "map dense [2, 4] exists", "probe exists r2 = map",
          "filter r2");
    LINES("(join anti " KEY L R ")", "probe exists", "mask_not", "filter");
    LINES("(join left " KEY L R ")", "probe pairs outer r2, r3 = map", "fetch");
    LINES("(join left (and " KEY " (lt (col 1 i64) (col 4 i64))) " L U ")",
          "probe pairs outer unique", "lt_rr", "mask_and", "!match");
    LINES("(join left (and " KEY " (lt (col 1 i64) (col 4 i64))) " L R ")", "probe pairs r",
          "lt_rr", "probe any", "match", ": result ");
    LINES("(join single " KEY L R ")", "probe pairs outer single");
    LINES("(join single " KEY L U ")", "probe pairs outer unique");
    LINES("(join single (and " KEY " (lt (col 1 i64) (col 4 i64))) " L U ")",
          "probe pairs outer unique");
    LINES("(join single (and " KEY " (lt (col 1 i64) (col 4 i64))) " L R ")", "probe any single",
          "match", "row r");
    LINES("(join full " KEY L R ")", "probe pairs outer", "probe exists", ": result 3 5");
    /* one key tells NULL from false; that of a null-safe key is never NULL */
    LINES("(join mark " KEY L R ")", "probe exists r2, r3 = map");
    LINES("(join mark " SAFE L R ")", "probe exists r", "!match");
    LINES("(join mark (and " KEY " (eq (col 1 i64) (col 4 i64))) " L R ")", "map dense [5, 8] of",
          "probe any", "match");
    LINES("(join semi (and " KEY " (lt (col 1 i64) (col 4 i64))) " L R ")", "probe any", "lt_rr",
          "match", "filter");
    /* conditions of one side filter it, or belong to the key of a join that keeps all left rows */
    LINES("(join inner (and " KEY " (lt (col 1 i64) (const 7 i64)) (lt (col 4 i64) "
          "(const 6 i64))) " L R ")",
          "pipeline 0: relation 1\nprune column 1 <= 5",
          "pipeline 1: relation 0\nprune column 1 <= 6");
    LINES("(join anti (and " KEY " (lt (col 1 i64) (const 7 i64))) " L R ")", "le_ri", "mask_and",
          "probe exists");
}

static void test_rows(void) {
    LINES("(append " L "(append (values (i32 i64 text) ((const 1000 i32) (const null i64) "
          "(const \"z\" text))) (project ((const 1 i32) (col 0 i64) (const null text)) "
          "(aggregate () ((count_star i64)) " R "))))",
          "pipeline 0: relation 0", "pipeline 1: values", "pipeline 4: result 0 1 3",
          "load u16 r0, r1 = column 0", "load view");
    LINES("(values () ())", "pipeline 0: values\ncollect");
    LINES("(append (aggregate ((col 0 i32)) () " L ") (aggregate ((col 0 i32)) () " R "))",
          "pipeline 2: result 0 1");
}

static void test_refused(void) {
    TqpError err = {0};
    TqpString out = {0};
    CHECK_INT(bind("(dependent semi " KEY L R ")", &out, &err), TQP_INVALID);
    tqp_string_free(&out);
}

int main(void) {
    make_relations();
    test_maps();
    test_keys();
    test_unique();
    test_kinds();
    test_rows();
    test_refused();
    tqp_arena_free(&arena);
    return check_report("bind_shapes");
}
