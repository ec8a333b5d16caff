"""Which answers may a query have?  PostgreSQL's rows, but for ties: where ORDER BY leaves several
rows equal, or LIMIT stands without it, any of them may come, and in any order.

The statement is run once more in PostgreSQL with its sort keys as columns of their own and WITH
TIES, so that all rows are known that could stand at each place of the answer."""

import re
from collections import Counter
from itertools import groupby


def _top_level(sql):
    """The text with everything in parentheses and quotes blanked, so that offsets stay."""
    out, depth, quoted = [], 0, False
    for c in sql:
        quoted ^= c == "'"
        depth -= c == ")" and not quoted
        out.append(" " if depth or quoted or c in "'" else c)
        depth += c == "(" and not quoted
    return "".join(out)


def _find(pattern, flat, start=0):
    match = re.compile(pattern, re.I).search(flat, start)
    return (match.start(), match.end()) if match else (None, None)


def _split(text):
    """Cut at commas of the top level."""
    flat, parts, start = _top_level(text), [], 0
    for i, c in enumerate(flat):
        if c == ",":
            parts.append(text[start:i].strip())
            start = i + 1
    return parts + [text[start:].strip()]


def _resolve(key, items):
    """A sort key as an expression: what a position or an alias stands for."""
    if key.isdigit():
        key = items[int(key) - 1]
        return re.sub(r"\s+as\s+\w+$", "", key, flags=re.I)
    for item in items:
        match = re.match(r"(.*\S)\s+as\s+(\w+)$", item, re.I | re.S)
        if match and match.group(2).lower() == key.lower():
            return match.group(1)
    return key


class Statement:
    """One query of a suite, taken apart."""

    def __init__(self, sql):
        self.sql = sql.strip().rstrip(";")
        flat = _top_level(self.sql)
        _, items_at = _find(r"\bselect\b", flat)
        from_at, _ = _find(r"\bfrom\b", flat, items_at)
        order_at, keys_at = _find(r"\border\s+by\b", flat)
        limit_at, _ = _find(r"\blimit\b", flat)
        self.limited = limit_at is not None
        end = limit_at if self.limited else len(flat)
        self.keys = _split(self.sql[keys_at:end].strip()) if order_at is not None else []
        self.offset = int((re.findall(r"\boffset\s+(\d+)", flat, re.I) or ["0"])[0])
        limit = int((re.findall(r"\blimit\s+(\d+)", flat, re.I) or ["0"])[0])
        items = _split(self.sql[items_at:from_at].strip())
        added = "".join(f", ({_resolve(self._bare(key), items)})" for key in self.keys)
        self.peers_sql = self.sql[:from_at].rstrip() + added + "\n" + self.sql[from_at:end].rstrip()
        if self.limited and self.keys:
            self.peers_sql += f"\nFETCH FIRST {self.offset + limit} ROWS WITH TIES"

    @staticmethod
    def _bare(key):
        return re.sub(r"\s+(asc|desc)$", "", key, flags=re.I)

    def peers(self, rows):
        """Rows of peers_sql as classes of equal sort keys: lists of answers' rows."""
        width = len(self.keys)
        if width == 0:
            return [rows]
        return [[row[:-width] for row in group]
                for _, group in groupby(rows, key=lambda row: row[-width:])]

    def difference(self, classes, rows, expected_count):
        """None when `rows` may be the answer, else a sentence."""
        if len(rows) != expected_count:
            return f"{expected_count} rows against {len(rows)}"
        place = -self.offset
        for peers in classes:
            first, last = max(place, 0), min(place + len(peers), len(rows))
            place += len(peers)
            if first < last:
                extra = Counter(rows[first:last]) - Counter(peers)
                if extra:
                    return (f"rows {first + 1} to {last}: only tqp {list(extra.items())[:3]}, "
                            f"PostgreSQL could give {peers[:3]}")
        return None if place >= len(rows) or not rows else f"more rows than PostgreSQL has: {len(rows)}"
