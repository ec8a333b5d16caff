/*
 * tqp.variance(): variances and standard deviations of integers and numerics from what the engine
 * sums up, with the digits of PostgreSQL's aggregates (numeric.c, numeric_stddev_internal).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

static Datum call(PGFunction f, Datum x, Datum y) {
    return DirectFunctionCall2(f, x, y);
}

static Datum whole(int64 n) {
    return NumericGetDatum(int64_to_numeric(n));
}

static int32 scale_of(Datum x) {
    return DatumGetInt32(DirectFunctionCall1(numeric_scale, x));
}

/*
 * The root, rounded once to the scale of v, which PostgreSQL's aggregates show.  numeric_sqrt has
 * a scale of its own, not below: where it is higher, its result may lie in the middle between two
 * results, though the root is below.  The square of a middle has more digits than v: they differ.
 */
static Datum root_of(Datum v) {
    int32 scale = scale_of(v);
    Datum root = DirectFunctionCall1(numeric_sqrt, v);
    if (scale_of(root) == scale)
        return root;
    root = call(numeric_round, root, Int32GetDatum(scale));
    /* 10^-scale / 2, of one digit more. */
    Datum unit = DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("1e%d", -scale)),
                                     ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
    Datum half = call(numeric_mul, unit,
                      DirectFunctionCall3(numeric_in, CStringGetDatum("0.5"),
                                          ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    Datum middle = call(numeric_sub, root, half);
    if (DatumGetBool(call(numeric_gt, call(numeric_mul, middle, middle), v)))
        root = call(numeric_sub, root, unit);
    return root;
}

PG_FUNCTION_INFO_V1(tqp_variance);
Datum tqp_variance(PG_FUNCTION_ARGS) {
    int64 count = PG_GETARG_INT64(0);
    Datum n = whole(count), sum = PG_GETARG_DATUM(1), squares = PG_GETARG_DATUM(2);
    bool sample = PG_GETARG_BOOL(3), root = PG_GETARG_BOOL(4);
    if (count <= (sample ? 1 : 0))
        PG_RETURN_NULL();
    Datum above = call(numeric_sub, call(numeric_mul, n, squares), call(numeric_mul, sum, sum));
    Datum zero = whole(0); /* the difference would have a scale */
    if (DatumGetBool(call(numeric_le, above, zero)))
        PG_RETURN_DATUM(zero);
    Datum below = call(numeric_mul, n, sample ? whole(count - 1) : n);
    Datum v = call(numeric_div, above, below);
    PG_RETURN_DATUM(root ? root_of(v) : v);
}
