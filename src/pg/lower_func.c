/*
 * Functions and operators, by the OID of the function: functions.def says which rule below lowers
 * it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "mb/pg_wchar.h"

#include "pg/cache.h"
#include "pg/lower.h"
#include "program/step.h"

typedef struct Call {
    Oid funcid;
    TqpOp op;
    List *args;
    Oid collation;
    Node *node;
} Call;

typedef const TqpExpr *(*Rule)(TqpLowering *l, const Call *call);

static const TqpType type_bool = {.kind = TQP_TYPE_BOOL};
static const TqpType type_i32 = {.kind = TQP_TYPE_I32};
static const TqpType type_i64 = {.kind = TQP_TYPE_I64};
static const TqpType type_ts = {.kind = TQP_TYPE_TS};
static const TqpType type_date = {.kind = TQP_TYPE_DATE};

static const TqpExpr *arg(TqpLowering *l, const Call *call, int i) {
    return tqp_lower_expr(l, list_nth(call->args, i));
}

static const TqpExpr *not_supported(TqpLowering *l, const Call *call) {
    return tqp_lower_fail(l, TQP_DECLINE_FUNCTION, get_func_name(call->funcid));
}

static const TqpExpr *rule_arith(TqpLowering *l, const Call *call) {
    const TqpExpr *args[2];
    const char *reason;
    TqpType type;
    uint32_t n = (uint32_t)list_length(call->args);
    if (!tqp_pg_type(exprType(call->node), -1, InvalidOid, &type, &reason))
        return tqp_lower_refuse(l, reason);
    for (uint32_t i = 0; i < n; i++) {
        args[i] = tqp_lower_cast(l, arg(l, call, (int)i), type);
        if (args[i] == NULL)
            return NULL;
    }
    return tqp_ir_call(l->arena, call->op, type, n, args);
}

/* Sums have the greater display scale, products the sum of the scales. */
static const TqpExpr *rule_numeric(TqpLowering *l, const Call *call) {
    const TqpExpr *args[2];
    TqpType type = {.kind = TQP_TYPE_NUM};
    uint32_t n = (uint32_t)list_length(call->args);
    for (uint32_t i = 0; i < n; i++) {
        args[i] = arg(l, call, (int)i);
        if (args[i] == NULL)
            return NULL;
        if (args[i]->type.kind != TQP_TYPE_NUM)
            return not_supported(l, call);
        type.scale = call->op == TQP_OP_MUL ? type.scale + args[i]->type.scale
                                            : Max(type.scale, args[i]->type.scale);
    }
    if (type.scale > TQP_LOWER_SCALE_MAX)
        return tqp_lower_fail(l, TQP_DECLINE_DIGITS, CppAsString2(TQP_LOWER_SCALE_MAX));
    const TqpExpr *scale = tqp_lower_scale_call(l, call->op, n, args);
    for (uint32_t i = 0; i < n && call->op != TQP_OP_MUL; i++)
        args[i] = tqp_lower_cast(l, args[i], type);
    return tqp_lower_scaled(l, tqp_ir_call(l->arena, call->op, type, n, args), scale);
}

/* The tail does it over the outermost rows. */
static const TqpExpr *rule_num_div(TqpLowering *l, const Call *call) {
    return l->has_tail ? not_supported(l, call)
                       : tqp_lower_quotient(l, arg(l, call, 0), arg(l, call, 1));
}

static const TqpExpr *rule_identity(TqpLowering *l, const Call *call) {
    return arg(l, call, 0);
}

static const TqpExpr *rule_compare(TqpLowering *l, const Call *call) {
    return tqp_lower_compare(l, call->op, linitial(call->args), lsecond(call->args),
                             call->collation);
}

static bool is_exact(TqpTypeKind kind) {
    return kind == TQP_TYPE_I16 || kind == TQP_TYPE_I32 || kind == TQP_TYPE_I64;
}

