"""DuckDB in a process of its own: reads commands as JSON lines, times statements itself.

Two ways to have the whole result at the client are known: Python rows (best for a few) and rows
held in client memory, as libpq holds them (best for many). The caller names the way.
"""

import json
import sys
import time

import duckdb


def encode(value):
    """Floats stay floats, to be compared as such; all else is exact as text."""
    if value is None or isinstance(value, float):
        return value
    return str(value)


def run(connection, sql, way):
    started = time.perf_counter()
    if way == "rows":
        rows = connection.execute(sql).fetchall()
        elapsed = time.perf_counter() - started
    else:
        relation = connection.sql(sql).materialize()
        elapsed = time.perf_counter() - started
        rows = None
    return 1000 * elapsed, rows


def main():
    connection = duckdb.connect(sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        ms, rows = run(connection, command["sql"].rstrip().rstrip(";"), command["way"])
        reply = {"ms": ms}
        if command["answer"]:
            reply["rows"] = [[encode(value) for value in row] for row in rows]
        print(json.dumps(reply), flush=True)


main()
