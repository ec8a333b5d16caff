"""Whether two engines gave the same answer."""

from decimal import Decimal, InvalidOperation

FLOAT_TOLERANCE = 1e-9  # relative; DuckDB's avg of decimals is a double


def number(value):
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def same_value(exact, other):
    """`exact` is PostgreSQL's text, `other` DuckDB's: text, or a float where it used one."""
    if exact is None or other is None:
        return exact is other
    if isinstance(other, float):
        reference = float(exact)
        return abs(reference - other) <= FLOAT_TOLERANCE * max(abs(reference), abs(other))
    if exact.rstrip(" ") == other.rstrip(" "):  # DuckDB does not pad char(n)
        return True
    left, right = number(exact), number(other)
    return left is not None and left == right


def arrange(rows, ordered):
    return rows if ordered else sorted(rows, key=lambda row: [str(value) for value in row])


def first_difference(reference, other, ordered, identical):
    """None when equal. `identical`: to the last character, as tqp owes it to PostgreSQL."""
    if len(reference) != len(other):
        return f"{len(reference)} rows against {len(other)}"
    pairs = zip(arrange(reference, ordered), arrange(other, ordered))
    for index, (left, right) in enumerate(pairs):
        if identical:
            same = tuple(left) == tuple(right)
        else:
            same = len(left) == len(right) and all(map(same_value, left, right))
        if not same:
            return f"row {index + 1}: {tuple(left)} against {tuple(right)}"
    return None