static const TqpExpr *rule_cast(TqpLowering *l, const Call *call) {
    const TqpExpr *e = arg(l, call, 0);
    Oid to = exprType(call->node);
    const char *reason;
    TqpType type = {.kind = TQP_TYPE_NUM};
    if (e == NULL)
        return NULL;
    if (to == NUMERICOID) {
        if (!is_exact(e->type.kind)) /* digits depend on the value */
            return not_supported(l, call);
    } else if (!tqp_pg_type(to, -1, exprCollation(call->node), &type, &reason)) {
        return tqp_lower_refuse(l, reason);
    }
    return tqp_lower_cast(l, e, type);
}

/* Digits before the point that a value of this expression can have; -1: not known. */
static int integer_digits(Node *node, int32 *scale) {
    int32 typmod = exprTypmod(node);
    *scale = 0;
    if (IsA(node, FuncExpr) && list_length(((FuncExpr *)node)->args) == 1)
        switch (exprType(linitial(((FuncExpr *)node)->args))) {
        case INT2OID:
            return 5;
        case INT4OID:
            return 10;
        case INT8OID:
            return 19;
        }
    if (exprType(node) != NUMERICOID || typmod < (int32)VARHDRSZ)
        return -1;
    *scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
    return ((typmod - VARHDRSZ) >> 16 & 0xffff) - *scale;
}

/* numeric(p,s): lowered where the value is known to fit the precision, as the IR does not check it.
 */
static const TqpExpr *rule_numeric_typmod(TqpLowering *l, const Call *call) {
    const Const *typmod = lsecond(call->args);
    const TqpExpr *e = arg(l, call, 0);
    int32 from_scale;
    if (e == NULL)
        return NULL;
    if (!IsA(typmod, Const) || typmod->constisnull || e->type.kind != TQP_TYPE_NUM ||
        tqp_lower_scale(l, e) != NULL)
        return not_supported(l, call);
    int32 packed = DatumGetInt32(typmod->constvalue) - (int32)VARHDRSZ;
    if (packed < 0)
        return e;
    int32 scale = ((packed & 0x7ff) ^ 1024) - 1024, digits = (packed >> 16 & 0xffff) - scale;
    int from_digits = integer_digits(linitial(call->args), &from_scale);
    if (scale < 0 || from_digits < 0 || from_digits + (scale < from_scale) > digits)
        return tqp_lower_fail(l, TQP_DECLINE_NARROWER);
    return tqp_lower_cast(l, e, (TqpType){.kind = TQP_TYPE_NUM, .scale = scale});
}

static const TqpExpr *rule_date(TqpLowering *l, const Call *call) {
    const TqpExpr *x = arg(l, call, 0), *y = x != NULL ? arg(l, call, 1) : NULL;
    if (y == NULL)
        return NULL;
    TqpType type = y->type.kind == TQP_TYPE_DATE ? type_i32 : (TqpType){.kind = TQP_TYPE_DATE};
    return tqp_ir_call2(l->arena, call->op, type, x, y);
}

/* Whole days are added to a date as such. */
static const TqpExpr *add_days(TqpLowering *l, const TqpExpr *date, int32 days) {
    if (days < 0) /* a date beyond every timestamp is an error, whatever is subtracted */
        date = tqp_lower_cast(l, tqp_lower_cast(l, date, type_ts), type_date);
    return tqp_ir_call2(l->arena, TQP_OP_ADD, type_date, date,
                        tqp_ir_const_int(l->arena, type_i32, days));
}

static const TqpExpr *add_time(TqpLowering *l, const TqpExpr *x, TqpInt128 us) {
    if (us == 0)
        return x;
    return tqp_ir_call2(l->arena, TQP_OP_ADD, x->type, x, tqp_ir_const_int(l->arena, type_i64, us));
}

