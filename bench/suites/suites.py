"""Every query of the public suites with tqp off and forced on, over the same data.

For each: are the rows the same, who ran it (from EXPLAIN and the query log), and the time of the
statement until all its rows are in the client. Exits 1 when an answer differs.
"""

import argparse
import sys
import time
from collections import Counter

from data import libpq, suites
from peers import Statement


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="all", choices=("tpch", "ssb", "clickbench", "all"))
    parser.add_argument("--scale", default="0.1", help="scale factor of TPC-H and SSB")
    parser.add_argument("--rows", default="1000000", help="rows of ClickBench's hits")
    parser.add_argument("--runs", type=int, default=1, help="the least time of so many is shown")
    parser.add_argument("--queries", help="comma-separated names; all by default")
    parser.add_argument("--whole", action="store_true",
                        help="exit 1 also when a query did not run whole on the engine")
    return parser.parse_args()


class Lane:
    """One of the two ways to run a statement."""

    def __init__(self, connection, setting):
        self.connection, self.setting = connection, setting

    def run(self, sql, runs):
        """(rows, column types, least milliseconds); an error is the SQLSTATE for rows."""
        self.connection.execute(self.setting)
        least = float("inf")
        for _ in range(runs):
            started = time.perf_counter()
            try:
                rows, types = self.connection.execute(sql)
            except libpq.Error as error:
                rows, types = error.sqlstate, str(error)
            least = min(least, 1000 * (time.perf_counter() - started))
        return rows, types, least


def last_logged(connection):
    """(outcome, reason) of this session's last statement in the query log."""
    rows, _ = connection.execute(
        "SELECT outcome, reason FROM tqp.query_log_entries() WHERE pid = pg_backend_pid() "
        "AND query NOT LIKE '%query_log_entries%' ORDER BY at DESC LIMIT 1")
    return rows[0] if rows else ("not logged", None)


def ran_on(connection, sql, setting):
    """A sentence and a kind, after the statement has run with tqp forced on."""
    outcome, reason = last_logged(connection)
    connection.execute(setting)
    plan = [row[0] for row in connection.execute("EXPLAIN (COSTS OFF) " + sql)[0]]
    scans = sum("(TqpScan" in line for line in plan)
    if outcome == "replayed":
        return "replayed", f"replayed: {reason}"
    if "(TqpScan" in plan[0]:
        return "whole", "tqp whole"
    if scans:
        return "in part", f"tqp in part ({scans} TqpScan)"
    return "declined", f"declined: {reason}"


def compare(statement, off, on, postgres):
    """What differs between the two answers, or None."""
    if isinstance(off[0], str) or isinstance(on[0], str):
        return None if off[0] == on[0] else f"errors differ: {off[:2]} against {on[:2]}"
    if off[1] != on[1]:
        return f"column types differ: {off[1]} against {on[1]}"
    peers, _, _ = postgres.run(statement.peers_sql, 1)
    classes = statement.peers(peers)
    wrong = statement.difference(classes, off[0], len(off[0]))
    if wrong:
        return f"the comparison itself is wrong, it refuses PostgreSQL's rows: {wrong}"
    return statement.difference(classes, on[0], len(off[0]))


def run_suite(suite, options):
    """Returns counts of kinds, the number of differences and of queries without a row."""
    connection = suite.prepare()
    for table in suite.tables:
        connection.execute(f"SELECT tqp.load('{table}')")
    postgres = Lane(connection, "SET tqp.enabled = off")
    engine = Lane(connection, "SET tqp.enabled = on; SET tqp.force = on")
    wanted = options.queries.split(",") if options.queries else None
    kinds, differences, empty = Counter(), 0, 0
    print(f"\n{suite.name}, {'rows' if suite.name == 'clickbench' else 'scale'} {suite.size}\n"
          f"  {'query':6} {'rows':>6}  same {'off ms':>9} {'on ms':>9} {'ratio':>7}  ran on",
          flush=True)
    for path in suite.queries:
        if wanted and path.stem not in wanted:
            continue
        statement = Statement(path.read_text())
        off = postgres.run(statement.sql, options.runs)
        on = engine.run(statement.sql, options.runs)
        kind, where = ran_on(connection, statement.sql, engine.setting)
        found = compare(statement, off, on, postgres)
        kinds[kind] += 1
        differences += found is not None
        empty += on[0] == []
        count = len(on[0]) if not isinstance(on[0], str) else on[0]
        print(f"  {path.stem:6} {count:>6}  {'yes ' if found is None else 'NO  '} {off[2]:9.1f} "
              f"{on[2]:9.1f} {off[2] / on[2]:6.1f}x  {where}", flush=True)
        if found:
            print(f"         {found}", flush=True)
    connection.close()
    return kinds, differences, empty


def main():
    options = parse_arguments()
    failed, lines = False, []
    for suite in suites(options.suite, options.scale, options.rows):
        kinds, differences, empty = run_suite(suite, options)
        total = sum(kinds.values())
        rest = "".join(f", {count} {kind}" for kind, count in sorted(kinds.items())
                       if kind != "whole")
        lines.append(f"{suite.name}: {total} queries, {total - differences} with the same rows, "
                     f"{differences} differ; {kinds['whole']} whole on the engine{rest}; "
                     f"{empty} without a row")
        failed |= differences > 0 or (options.whole and kinds["whole"] < total)
    print("\n" + "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
