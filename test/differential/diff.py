"""The differential test: the same SQL under the same snapshot, tqp off and forced on.

usage: diff.py [-n QUERIES] [-s SEED] [-m LEAST_SHARE] [--keep-going]

Tables of every type are made and partly loaded into the cache; queries are generated and run under
one REPEATABLE READ snapshot each while a second session keeps changing the tables and vacuuming.
Fails when a result differs, when the server is lost, or when fewer than LEAST_SHARE of the queries
ran on the engine (a silent fallback proves nothing). What differs is shrunk and printed.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import libpq  # noqa: E402
from compare import difference  # noqa: E402
from queries import Generator  # noqa: E402
from tables import random_table  # noqa: E402

SIZES = [0, 1, 63, 200, 3000, 20000, 90000]


class Run:
    """One seed: tables, connections, counts."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.reader, self.writer = libpq.Connection(), libpq.Connection()
        self.outcomes, self.reasons = Counter(), Counter()
        self.tables = []
        self.failures = 0

    def setup(self, seed):
        """Create the tables; some are vacuumed and loaded, some are not."""
        self.reader.execute(f"SELECT setseed({random.Random(seed).random()})")
        self.reader.execute("SET extra_float_digits = 1")
        self.reader.execute("SET max_parallel_workers_per_gather = 0")
        for i, rows in enumerate(SIZES):
            name = f"t{i}"
            table = random_table(self.rng, name, rows)
            self.reader.execute(f"DROP TABLE IF EXISTS {name}")
            for statement in table.create():
                self.create(statement)
            self.reader.execute(f"VACUUM ANALYZE {name}")
            if self.rng.random() < 0.6:
                self.reader.execute(f"SELECT * FROM tqp.load('{name}')")
            self.tables.append(table)

    def create(self, statement):
        """A filling statement may overflow a narrow type on purpose-made extremes: report it."""
        self.reader.execute(statement)

    def disturb(self):
        """The other session changes a table, or vacuums it, or loads it."""
        rng, table = self.rng, self.rng.choice(self.tables)
        name = table.name
        statement = rng.choice([
            f"UPDATE {name} SET c0 = c0 + 1 WHERE ctid IN (SELECT ctid FROM {name} WHERE c0 = 2 LIMIT 5)",
            f"DELETE FROM {name} WHERE ctid IN (SELECT ctid FROM {name} LIMIT 2)",
            table.insert(rng.choice([1, 3, 40]), start=rng.randint(1, 1000)),
            f"VACUUM {name}", f"VACUUM {name}", f"SELECT * FROM tqp.load('{name}')",
            f"BEGIN; {table.insert(3)}; ROLLBACK"])
        self.writer.execute(statement)

    def result(self, sql):
        """Rows and types, or the SQLSTATE as a string."""
        self.reader.execute("SAVEPOINT s")
        try:
            outcome = self.reader.execute(sql)
            self.reader.execute("RELEASE s")
            return outcome
        except libpq.Error as error:
            self.reader.execute("ROLLBACK TO s")
            return error.sqlstate

    def both(self, query, own_write=None, between=None):
        """Run the query off and on under one snapshot; returns what differs, or None."""
        self.reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            if own_write:
                self.reader.execute(own_write)
            self.reader.execute("SET LOCAL tqp.enabled = off")
            off = self.result(query.sql())
            if between:
                between()
            self.reader.execute("SET LOCAL tqp.enabled = on")
            self.reader.execute("SET LOCAL tqp.force = on")
            on = self.result(query.sql())
            return difference(query, off, on)
        finally:
            if self.reader.alive():
                self.reader.execute("ROLLBACK")

    def reconnect(self):
        """After a crash: wait for recovery and connect again."""
        for _ in range(60):
            try:
                time.sleep(1)
                self.reader, self.writer = libpq.Connection(), libpq.Connection()
                self.reader.execute("SET extra_float_digits = 1")
                return
            except libpq.Lost:
                continue
        raise libpq.Lost("the server did not come back")

    def note_outcome(self):
        """How the last query went, from the query log."""
        rows, _ = self.reader.execute(
            "SELECT outcome, reason FROM tqp.query_log_entries() "
            "WHERE pid = pg_backend_pid() AND query NOT LIKE '%query_log%' ORDER BY at DESC LIMIT 1")
        outcome, reason = rows[0] if rows else ("none", None)
        self.outcomes[outcome] += 1
        if outcome != "offloaded":
            self.reasons[f"{outcome}: {reason}"] += 1

    def shrink(self, query, own_write):
        """The smallest query found that still differs."""
        progress = True
        while progress:
            progress = False
            for candidate in query.smaller():
                if self.both(candidate, own_write):
                    query, progress = candidate, True
                    break
        return query

    def one(self, number, seed):
        """Generate and compare one query."""
        rng = self.rng
        table = rng.choice(self.tables)
        query = Generator(rng, table).query()
        self.reader.execute(f"SET tqp.threads = {rng.choice([1, 2, 3])}")
        if rng.random() < 0.15:
            isa = rng.choice(["scalar", "auto"])
            self.reader.execute(f"SET tqp.isa = {isa}")
        if rng.random() < 0.3:
            self.disturb()
        own_write = table.insert(5) if rng.random() < 0.1 else None
        between = self.disturb if rng.random() < 0.15 and not own_write else None
        try:
            found = self.both(query, own_write, between)
        except libpq.Lost as lost:
            self.failures += 1
            print(f"CRASHED (seed {seed}, query {number}): {lost}\n  query:  {query.sql()}",
                  flush=True)
            self.reconnect()
            return
        self.note_outcome()
        if found:
            self.failures += 1
            try:
                small = self.shrink(query, own_write)
            except libpq.Lost:
                self.reconnect()
                small = query
            print(f"DIFFERS (seed {seed}, query {number}): {found}\n  query:  {query.sql()}\n"
                  f"  shrunk: {small.sql()}\n  now:    {self.both(small, own_write)}", flush=True)


def main():
    """Parse arguments, run, print the tally."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("-s", "--seed", type=int, default=1)
    parser.add_argument("-m", "--least-share", type=float, default=0.6)
    parser.add_argument("--keep-going", action="store_true")
    options = parser.parse_args()
    run = Run(options.seed)
    run.setup(options.seed)
    for number in range(1, options.n + 1):
        run.one(number, options.seed)
        if run.failures and not options.keep_going:
            break
    share = run.outcomes["offloaded"] / max(1, sum(run.outcomes.values()))
    print(f"seed {options.seed}: {sum(run.outcomes.values())} queries, {dict(run.outcomes)}, "
          f"{share:.0%} on the engine, {run.failures} differ")
    for reason, count in run.reasons.most_common(12):
        print(f"  {count:5} {reason}")
    if share < options.least_share:
        print(f"too few ran on the engine: {share:.0%} < {options.least_share:.0%}")
    return 1 if run.failures or share < options.least_share else 0


if __name__ == "__main__":
    sys.exit(main())