/* PostgreSQL applies months, then days, then time; days of a timestamptz depend on its zone. */
static const TqpExpr *rule_interval(TqpLowering *l, const Call *call) {
    const Const *c = lsecond(call->args);
    const TqpExpr *x = arg(l, call, 0);
    if (x == NULL)
        return NULL;
    if (!IsA(c, Const) || c->constisnull)
        return tqp_lower_fail(l, TQP_DECLINE_INTERVAL_PARAM);
    const Interval *v = DatumGetIntervalP(c->constvalue);
    int sign = call->op == TQP_OP_SUB ? -1 : 1;
    if (v->month == PG_INT32_MIN || v->day == PG_INT32_MIN || v->time == PG_INT64_MIN)
        return tqp_lower_fail(l, TQP_DECLINE_INTERVAL_EXTREME);
    if (x->type.kind == TQP_TYPE_TSTZ && (v->month != 0 || v->day != 0))
        return tqp_lower_fail(l, TQP_DECLINE_INTERVAL_DAYS);
    bool days_first = x->type.kind == TQP_TYPE_DATE && v->day != 0 && v->month == 0;
    if (days_first)
        x = add_days(l, x, sign * v->day);
    if (x->type.kind == TQP_TYPE_DATE)
        x = tqp_lower_cast(l, x, type_ts);
    if (v->month != 0)
        x = tqp_ir_call2(l->arena, TQP_OP_ADD_MONTHS, type_ts, x,
                         tqp_ir_const_int(l->arena, type_i32, sign * v->month));
    if (!days_first)
        x = add_time(l, x, (TqpInt128)sign * v->day * USECS_PER_DAY);
    return add_time(l, x, (TqpInt128)sign * v->time);
}

static const TqpExpr *at_zone(TqpLowering *l, const char *zone, const TqpExpr *x) {
    TqpType text = {.kind = TQP_TYPE_TEXT};
    return tqp_ir_call2(l->arena, TQP_OP_AT_ZONE, type_ts,
                        tqp_ir_const_text(l->arena, text, zone, (uint32_t)strlen(zone)), x);
}

/* timestamptz to timestamp, date or time, in the session's zone. */
static const TqpExpr *rule_local(TqpLowering *l, const Call *call) {
    const TqpExpr *x = arg(l, call, 0);
    const char *reason;
    TqpType type;
    if (x == NULL)
        return NULL;
    if (!tqp_pg_type(exprType(call->node), -1, InvalidOid, &type, &reason))
        return tqp_lower_refuse(l, reason);
    return tqp_lower_cast(l, at_zone(l, "", x), type);
}

static const TqpExpr *rule_zone(TqpLowering *l, const Call *call) {
    const Const *zone = linitial(call->args);
    const TqpExpr *x = arg(l, call, 1);
    if (x == NULL)
        return NULL;
    if (!IsA(zone, Const) || zone->constisnull)
        return tqp_lower_fail(l, TQP_DECLINE_ZONE);
    char *name = TextDatumGetCString(zone->constvalue);
    return name[0] != '\0' ? at_zone(l, name, x) : not_supported(l, call);
}

/* The field of extract or date_trunc: a constant, in PostgreSQL's lower case. */
static bool date_field(TqpLowering *l, Node *node, const TqpExpr **unit, TqpDateField *field) {
    const Const *c = (const Const *)node;
    TqpType type = {.kind = TQP_TYPE_TEXT};
    if (!IsA(node, Const) || c->constisnull) {
        tqp_lower_fail(l, TQP_DECLINE_FIELD_PARAM);
        return false;
    }
    char *name = TextDatumGetCString(c->constvalue);
    for (char *p = name; *p != '\0'; p++)
        *p = (char)pg_tolower((unsigned char)*p);
    if (!tqp_date_field_parse(name, (uint32_t)strlen(name), field)) {
        tqp_lower_fail(l, TQP_DECLINE_FIELD_NAME, name);
        return false;
    }
    *unit = tqp_ir_const_text(l->arena, type, name, (uint32_t)strlen(name));
    return true;
}

static bool is_time_field(TqpDateField field) {
    return field >= TQP_FIELD_HOUR && field <= TQP_FIELD_MICROSECOND;
}

