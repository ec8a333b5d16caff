"""Are two results equal?  Exactly, but for the freedoms that doc/semantics.md lists."""

import math
from collections import Counter

FLOAT4, FLOAT8, NUMERIC, BPCHAR = 700, 701, 1700, 1042


def _normal(value, oid):
    """One text for all values that are equal: -0 and 0, 1.0 and 1.00, 'a' and 'a ' of char(n)."""
    if value is None:
        return None
    if oid in (FLOAT4, FLOAT8):
        return "0" if value == "-0" else value
    if oid == NUMERIC and "." in value:
        return value.rstrip("0").rstrip(".")
    return value.rstrip(" ") if oid == BPCHAR else value


def _close(a, b, oid):
    """Sums of floats may be added in another order."""
    if a == b or a is None or b is None:
        return a == b
    x, y = float(a), float(b)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    tolerance = 1e-4 if oid == FLOAT4 else 1e-9
    return math.isclose(x, y, rel_tol=tolerance, abs_tol=1e-9)


def _rows_match(a, b, types, exact):
    return all(x == y if e else _close(x, y, t) for x, y, t, e in zip(a, b, types, exact))


def _sorted_match(left, right, types, exact):
    """Compare as multisets; inexact columns are matched after sorting by the exact ones."""
    def key(row):
        return tuple((v is not None, v or "") for v, e in zip(row, exact) if e)

    def loose(v):
        x = 0.0 if v is None else float(v)
        return (v is None, math.isnan(x), 0.0 if math.isnan(x) else x)

    def full_key(row):
        return key(row), tuple(loose(v) for v, e in zip(row, exact) if not e)
    if all(exact):
        return Counter(left) == Counter(right)
    return all(_rows_match(a, b, types, exact)
               for a, b in zip(sorted(left, key=full_key), sorted(right, key=full_key)))


def _described(outcome):
    """An error, or how many rows there are."""
    return outcome if isinstance(outcome, str) else f"{len(outcome[0])} rows"


def difference(query, left, right):
    """None when the results agree, else a sentence. left, right: (rows, types) or an error."""
    if isinstance(left, str) or isinstance(right, str):
        return None if left == right else (f"errors differ: {_described(left)} against "
                                           f"{_described(right)}")
    (rows_l, types_l), (rows_r, types_r) = left, right
    if types_l != types_r:
        return f"column types differ: {types_l} against {types_r}"
    if len(rows_l) != len(rows_r):
        return f"{len(rows_l)} rows against {len(rows_r)}"
    exact = [item.exact for item in query.items]
    columns = [p - 1 for p in query.leading_positions()]
    if query.totally_ordered() and all(exact):
        columns = range(len(exact))
    for i, (a, b) in enumerate(zip(rows_l, rows_r)):
        if any(_normal(a[c], types_l[c]) != _normal(b[c], types_l[c]) for c in columns):
            return f"order differs at row {i + 1}: {a} against {b}"
    free = query.representatives()
    rows_l, rows_r = ([tuple(_normal(v, t) if f else v for v, t, f in zip(row, types_l, free))
                       for row in rows] for rows in (rows_l, rows_r))
    if not _sorted_match(rows_l, rows_r, types_l, exact):
        only_l = list((Counter(rows_l) - Counter(rows_r)).items())[:3]
        only_r = list((Counter(rows_r) - Counter(rows_l)).items())[:3]
        return f"rows differ: only PostgreSQL {only_l}, only tqp {only_r}"
    return None
