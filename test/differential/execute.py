"""One query run in the two ways, in several forms of statement, and compared."""

import re
import time

import libpq
from compare import difference

FORMS = ["plain", "plain", "plain", "plain", "plain", "plain", "cursor", "create table as", "function"]
PREPARED_FORMS = ["PREPARE", "extended protocol"]
TOO_SLOW, CANCELLED = "20s", "57014"
# The engine is slow when it takes more seconds than this, and more than so many times PostgreSQL's.
SLOW_SECONDS, SLOW_TIMES = 0.3, 10
OFF = "SET LOCAL tqp.enabled = off"
OTHER_PLANS = [
    "SET LOCAL enable_hashjoin = off", "SET LOCAL enable_nestloop = off",
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
    "SET LOCAL join_collapse_limit = 1; SET LOCAL from_collapse_limit = 1",
    # Other orders of joins, at random: a small pool of the genetic search finds no better one.
    *("SET LOCAL geqo_threshold = 2; SET LOCAL geqo_generations = 1; SET LOCAL geqo_pool_size = 2; "
      f"SET LOCAL geqo_seed = {seed / 10}" for seed in range(10))]
ON = "SET LOCAL tqp.enabled = on; SET LOCAL tqp.force = on"


class Comparer:
    """Runs queries on one connection, each pair under one snapshot."""

    def __init__(self, reader, errors):
        self.reader, self.errors = reader, errors
        self.seconds = self.slow = None
        self.naive = False  # `ref` runs, or products are not filtered: it may take too long
        self.may_miss = False  # a pass is disabled without which errors may be missing

    def outcome(self, run):
        """Rows and types that `run` returns, or the SQLSTATE as a string."""
        self.reader.execute("SAVEPOINT s")
        start = time.monotonic()
        try:
            outcome = run()
            self.seconds = time.monotonic() - start
            self.reader.execute("RELEASE s")
            return outcome
        except libpq.Error as error:
            self.seconds = time.monotonic() - start
            self.reader.execute("ROLLBACK TO s")
            return error.sqlstate

    def other_sum_agrees(self, query, actual, literals):
        """PostgreSQL raised and tqp did not: does PostgreSQL give tqp's answer when it adds floats in
        another order, in which an infinity comes before what would overflow?"""
        sql = re.sub(r"\$(\d+)", lambda m: literals[int(m.group(1)) - 1], query.sql())
        self.reader.execute(OFF)
        for column in query.floats:
            for direction in ("ASC", "DESC"):
                ordered = (f"FROM (SELECT * FROM {query.table} ORDER BY {column} {direction} OFFSET 0) "
                           f"{query.table}")
                other = sql.replace(f"FROM {query.table}", ordered)
                if not difference(query, self.outcome(lambda sql=other: self.reader.execute(sql)), actual):
                    return True
        return False

    def other_plan_agrees(self, query, off, actual):
        """PostgreSQL raised and tqp did not: does it give tqp's answer by another plan, which finds one
        side of a join empty before it reads the other, or joins what drops the row first?"""
        for settings in OTHER_PLANS:
            self.reader.execute("SAVEPOINT plan")
            self.reader.execute(f"{OFF}; {settings}")
            outcome = self.outcome(off)
            self.reader.execute("ROLLBACK TO plan")
            if not difference(query, outcome, actual):
                return True
        return False

    def pair(self, query, off, on, own_write=None, between=None, literals=()):
        """Run `off` without tqp and `on` with it under one snapshot; what differs, or None.
        literals: those of the parameters."""
        self.reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            if own_write:
                self.reader.execute(own_write)
            self.reader.execute(OFF)
            self.reader.execute(f"SET LOCAL statement_timeout = '{TOO_SLOW}'")
            expected = self.outcome(off)
            plain = self.seconds
            if expected == CANCELLED:
                self.errors["passed over: PostgreSQL takes too long"] += 1
                return None
            if between:
                between()
            self.reader.execute(ON)
            actual = self.outcome(on)
            if self.seconds > max(SLOW_SECONDS, SLOW_TIMES * plain):
                self.slow = (self.seconds, plain)
            if actual == CANCELLED and self.naive:
                self.errors["passed over: a naive setting takes too long"] += 1
                return None
            if self.may_miss and isinstance(expected, str) and not isinstance(actual, str):
                self.errors[f"passed over: {expected}, without the pass that places it"] += 1
                return None
            found = difference(query, expected, actual)
            if not isinstance(expected, str):
                return found
            if found and expected == "22003" and self.other_sum_agrees(query, actual, literals):
                expected, found = f"{expected}, or not by the order of summation", None
            if found and not isinstance(actual, str) and self.other_plan_agrees(query, off, actual):
                expected, found = f"{expected}, or not by the plan", None
            if not found:
                self.errors[expected] += 1
            return found
        finally:
            if self.reader.alive():
                self.reader.execute("ROLLBACK")

    def once(self, query, form, own_write=None, between=None):
        """A statement without parameters."""
        sql = query.sql()
        run = {"plain": self.reader.execute, "cursor": self.cursor,
               "create table as": self.create_table_as, "function": self.function}[form]
        found = self.pair(query, lambda: self.reader.execute(sql), lambda: run(sql), own_write,
                          between)
        if found and form != "plain" and "errors differ" in found:
            # PostgreSQL's plan of a cursor may meet an error that another does not.
            found = self.pair(query, lambda: run(sql), lambda: run(sql), own_write, between)
        return found

    def cursor(self, sql):
        """All rows from a cursor that was moved to and fro before."""
        self.reader.execute(f"DECLARE c SCROLL CURSOR FOR {sql}")
        self.reader.execute("FETCH 3 FROM c; FETCH BACKWARD 2 FROM c; MOVE ABSOLUTE 0 FROM c")
        result = self.reader.execute("FETCH ALL FROM c")
        self.reader.execute("CLOSE c")
        return result

    def create_table_as(self, sql):
        """Rows through CREATE TABLE AS; columns get names so that none occurs twice."""
        names = ", ".join(f"x{i}" for i in range(self.width(sql)))
        self.reader.execute(f"CREATE TEMP TABLE made ({names}) AS {sql}")
        self.reader.execute(OFF)
        result = self.reader.execute("SELECT * FROM made")
        self.reader.execute("DROP TABLE made")
        return result

    def function(self, sql):
        """Rows through a PL/pgSQL function that is not inlined."""
        result = self.outcome(lambda: self.reader.execute(f"SELECT * FROM ({sql}) s LIMIT 0"))
        if isinstance(result, str):
            return self.reader.execute(sql)
        types = ", ".join(f"x{i} {t}" for i, t in enumerate(self.type_names(result[1])))
        self.reader.execute(f"CREATE FUNCTION pg_temp.f() RETURNS TABLE ({types}) LANGUAGE plpgsql "
                            f"AS $f$ BEGIN RETURN QUERY {sql}; END $f$")
        result = self.reader.execute("SELECT * FROM pg_temp.f()")
        self.reader.execute("DROP FUNCTION pg_temp.f()")
        return result

    def type_names(self, oids):
        """Names of types."""
        listed = ", ".join(str(o) for o in oids)
        rows, _ = self.reader.execute(
            f"SELECT t.typname FROM unnest(ARRAY[{listed}]::oid[]) WITH ORDINALITY u(o, n) "
            "JOIN pg_type t ON t.oid = u.o ORDER BY n")
        return [r[0] for r in rows]

    def width(self, sql):
        """The number of columns of a query."""
        return len(self.reader.execute(f"SELECT * FROM ({sql}) s LIMIT 0")[1])

    def prepared(self, query, form, executions, own_write=None, between=None, after=None):
        """A statement with parameters, several times, each pair under a snapshot of its own; the
        plan is kept in between. `after` changes the table between two executions."""
        runs = []
        try:
            for name, setting in (("off", "off"), ("forced", "on")):
                self.reader.execute(f"SET tqp.enabled = {setting}")
                try:
                    runs.append(self._prepare(name, query, form))
                except libpq.Error as error:
                    return None if setting == "off" else f"cannot be prepared: {error}"
            for n in range(executions):
                values = [f"({p.literals[n]})::{p.sql_type}" for p in query.parameters]
                found = self.pair(query, lambda: runs[0](n), lambda: runs[1](n), own_write, between,
                                  values)
                if found:
                    return f"execution {n + 1} ({', '.join(values)}): {found}"
                if after and n + 1 < executions:
                    after()
            return None
        finally:
            if self.reader.alive():
                self.reader.execute("DEALLOCATE ALL; SET tqp.enabled = on")

    def _prepare(self, name, query, form):
        """Prepare a query under a name; returns a function that executes it for the n-th time."""
        types = [p.sql_type for p in query.parameters]
        if form == "PREPARE":
            self.reader.execute(f"PREPARE {name}({', '.join(types)}) AS {query.sql()}")

            def execute(n):
                values = ", ".join(p.literals[n] for p in query.parameters)
                return self.reader.execute(f"EXECUTE {name}({values})")
            return execute
        self.reader.prepare(name, query.sql(), self.type_oids(types))

        def execute_extended(n):
            listed = ", ".join(f"({p.literals[n]})::{p.sql_type}::text" for p in query.parameters)
            values, _ = self.reader.execute(f"SELECT {listed}")
            return self.reader.execute_prepared(name, list(values[0]))
        return execute_extended

    def type_oids(self, names):
        """OIDs of types."""
        listed = ", ".join(f"'{n}'::regtype::oid" for n in names)
        return [int(v) for v in self.reader.execute(f"SELECT {listed}")[0][0]]