/* Digits after the point of extract's result (PostgreSQL: timestamp.c, date.c). */
static int32 extract_scale(TqpDateField field, TqpTypeKind kind) {
    if (kind == TQP_TYPE_DATE)
        return 0;
    if (field == TQP_FIELD_SECOND || field == TQP_FIELD_EPOCH)
        return 6;
    return field == TQP_FIELD_MILLISECOND ? 3 : 0;
}

static const TqpExpr *rule_extract(TqpLowering *l, const Call *call) {
    const TqpExpr *args[2];
    TqpDateField field;
    if (!date_field(l, linitial(call->args), &args[0], &field))
        return NULL;
    args[1] = arg(l, call, 1);
    if (args[1] == NULL)
        return NULL;
    if (args[1]->type.kind == TQP_TYPE_TSTZ)
        args[1] = field == TQP_FIELD_EPOCH ? tqp_lower_cast(l, args[1], type_ts)
                                           : at_zone(l, "", args[1]);
    TqpTypeKind kind = args[1]->type.kind;
    if ((kind == TQP_TYPE_DATE && is_time_field(field)) ||
        (kind == TQP_TYPE_TIME && !is_time_field(field) && field != TQP_FIELD_EPOCH))
        return tqp_lower_fail(l, TQP_DECLINE_FIELD_TYPE);
    TqpType type = {.kind = TQP_TYPE_F64};
    if (exprType(call->node) == NUMERICOID)
        type = (TqpType){.kind = TQP_TYPE_NUM, .scale = extract_scale(field, kind)};
    return tqp_ir_call(l->arena, TQP_OP_EXTRACT, type, 2, args);
}

/*
 * In the session's zone.  Below a day the offset of the instant stays, from a day on the beginning
 * of the local day has its own (timestamptz_trunc), which PostgreSQL computes per day.
 */
static const TqpExpr *trunc_instant(TqpLowering *l, const TqpExpr **args, bool below_day) {
    const TqpExpr *x = args[1], *local = at_zone(l, "", x);
    args[1] = local;
    const TqpExpr *start = tqp_ir_call(l->arena, TQP_OP_DATE_TRUNC, type_ts, 2, args);
    if (below_day)
        return tqp_ir_call2(l->arena, TQP_OP_ADD, x->type, x,
                            tqp_ir_call2(l->arena, TQP_OP_SUB, type_i64, start, local));
    return tqp_lower_host_cast(l, F_TIMESTAMPTZ_DATE, tqp_lower_cast(l, start, type_date), DATEOID,
                               TIMESTAMPTZOID);
}

static const TqpExpr *rule_date_trunc(TqpLowering *l, const Call *call) {
    const TqpExpr *args[2];
    TqpDateField field;
    if (!date_field(l, linitial(call->args), &args[0], &field))
        return NULL;
    if (field == TQP_FIELD_DOW || field == TQP_FIELD_ISODOW || field == TQP_FIELD_DOY ||
        field == TQP_FIELD_ISOYEAR || field == TQP_FIELD_EPOCH)
        return tqp_lower_fail(l, TQP_DECLINE_UNIT);
    args[1] = arg(l, call, 1);
    if (args[1] == NULL)
        return NULL;
    return args[1]->type.kind == TQP_TYPE_TSTZ
               ? trunc_instant(l, args, is_time_field(field))
               : tqp_ir_call(l->arena, TQP_OP_DATE_TRUNC, type_ts, 2, args);
}

/* Kernels know UTF-8 and encodings of one byte per character. */
static bool encoding_ok(TqpLowering *l) {
    if (GetDatabaseEncoding() == PG_UTF8 || pg_database_encoding_max_length() == 1)
        return true;
    tqp_lower_fail(l, TQP_DECLINE_ENCODING, GetDatabaseEncodingName());
    return false;
}

