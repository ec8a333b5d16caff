"""The differential test: the same SQL under the same snapshot, tqp off and forced on.

usage: diff.py [-n QUERIES] [-s SEED] [-m LEAST_SHARE] [--keep-going] [--rows LARGEST]
               [--mode relational] [--without FEATURES]

Tables of every type are made and partly loaded into the cache; queries are generated and run under
one REPEATABLE READ snapshot each while a second session keeps changing the tables and vacuuming.
Fails when a result or an error differs, when the server is lost, or when fewer than LEAST_SHARE of
the queries ran on the engine (a silent fallback proves nothing). What differs is shrunk and printed.
Queries that the engine is much slower at than PostgreSQL are printed and counted.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import libpq  # noqa: E402
import relational_tables  # noqa: E402
import settings  # noqa: E402
from execute import FORMS, PREPARED_FORMS, Comparer  # noqa: E402
from blocks import FEATURES  # noqa: E402
from queries import Generator  # noqa: E402
from relational import RelationalGenerator  # noqa: E402
from tables import REWRITABLE_ROWS, added_column, random_table  # noqa: E402

# Rows of each table and how often queries take it; 65,536 rows make a row group.
SIZES = {0: 2, 1: 2, 63: 4, 200: 5, 3000: 12, 3001: 12, 20000: 9, 90000: 3, 200000: 2}
REMAKE = 60  # queries after which a table is replaced by a new random one


class Run:
    """One seed: tables, connections, counts."""

    def __init__(self, seed, largest, mode="single", without=()):
        self.seed, self.rng, self.mode, self.without = seed, random.Random(seed), mode, without
        sizes = SIZES if mode == "single" else relational_tables.SIZES
        self.sizes = {rows: weight for rows, weight in sizes.items() if rows <= largest}
        self.outcomes, self.reasons, self.forms, self.errors = (Counter() for _ in range(4))
        self.features, self.offloaded = Counter(), Counter()
        self.tables, self.failures, self.slow, self.last_entry = [], 0, 0, None
        self.connect()

    def connect(self):
        """Open both sessions."""
        self.reader, self.writer = libpq.Connection(), libpq.Connection()
        for statement in ("SET extra_float_digits = 1", "SET max_parallel_workers_per_gather = 0"):
            self.reader.execute(statement)
        self.current = {}
        self.comparer = Comparer(self.reader, self.errors)

    def setup(self):
        """Create the tables; some are vacuumed and loaded, some are not."""
        for session in (self.reader, self.writer):
            session.execute(f"SELECT setseed({random.Random(self.seed).random()})")
        for i, rows in enumerate(self.sizes):
            self.tables.append(self.make_table(f"t{i}", rows))

    def make_table(self, name, rows):
        """A new random table under this name."""
        settings.apply(self.reader, settings.DEFAULTS, self.current)
        maker = random_table if self.mode == "single" else relational_tables.relational_table
        table = maker(self.rng, name, rows)
        self.reader.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in table.create():
            self.reader.execute(statement)
        if self.rng.random() < 0.9:
            self.reader.execute(f"VACUUM ANALYZE {name}")
        if self.rng.random() < 0.6 and not table.unlogged:
            self.reader.execute(f"SELECT * FROM tqp.load('{name}')")
        return table

    def remake(self):
        """Replace a table by another, the popular ones more often."""
        i = self.rng.choices(range(len(self.tables)), list(self.sizes.values()))[0]
        old = self.tables[i]
        self.tables[i] = self.make_table(old.name, old.rows)

    def disturb(self, locks=True):
        """The other session changes a table, or vacuums it, or loads it. locks: may it take locks
        that wait for readers?"""
        rng, table = self.rng, self.rng.choice(self.tables)
        name = table.name
        some = f"ctid IN (SELECT ctid FROM {name} WHERE c0 = {rng.randint(0, 5)} LIMIT 5)"
        choices = [
            f"UPDATE {name} SET c0 = c0 + 1 WHERE {some}",
            f"UPDATE {name} SET c0 = NULL WHERE {some}",
            f"DELETE FROM {name} WHERE ctid IN (SELECT ctid FROM {name} LIMIT 2)",
            f"DELETE FROM {name} WHERE {some}",
            table.insert(rng.choice([1, 3, 40]), start=rng.randint(1, 1000)), table.insert_wide(),
            f"VACUUM {name}", f"VACUUM {name}", f"VACUUM (FREEZE) {name}",
            f"BEGIN; {table.insert(3)}; ROLLBACK",
            f"BEGIN; {table.insert(2)}; SAVEPOINT a; {table.insert(2)}; ROLLBACK TO a; COMMIT"]
        if not table.unlogged:
            choices += [f"SELECT * FROM tqp.load('{name}')",
                        f"SELECT * FROM tqp.load('{name}', ARRAY['c0'])",
                        f"SELECT tqp.unload('{name}')"]
        if locks and table.rows <= REWRITABLE_ROWS and rng.random() < 0.3:
            choices = [f"VACUUM FULL {name}", f"CREATE INDEX ON {name} (c0); CLUSTER {name} USING "
                       f"{name}_c0_idx; DROP INDEX {name}_c0_idx",
                       f"BEGIN; TRUNCATE {name}; {table.insert(table.rows)}; COMMIT",
                       f"ALTER TABLE {name} ALTER COLUMN c0 TYPE int8; "
                       f"ALTER TABLE {name} ALTER COLUMN c0 TYPE int4"]
            if len(table.columns) < 16:
                column = added_column(rng, f"a{len(table.columns)}")
                table.columns.append(column)
                choices = [table.add(column)]
        self.writer.execute(rng.choice(choices))

    def note_outcome(self):
        """How the last query went, from the query log."""
        rows, _ = self.reader.execute(
            "SELECT outcome, reason, at FROM tqp.query_log_entries() "
            "WHERE pid = pg_backend_pid() AND query NOT LIKE '%query_log%' ORDER BY at DESC LIMIT 1")
        outcome, reason, at = rows[0] if rows else ("not logged", None, None)
        if at == self.last_entry:
            outcome, reason = "not logged", None
        self.last_entry = at
        self.outcomes[outcome] += 1
        if self.mode == "relational":
            self.features.update(self.used)
            self.offloaded.update(self.used if outcome == "offloaded" else ())
        if outcome != "offloaded":
            self.reasons[f"{outcome}: {reason}"] += 1

    def compare(self, query, form, own_write=None, between=None, after=None):
        """What differs, or None."""
        if query.parameters is None:
            return self.comparer.once(query, form, own_write, between)
        executions = Generator.EXECUTIONS if self.fast else 2
        return self.comparer.prepared(query, form, executions, own_write, between, after)

    def shrink(self, query, form, own_write):
        """The smallest query found that still differs, and a plain one if that does too."""
        if query.parameters is None and form != "plain" and self.compare(query, "plain", own_write):
            form = "plain"
        progress = True
        while progress:
            progress = False
            for candidate in query.smaller():
                if self.compare(candidate, form, own_write):
                    query, progress = candidate, True
                    break
        return query, form

    def generate(self, number, table):
        """A query of the mode; `table` is the one of a single-table query."""
        rng = self.rng
        if self.mode == "single":
            parameters = [] if rng.random() < 0.25 else None
            return Generator(rng, table, parameters, wild=rng.random() < 0.05).query()
        if number % REMAKE == 0 or number == 1:
            self.sources = [relational_tables.Source.of(self.reader, t) for t in self.tables]
        query = RelationalGenerator(rng, self.sources, self.without).query()
        self.used = set(query.block.features())
        return query

    def one(self, number):
        """Generate and compare one query."""
        rng = self.rng
        if number % REMAKE == 0:
            self.remake()
        table = rng.choices(self.tables, list(self.sizes.values()))[0]
        self.fast = table.rows <= 20000
        query = self.generate(number, table)
        form = rng.choice(FORMS if query.parameters is None else PREPARED_FORMS)
        chosen = settings.random_settings(rng)
        settings.apply(self.reader, chosen, self.current)
        self.comparer.naive = (chosen["tqp.backend"] == "ref"
                               or "predicate_pushdown" in chosen["tqp.disabled_passes"])
        self.comparer.may_miss = not settings.PLACE_ERRORS.isdisjoint(
            chosen["tqp.disabled_passes"].split(","))
        if rng.random() < 0.3:
            self.disturb()
        own_write = table.insert(5) if rng.random() < 0.1 else None
        between = (lambda: self.disturb(False)) if rng.random() < 0.15 and not own_write else None
        after = self.disturb if rng.random() < 0.5 else None
        self.forms[form] += 1
        try:
            self.comparer.slow = None
            found = self.compare(query, form, own_write, between, after)
            self.note_outcome()
            if self.comparer.slow and not found:
                self.report_slow(number, query, form, chosen, own_write)
            if found:
                self.failures += 1
                self.report(number, query, form, found, chosen, own_write)
        except libpq.Lost as lost:
            self.failures += 1
            print(f"CRASHED (seed {self.seed}, query {number}, {form}): {lost}\n"
                  f"  {settings.described(chosen)}\n  query:  {query.sql()}", flush=True)
            self.reconnect()

    def report(self, number, query, form, found, chosen, own_write):
        """Shrink and print a difference."""
        print(f"DIFFERS (seed {self.seed}, query {number}, {form}): {found}\n"
              f"  {settings.described(chosen)}\n  query:  {query.sql()}", flush=True)
        if own_write:
            print(f"  after:  {own_write}")
        small, form = self.shrink(query, form, own_write)
        print(f"  shrunk: ({form}) {small.sql()}\n"
              f"  now:    {self.compare(small, form, own_write)}", flush=True)
        if small.parameters:
            print("  parameters: " + ", ".join(p.sql_type for p in small.parameters))

    def report_slow(self, number, query, form, chosen, own_write):
        """Print a query that is slow once more; the backend `ref` and less passes may be."""
        if chosen["tqp.backend"] == "ref" or chosen["tqp.disabled_passes"]:
            return
        self.comparer.slow = None
        self.compare(query, form, own_write)
        if self.comparer.slow:
            self.slow += 1
            print("SLOW (seed {}, query {}, {}): {:.2f} s against {:.2f} s\n  {}\n  query:  {}".format(
                self.seed, number, form, *self.comparer.slow, settings.described(chosen), query.sql()),
                flush=True)

    def reconnect(self):
        """After a crash: wait for recovery and connect again."""
        for _ in range(60):
            try:
                time.sleep(1)
                self.connect()
                return
            except libpq.Lost:
                continue
        raise libpq.Lost("the server did not come back")

    def tally(self, least_share):
        """Print the counts; was enough run on the engine?"""
        total = sum(self.outcomes.values())
        share = self.outcomes["offloaded"] / max(1, total)
        print(f"seed {self.seed}: {total} queries, {dict(self.outcomes)}, {share:.0%} on the engine, "
              f"{self.failures} differ, {self.slow} slow")
        print(f"  forms: {dict(self.forms)}; errors alike: {dict(self.errors)}")
        for reason, count in self.reasons.most_common(12):
            print(f"  {count:5} {reason}")
        if self.features:
            print("  features, on the engine of all: " + ", ".join(
                f"{f} {self.offloaded[f]}/{n}" for f, n in sorted(self.features.items())))
        if share < least_share:
            print(f"too few ran on the engine: {share:.0%} < {least_share:.0%}")
        return share >= least_share


def main():
    """Parse arguments, run, print the tally."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("-s", "--seed", type=int, default=1)
    parser.add_argument("-m", "--least-share", type=float, default=0.6)
    parser.add_argument("--rows", type=int, default=max(SIZES))
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--mode", choices=["single", "relational"], default="single")
    parser.add_argument("--without", default="", help="features to leave out: "
                        + ", ".join(FEATURES))
    options = parser.parse_args()
    without = [f.strip() for f in options.without.split(",") if f.strip()]
    run = Run(options.seed, options.rows, options.mode, without)
    run.setup()
    for number in range(1, options.n + 1):
        run.one(number)
        if number % 1000 == 0:
            print(f"seed {options.seed}: {number} of {options.n}, {run.failures} differ", flush=True)
        if run.failures and not options.keep_going:
            break
    enough = run.tally(options.least_share)
    return 0 if enough and not run.failures else 1


if __name__ == "__main__":
    sys.exit(main())
