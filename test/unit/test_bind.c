/*
 * The binder: which lanes, proofs, lookups and guards it chooses, seen in the printed program; and
 * the values that come out on every backend, for what ir_eval.h does not know (text, dates, ranks).
 */
#include "exec/exec.h"
#include "unit/check.h"
#include "unit/rel.h"

#define NROWS 6

static TqpArena arena;
static TqpRelation *rel;

/* The order of letters regardless of case, as a host's collation might have it. */
static int compare_host(void *host, uint32_t collation, TqpView a, TqpView b) {
    (void)host, (void)collation;
    for (uint32_t i = 0; i < a.len && i < b.len; i++) {
        int x = a.data[i] | 0x20, y = b.data[i] | 0x20;
        if (x != y)
            return x - y;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/*
 * Functions of the host: 0 the first byte, 1 ten times an integer, 2 whether a string has an n or
 * an integer is even, 3 half an integer.  Of "cherry" and of 7 they give NULL; the fourth raises.
 * Of two integers the sum, NULL counting as 100.
 */
static TqpStatus host_eval(void *host, uint32_t function, TqpArena *a, uint32_t nargs, uint32_t n,
                           const TqpValue *in, TqpValue *out, TqpError *err) {
    (void)host;
    for (uint32_t i = 0; i < n && nargs == 2; i++) {
        const TqpValue *x = &in[2 * i], *y = &in[2 * i + 1];
        out[i] = (TqpValue){.i = (x->is_null ? 100 : x->i) + (y->is_null ? 100 : y->i)};
    }
    if (nargs == 2)
        return TQP_OK;
    if (function > 3)
        return tqp_error_set(err, TQP_UNSUPPORTED, "raised by the host");
    for (uint32_t i = 0; i < n; i++) {
        TqpView s = in[i].s;
        bool is_null = s.data != NULL ? s.len == 6 && s.data[0] == 'c' : in[i].i == 7;
        out[i] = (TqpValue){.is_null = is_null};
        if (function == 0)
            out[i].s = tqp_view(tqp_arena_strndup(a, s.data, s.len > 0), s.len > 0);
        out[i].i = 10 * in[i].i;
        out[i].b = s.data != NULL ? memchr(s.data, 'n', s.len) != NULL : in[i].i % 2 == 0;
        out[i].f = (double)in[i].i / 2;
    }
    return TQP_OK;
}

/* "summer": an hour more from the second 2678400 on; "many": too many changes. */
static bool zone_of(void *host, TqpView name, int64_t from, int64_t to, uint32_t max,
                    TqpZoneSpan *spans, uint32_t *n) {
    int64_t summer = INT64_C(2678400000000), hour = INT64_C(3600000000);
    (void)host;
    *n = 1;
    spans[0] = (TqpZoneSpan){from, hour};
    if (name.len == 6 && to >= summer)
        spans[(*n)++] = (TqpZoneSpan){summer, 2 * hour};
    return name.len != 4 && *n <= max;
}

/* Columns: 0 d date, 1 p num(2), 2 q num(2), 3 n i32 nullable, 4 s text dict, 5 c bpchar plain,
 * 6 f f64, 7 b bool nullable, 8 t ts, 9 k text(100) dict, 10 w i64 wide,
 * 11 z tstz. */
#define COLUMNS                                                                                    \
    "(scan 0 \"t\" (\"d\" date) (\"p\" num(2)) (\"q\" num(2)) (\"n\" i32) (\"s\" text) "           \
    "(\"c\" bpchar) (\"f\" f64) (\"b\" bool) (\"t\" ts) (\"k\" text(100)) (\"w\" i64) "            \
    "(\"z\" tstz))"

static void make_relation(void) {
    static const char *const types[] = {"date", "num(2)", "num(2)", "i32",       "text", "bpchar",
                                        "f64",  "bool",   "ts",     "text(100)", "i64",  "tstz"};
    static const char *const strings[] = {"apple", "banana", "cherry", "avocado"};
    static const char *const names[] = {"b", "A", "a", "C"};
    static const uint8_t codes[] = {0, 1, 2, 3, 1, 0};
    static const char *const plain[] = {"x", "xy", "", "x z", "abc", "x"};
    static const int64_t d[] = {0, 31, 59, 365, 366, 400}, p[] = {100, 250, 999, 10000, 5, 77};
    static const int64_t q[] = {0, 1, 2, 3, 4, 10}, n[] = {1, -5, 0, 7, 100, 0};
    static const double f[] = {0.5, -0.0, 1e308, 2, -3, 0};
    static const int64_t t[] = {0,  INT64_C(86399999999),    INT64_C(2678400000000),
                                -1, INT64_C(31622400000000), 5};
    static const int64_t w[] = {INT64_MAX, 1, -1, INT64_C(1) << 40, 0, 3};
    TqpDict *ds = rel_dict(&arena, 4, strings), *dk = rel_dict(&arena, 4, names);
    static const uint32_t rank[] = {2, 0, 1, 3}, by_rank[] = {1, 2, 0, 3}; /* A a b C */
    dk->rank = rank;
    dk->by_rank = by_rank;
    dk->ranked = true;
    rel = rel_make(&arena, 12, types, 1);
    rel_set(rel, 0, 0, rel_ints(&arena, TQP_LANE_U16, 0, NROWS, d, 0));
    rel_set(rel, 0, 1, rel_ints(&arena, TQP_LANE_U16, 5, NROWS, p, 0));
    rel_set(rel, 0, 2, rel_ints(&arena, TQP_LANE_U8, 0, NROWS, q, 0));
    rel_set(rel, 0, 3, rel_ints(&arena, TQP_LANE_U8, -5, NROWS, n, 1u << 5));
    rel_set(rel, 0, 4, rel_codes(&arena, ds, NROWS, codes, 0));
    rel_set(rel, 0, 5, rel_strings(&arena, NROWS, plain, 0));
    rel_set(rel, 0, 6, rel_floats(&arena, NROWS, f, 0));
    rel_set(rel, 0, 7, rel_bools(&arena, NROWS, 0x15, 0x20));
    rel_set(rel, 0, 8, rel_ints(&arena, TQP_LANE_I64, 0, NROWS, t, 0));
    rel_set(rel, 0, 9, rel_codes(&arena, dk, NROWS, codes, 1u << 4));
    rel_set(rel, 0, 10, rel_ints(&arena, TQP_LANE_I64, 0, NROWS, w, 0));
    rel_set(rel, 0, 11, rel_ints(&arena, TQP_LANE_I64, 0, NROWS, t, 0));
}

static TqpStatus bind(const char *text, const TqpProgram **program, TqpError *err) {
    static const TqpValue params[] = {{.i = 3}, {.is_null = true}, {.i = -1}};
    TqpBindOptions options = {
        .utf8 = true, .compare = compare_host, .host = host_eval, .zone = zone_of};
    const TqpRelation *rels[] = {rel};
    const TqpNode *node;
    TqpStatus status = tqp_ir_parse(&arena, text, &node, err);
    if (status == TQP_OK)
        status = tqp_program_bind(&arena, node, rels, 1, params, 3, &options, program, err);
    return status;
}

/* The program of `text` over the scan contains each line of `lines` in this order. */
static void check_lines(int line, const char *text, const char *const *lines) {
    char query[4096];
    const TqpProgram *program;
    TqpError err = {0};
    TqpString out = {0};
    snprintf(query, sizeof(query), text, COLUMNS);
    if (bind(query, &program, &err) != TQP_OK) {
        check_record(0, __FILE__, line, err.message);
        return;
    }
    tqp_program_print(program, &out);
    const char *at = out.data;
    for (; *lines != NULL; lines++) {
        const char *found = strstr(at, *lines);
        check_record(found != NULL, __FILE__, line, *lines);
        if (found == NULL) {
            fprintf(stderr, "%s", out.data);
            break;
        }
        at = found;
    }
    tqp_string_free(&out);
}

#define LINES(text, ...) check_lines(__LINE__, text, (const char *const[]){__VA_ARGS__, NULL})

static void refused(int line, const char *text, const char *reason) {
    char query[4096];
    const TqpProgram *program;
    TqpError err = {0};
    snprintf(query, sizeof(query), text, COLUMNS);
    check_record(bind(query, &program, &err) == TQP_UNSUPPORTED, __FILE__, line, text);
    check_str(err.message, reason, __FILE__, line);
}

#define REFUSED(text, reason) refused(__LINE__, text, reason)

static void print_value(TqpString *out, TqpType type, const TqpValue *v) {
    char digits[TQP_INT128_DIGITS + 1];
    if (v->is_null) {
        tqp_string_printf(out, "null");
        return;
    }
    switch (tqp_type_class(type.kind)) {
    case TQP_CLASS_BOOL:
        tqp_string_printf(out, v->b ? "t" : "f");
        break;
    case TQP_CLASS_INT:
        tqp_int128_print(v->i, digits);
        tqp_string_printf(out, "%s", digits);
        break;
    case TQP_CLASS_FLOAT:
        tqp_string_printf(out, "%.17g", v->f);
        break;
    case TQP_CLASS_TEXT:
        tqp_string_printf(out, "'%.*s'", (int)v->s.len, v->s.data);
        break;
    }
}

/* Rows as "a b; c d". */
static void print_result(TqpString *out, const TqpResult *result) {
    for (uint32_t g = 0; g < result->rel.ngroups; g++) {
        for (uint32_t i = 0; i < result->rel.groups[g].nrows; i++) {
            for (uint32_t c = 0; c < result->rel.ncolumns; c++) {
                TqpValue v;
                TqpType type = result->rel.columns[c].type;
                tqp_tensor_value(&result->rel.groups[g].tensors[c], type, i, &v);
                tqp_string_printf(out, c > 0 ? " " : out->len > 0 ? "; " : "");
                print_value(out, type, &v);
            }
        }
    }
}

static void run_one(int line, const TqpBackend *backend, const TqpProgram *program,
                    const char *expected) {
    TqpQuery query = {.backend = backend, .nthreads = 1, .host = host_eval};
    const TqpRelation *rels[] = {rel};
    TqpResult result;
    TqpString out = {0};
    TqpStatus status = tqp_exec_run(&query, program, rels, 1, &result);
    tqp_string_printf(&out, "%s", "");
    if (status == TQP_OK) {
        print_result(&out, &result);
        tqp_result_free(&result);
    } else {
        tqp_string_printf(&out, "%s", tqp_status_name(status));
    }
    check_str(out.data, expected, __FILE__, line);
    tqp_string_free(&out);
    tqp_query_free_stats(&query, program);
}

static void check_rows(int line, const char *text, const char *expected) {
    char query[4096];
    const TqpProgram *program;
    TqpError err = {0};
    snprintf(query, sizeof(query), text, COLUMNS);
    if (bind(query, &program, &err) != TQP_OK) {
        check_record(0, __FILE__, line, err.message);
        return;
    }
    run_one(line, tqp_backend_ref(), program, expected);
    for (int isa = 0; isa < TQP_ISA_COUNT; isa++)
        if (tqp_backend_cpu((TqpIsa)isa) != NULL)
            run_one(line, tqp_backend_cpu((TqpIsa)isa), program, expected);
}

#define ROWS(text, expected) check_rows(__LINE__, text, expected)
/* One expression over all rows, and over the rows that satisfy a predicate. */
#define VALUES(expr, expected) ROWS("(project (" expr ") %s)", expected)
#define COUNT(pred, expected)                                                                      \
    ROWS("(aggregate () ((count_star i64)) (filter " pred " %s))", expected)

static void test_lanes(void) {
    /* price * (1.00 - discount): u16 with base 5 times u8, proved to fit u32 */
    LINES("(aggregate () ((sum (mul (col 1 num(2)) (sub (const 100 num(2)) (col 2 num(2)))) "
          "num(4))) %s)",
          "load u16 r0 = column 1 bias 5", "rsub_ri u8", "100", "mul_rr u32", "sum i64",
          "num(4) u32 [450, 1000000]", "num(4) i64 [450, 6000000]");
    /* column + constant costs nothing: the bias moves */
    LINES("(project ((add (col 0 date) (const 7 i32))) %s)", "load u16 r0 = column 0\ncollect",
          "date u16+7 [7, 407]");
    LINES("(project ((sub (col 0 date) (col 0 date))) %s)", "sub_rr u16",
          "i32 u16-400 [-400, 400]");
    /* what is not proved is checked, and only where the argument is not null */
    LINES("(project ((add (col 10 i64) (cast (col 3 i32) i64))) %s)", "add_check i64", " if r");
    LINES("(project ((mul (col 3 i32) (const 30000000 i32))) %s)",
          "range_check i64 r4 [-2147483648, 2147483647] if r1");
    LINES("(aggregate () ((sum (col 10 i64) num(0))) %s)", "sum i128", "num(0) i128");
}

static void test_predicates(void) {
    LINES("(filter (and (ge (col 0 date) (const 31 date)) (lt (col 0 date) (const 366 date))) %s)",
          "prune column 0 >= 31 <= 365", "between_ri u16 r1 = r0 [31, 365]", "filter r1");
    /* constants move into the code domain; what the range decides is folded */
    LINES("(filter (le (col 1 num(2)) (const 104 num(2))) %s)", "le_ri u16 r1 = r0 99");
    LINES("(filter (gt (col 2 num(2)) (const -1 num(2))) %s)", "pipeline 0: relation 0\nprune",
          "load");
    LINES("(filter (gt (col 2 num(2)) (const 10 num(2))) %s)", "mask_fill mask r1 = 0",
          "filter r1 live");
    /* selective first; terms that may raise keep their place */
    LINES(
        "(filter (and (lt (col 0 date) (const 390 date)) (eq (col 2 num(2)) (const 3 num(2)))) %s)",
        "eq_ri u8", "le_ri u16");
    LINES("(filter (and (eq (div (const 1 i32) (col 3 i32)) (const 1 i32)) "
          "(eq (col 2 num(2)) (const 3 num(2)))) %s)",
          "div_check i64", "filter", "eq_ri u8");
    LINES("(filter (eq (col 4 text) (const \"cherry\" text)) %s)", "eq_ri u8 r1 = r0 2");
    LINES("(filter (like (col 4 text) (const \"a%%\" text)) %s)", "lut_mask u8 r1 = r0 table(4)");
    LINES("(filter (in (col 2 num(2)) (const 1 num(2)) (const 2 num(2)) (const 3 num(2))) %s)",
          "prune column 2 >= 1 <= 3", "between_ri u8 r1 = r0 [1, 3]");
    COUNT("(eq (col 4 text) (const \"plum\" text))", "0");
    COUNT("(ne (col 4 text) (const \"plum\" text))", "6");
    COUNT("(lt (col 4 text) (const \"b\" text))", "3");
    COUNT("(eq (col 5 bpchar) (const \"x  \" bpchar))", "2");
    COUNT("(like (pad (col 5 bpchar) (const 3 i32)) (const \"x _\" text))", "3");
    COUNT("(like (col 4 text) (const \"_a%%\" text))", "2");
    COUNT("(in (col 3 i32) (const 1 i32) (const null i32))", "1");
    COUNT("(is_null (in (col 3 i32) (const 1 i32) (const null i32)))", "5");
    COUNT("(not (in (col 3 i32) (const 1 i32) (const 7 i32)))", "3");
    COUNT("(in (col 10 i64) (const -1 i64) (const 9223372036854775807 i64) (const 7 i64) "
          "(const 0 i64))",
          "3");
    COUNT("(in (col 5 bpchar) (const \"abc\" bpchar) (const \"x\" bpchar) (const \"x\" bpchar))",
          "3");
    COUNT("(eq (col 3 i32) (param 1 i32))", "0");
    COUNT("(le (col 2 num(2)) (param 0 num(2)))", "4");
    COUNT("(eq (col 6 f64) (const 0 f64))", "2");
}

static void test_guards(void) {
    /* only the rows that choose the branch may raise */
    VALUES("(case (ne (col 3 i32) (const 0 i32)) (div (const 100 i32) (col 3 i32)) (const -1 i32))",
           "100; -20; -1; 14; 1; -1");
    VALUES("(div (const 100 i32) (col 3 i32))", "division by zero");
    COUNT(
        "(and (ne (col 3 i32) (const 0 i32)) (gt (div (const 100 i32) (col 3 i32)) (const 0 i32)))",
        "3");
    VALUES(
        "(or (eq (col 3 i32) (const 0 i32)) (gt (div (const 100 i32) (col 3 i32)) (const 0 i32)))",
        "t; f; t; t; t; null");
    VALUES("(coalesce (col 3 i32) (div (const 1 i32) (col 3 i32)))", "1; -5; 0; 7; 100; null");
    VALUES("(add (col 10 i64) (const 1 i64))", "overflow");
    VALUES("(cast (mul (col 3 i32) (const 1000 i32)) i16)", "overflow");
    VALUES("(mul (col 6 f64) (const 10 f64))", "overflow");
    ROWS("(aggregate () ((sum (div (const 100 i32) (col 3 i32)) (where (gt (col 3 i32) "
         "(const 0 i32))) i64)) %s)",
         "115");
}

static void test_dates(void) {
    VALUES("(extract (const \"year\" text) (col 0 date) num(0))",
           "2000; 2000; 2000; 2000; 2001; 2001");
    LINES("(aggregate ((extract (const \"year\" text) (col 0 date) num(0))) ((count_star i64)) %s)",
          "lut_u8 u16", "dense r1 of 2", "num(0) u8+2000 [2000, 2001] codes 2");
    VALUES("(extract (const \"month\" text) (col 8 ts) num(0))", "1; 1; 2; 12; 1; 1");
    VALUES("(extract (const \"second\" text) (col 8 ts) num(6))", "0; 59999999; 0; 59999999; 0; 5");
    VALUES("(extract (const \"epoch\" text) (col 8 ts) num(6))",
           "946684800000000; 946771199999999; 949363200000000; 946684799999999; 978307200000000; "
           "946684800000005");
    VALUES("(cast (col 8 ts) date)", "0; 0; 31; -1; 366; 0");
    VALUES("(cast (col 8 ts) time)", "0; 86399999999; 0; 86399999999; 0; 5");
    VALUES("(date_trunc (const \"month\" text) (cast (col 0 date) ts))",
           "0; 2678400000000; 2678400000000; 28944000000000; 31622400000000; 34300800000000");
    VALUES("(add_months (cast (col 0 date) ts) (const 1 i32))",
           "2678400000000; 5184000000000; 7603200000000; 34214400000000; 34300800000000; "
           "36979200000000");
    VALUES("(extract (const \"doy\" text) (col 0 date) f64)", "1; 32; 60; 366; 1; 35");
    REFUSED("(project ((extract (const \"hour\" text) (col 0 date) num(0))) %s)",
            "field of extract");
    REFUSED("(project ((add (const 2147483647 date) (const 1 i32))) %s)", "infinite date");
    REFUSED("(project ((extract (const \"second\" text) (col 8 ts) f64)) %s)",
            "date_part of seconds");
}

static void test_zones(void) {
    VALUES("(at_zone (const \"z\" text) (col 11 tstz))",
           "3600000000; 89999999999; 2682000000000; 3599999999; 31626000000000; 3600000005");
    LINES("(project ((at_zone (const \"z\" text) (col 11 tstz))) %s)", "add_ri i64");
    VALUES("(at_zone (const \"summer\" text) (col 11 tstz))",
           "3600000000; 89999999999; 2685600000000; 3599999999; 31629600000000; 3600000005");
    VALUES("(cast (col 11 tstz) ts)", "0; 86399999999; 2678400000000; -1; 31622400000000; 5");
    VALUES("(add (col 8 ts) (const 5 i64))",
           "5; 86400000004; 2678400000005; 4; 31622400000005; 10");
    VALUES("(sub (add (col 8 ts) (const 7 i64)) (col 8 ts))", "7; 7; 7; 7; 7; 7");
    VALUES("(add (col 8 ts) (const 9223371331199999999 i64))", "overflow");
    REFUSED("(project ((at_zone (const \"many\" text) (col 11 tstz))) %s)", "time zone");
    REFUSED("(project ((add (const 9223372036854775807 ts) (const 1 i64))) %s)", "infinite date");
}

static void test_text(void) {
    VALUES("(length (col 4 text))", "5; 6; 6; 7; 6; 5");
    VALUES("(length (col 5 bpchar))", "1; 2; 0; 3; 3; 1");
    VALUES("(substr (col 4 text) (const 1 i32) (const 1 i32))", "'a'; 'b'; 'c'; 'a'; 'b'; 'a'");
    VALUES("(substr (cast (col 5 bpchar) text) (const 0 i32) (const 3 i32))",
           "'x'; 'xy'; ''; 'x '; 'ab'; 'x'");
    LINES("(aggregate ((substr (col 4 text) (const 1 i32) (const 1 i32))) ((count_star i64)) %s)",
          "lut_u8 u8", "dense r1 of 3", "text u8 dict(3) codes 3");
    ROWS("(aggregate () ((min (col 9 text(100)) text(100)) (max (col 9 text(100)) text(100)) "
         "(min (col 4 text) text) (max (col 5 bpchar) bpchar)) %s)",
         "'A' 'C' 'apple' 'xy'");
    ROWS("(sort ((col 0 text(100)) asc nulls_first) (aggregate ((col 9 text(100))) "
         "((count_star i64)) %s))",
         "null 1; 'A' 1; 'a' 1; 'b' 2; 'C' 1");
    COUNT("(lt (col 9 text(100)) (const \"B\" text(100)))", "2");
    COUNT("(ge (col 9 text(100)) (const \"b\" text(100)))", "3");
    VALUES("(case (eq (col 2 num(2)) (const 0 num(2))) (const \"none\" text) (col 4 text))",
           "'none'; 'banana'; 'cherry'; 'avocado'; 'banana'; 'apple'");
    LINES("(aggregate ((case (eq (col 2 num(2)) (const 0 num(2))) (const \"none\" text) "
          "(const \"some\" text))) ((count_star i64)) %s)",
          "dense", "text u8 dict(2) codes 2");
}

static void test_aggregates(void) {
    LINES("(aggregate ((col 4 text) (col 7 bool) (col 3 i32)) ((count_star i64)) %s)", "mul_ri u32",
          "dense", "of 1284", "text u8 dict(4) codes 4", "bool u8 codes 3 nullable",
          "codes 107 nullable");
    LINES("(aggregate ((col 6 f64)) ((sum (col 6 f64) f64)) %s)", "aggregate hash fixed order",
          "sum f64");
    LINES("(aggregate () ((count (col 3 i32) i64)) %s)", "load u8 _, r0 = column 3",
          "count valid r0");
    ROWS("(aggregate () ((count (col 3 i32) i64) (sum (col 3 i32) i64) (min (col 3 i32) i32) "
         "(bool_and (col 7 bool) bool) (count distinct (col 4 text) i64) "
         "(sum (col 1 num(2)) (where (col 7 bool)) num(2))) %s)",
         "5 103 -5 f 4 1104");
    ROWS("(aggregate () ((sum (col 1 num(2)) num(2)) (count_star i64)) (filter (lt (col 2 num(2)) "
         "(const 0 num(2))) %s))",
         "null 0");
    ROWS("(sort ((col 0 bool) asc nulls_last) (aggregate ((col 7 bool)) ((count_star i64)) %s))",
         "f 2; t 3; null 1");
    ROWS("(limit (const 2 i64) (const 1 i64) (sort ((col 1 num(2)) desc nulls_last) "
         "(project ((col 4 text) (col 1 num(2))) %s)))",
         "'cherry' 999; 'banana' 250");
    /* a limit below an aggregate, an aggregate of an aggregate */
    ROWS("(aggregate () ((sum (col 1 num(2)) num(2))) (limit (const 2 i64) _ "
         "(sort ((col 1 num(2)) asc nulls_last) %s)))",
         "82");
    ROWS("(aggregate () ((max (col 1 i64) i64)) (filter (gt (col 1 i64) (const 1 i64)) "
         "(aggregate ((col 4 text)) ((count_star i64)) %s)))",
         "2");
    ROWS("(limit (param 1 i64) _ (project ((col 2 num(2))) %s))", "0; 1; 2; 3; 4; 10");
    REFUSED("(limit (param 2 i64) _ %s)", "negative limit");
    REFUSED("(aggregate () ((max (substr (cast (col 5 bpchar) text(100)) (const 1 i32) "
            "(const 1 i32)) text(100))) %s)",
            "order of text under its collation");
}

static void test_casts(void) {
    VALUES("(cast (col 1 num(2)) i32)", "1; 3; 10; 100; 0; 1");
    VALUES("(cast (neg (col 1 num(2))) num(1))", "-10; -25; -100; -1000; -1; -8");
    VALUES("(cast (col 1 num(2)) f64)",
           "1; 2.5; 9.9900000000000002; 100; 0.050000000000000003; 0.77000000000000002");
    VALUES("(cast (col 7 bool) i32)", "1; 0; 1; 0; 1; null");
    VALUES("(cast (col 3 i32) bool)", "t; t; f; t; t; null");
    VALUES("(cast (col 2 num(2)) num(4))", "0; 100; 200; 300; 400; 1000");
    REFUSED("(project ((cast (col 6 f64) num(2))) %s)", "cast from f64 to num");
    REFUSED("(project ((cast (col 10 i64) f32)) %s)", "cast to real would round twice");
    VALUES("(distinct (col 3 i32) (const null i32))", "t; t; t; t; t; f");
    VALUES("(greatest (col 3 i32) (const 2 i32))", "2; 2; 2; 7; 100; 2");
    VALUES("(is_false (col 7 bool))", "f; t; f; t; f; f");
}

/* Calls for the rows of a pipeline, and what stands above. */
static void test_host_rows(void) {
#define SUM "(host (const 0 i32) (col 3 i32) (col 2 num(2)) i64)"
    LINES("(project (" SUM ") %s)", "collect, host 0(12, 13)", "pipeline 1: result 0");
    VALUES(SUM, "1; -4; 2; 10; 104; 110");
    VALUES("(add " SUM " (host (const 0 i32) " SUM " (param 0 i32) i64))",
           "5; -5; 7; 23; 211; 223");
    COUNT("(and (gt " SUM " (const 5 i64)) (lt (col 2 num(2)) (const 9 num(2))))", "2");
    ROWS("(aggregate () ((sum " SUM " (where (gt " SUM " (const 0 i64))) num(0))) %s)", "227");
    ROWS("(project ((col 3 i32)) (limit (const 2 i64) (const 1 i64) (sort (" SUM
         " desc nulls_first) %s)))",
         "100; 7");
    ROWS("(aggregate ((host (const 2 i32) " SUM " bool)) ((count_star i64)) %s)", "f 1; t 5");
    ROWS("(project ((col 3 i32)) (filter (gt " SUM
         " (cast (col 14 i32) i64)) (join inner (eq (col 2 num(2)) "
         "(col 12 num(2))) %s (values (num(2) i32 i32) ((const 3 num(2)) (const 4 i32) (const 5 "
         "i32)) "
         "((const 4 num(2)) (const 300 i32) (const 300 i32))))))",
         "7");
#undef SUM
}

static void test_host(void) {
    LINES("(project ((host (const 0 i32) (col 4 text) text)) %s)", "lut_u8 u8", "dict(3)");
    VALUES("(host (const 0 i32) (col 4 text) text)", "'a'; 'b'; null; 'a'; 'b'; 'a'");
    ROWS("(sort ((col 0 text) asc nulls_last) (aggregate ((host (const 0 i32) (col 4 text) text)) "
         "((count_star i64)) %s))",
         "'a' 3; 'b' 2; null 1");
    VALUES("(host (const 1 i32) (col 3 i32) i64)", "10; -50; 0; null; 1000; null");
    LINES("(aggregate () ((sum (host (const 1 i32) (col 3 i32) i64) num(0))) %s)", "lut_u16 u8",
          "i64 [-300, 6000]");
    VALUES("(host (const 2 i32) (col 4 text) bool)", "f; t; null; f; t; f");
    COUNT("(host (const 2 i32) (col 3 i32) bool)", "2");
    COUNT("(is_null (host (const 2 i32) (col 3 i32) bool))", "2");
    VALUES("(host (const 3 i32) (col 3 i32) f64)", "0.5; -2.5; 0; null; 50; null");
    VALUES("(host (const 1 i32) (host (const 1 i32) (col 2 num(2)) i32) i32)",
           "0; 100; 200; 300; 400; 1000");
    VALUES("(host (const 1 i32) (param 0 i32) i32)", "30; 30; 30; 30; 30; 30");
    VALUES("(host (const 1 i32) (param 1 i32) i32)", "null; null; null; null; null; null");
    VALUES("(host (const 3 i32) (col 10 i64) f64)",
           "4.6116860184273879e+18; 0.5; -0.5; 549755813888; 0; 1.5");
    VALUES("(host (const 0 i32) (cast (col 5 bpchar) text) text)", "'x'; 'x'; ''; 'x'; 'a'; 'x'");
    VALUES("(host (const 1 i32) (col 3 i32) num(0))", "10; -50; 0; null; 1000; null");
    REFUSED("(project ((host (const 4 i32) (col 4 text) text)) %s)", "raised by the host");
    test_host_rows();
}

int main(void) {
    make_relation();
    test_host();
    test_zones();
    test_lanes();
    test_predicates();
    test_guards();
    test_dates();
    test_text();
    test_aggregates();
    test_casts();
    tqp_arena_free(&arena);
    return check_report("bind");
}