static const TqpExpr *rule_like(TqpLowering *l, const Call *call) {
    Node *string = linitial(call->args), *pattern = lsecond(call->args);
    TqpType type;
    if (!encoding_ok(l) || !tqp_lower_text_type(l, TQP_TYPE_TEXT, call->collation, &type))
        return NULL;
    if (!tqp_lower_is_constant(pattern))
        return tqp_lower_fail(l, TQP_DECLINE_PATTERN);
    const TqpExpr *x = tqp_lower_expr(l, string),
                  *p = x != NULL ? tqp_lower_expr(l, pattern) : NULL;
    if (p == NULL)
        return NULL;
    if (x->type.kind == TQP_TYPE_BPCHAR) { /* blanks of char(n) count here */
        int32 width = exprTypmod(string) - (int32)VARHDRSZ;
        if (width <= 0)
            return tqp_lower_fail(l, TQP_DECLINE_LIKE_WIDTH);
        type.collation = x->type.collation;
        x = tqp_ir_call2(l->arena, TQP_OP_PAD, type, x,
                         tqp_ir_const_int(l->arena, type_i32, width));
    }
    const TqpExpr *like = tqp_ir_call2(l->arena, TQP_OP_LIKE, type_bool, x, p);
    return call->op == TQP_OP_NOT ? tqp_ir_call1(l->arena, TQP_OP_NOT, type_bool, like) : like;
}

static const TqpExpr *rule_length(TqpLowering *l, const Call *call) {
    const TqpExpr *x = encoding_ok(l) ? arg(l, call, 0) : NULL;
    return x != NULL ? tqp_ir_call1(l->arena, TQP_OP_LENGTH, type_i32, x) : NULL;
}

static bool const_int4(TqpLowering *l, Node *node, int32 *value) {
    if (!IsA(node, Const) || ((Const *)node)->constisnull) {
        tqp_lower_fail(l, TQP_DECLINE_BOUNDS);
        return false;
    }
    *value = DatumGetInt32(((Const *)node)->constvalue);
    return true;
}

static const TqpExpr *rule_substr(TqpLowering *l, const Call *call) {
    int32 start, length = -1;
    if (!encoding_ok(l) || !const_int4(l, lsecond(call->args), &start))
        return NULL;
    if (list_length(call->args) == 3) {
        if (!const_int4(l, lthird(call->args), &length))
            return NULL;
        if (length < 0)
            return tqp_lower_fail(l, TQP_DECLINE_NEGATIVE_LENGTH);
    }
    const TqpExpr *x = arg(l, call, 0);
    if (x == NULL)
        return NULL;
    if (x->type.kind != TQP_TYPE_TEXT)
        return not_supported(l, call);
    const TqpExpr *args[3] = {x, tqp_ir_const_int(l->arena, type_i32, start),
                              tqp_ir_const_int(l->arena, type_i32, length)};
    return tqp_ir_call(l->arena, TQP_OP_SUBSTR, x->type, 3, args);
}

static const struct Entry {
    Oid funcid;
    Rule rule;
    TqpOp op;
} entries[] = {
#define TQP_FUNCTION(oid, rule, op) {oid, rule_##rule, TQP_OP_##op},
#include "pg/functions.def"
#undef TQP_FUNCTION
};

static const struct Entry *find_entry(Oid funcid) {
    for (size_t i = 0; i < lengthof(entries); i++)
        if (entries[i].funcid == funcid)
            return &entries[i];
    return NULL;
}

bool tqp_lower_comparison_op(Oid funcid, TqpOp *op) {
    const struct Entry *entry = find_entry(funcid);
    if (entry == NULL || entry->rule != rule_compare)
        return false;
    *op = entry->op;
    return true;
}

const TqpExpr *tqp_lower_function(TqpLowering *l, Oid funcid, List *args, Oid collation,
                                  Node *node) {
    const struct Entry *entry = find_entry(funcid);
    if (entry == NULL)
        return tqp_lower_fail(l, TQP_DECLINE_FUNCTION, get_func_name(funcid));
    Call call = {funcid, entry->op, args, collation, node};
    const TqpExpr *e = entry->rule(l, &call);
    if (e != NULL)
        l->functions = list_append_unique_oid(l->functions, funcid);
    return e;
}
