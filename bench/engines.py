"""The three engines behind one face: settings for a thread count, a timed run, an answer.

A time is that of the whole statement, from sending it until all rows are in the client's memory:
in libpq's result for PostgreSQL and tqp; for DuckDB in Python rows or in its own result, whichever is
faster.
"""

import json
import os
import subprocess
import sys
import time

import psycopg2
import psycopg2.extensions

HERE = os.path.dirname(os.path.abspath(__file__))

# Every type as the server's text, so that answers are compared to the last digit.
as_text = psycopg2.extensions.new_type(
    (16, 17, 20, 21, 23, 25, 700, 701, 1042, 1043, 1082, 1114, 1184, 1700), "AS_TEXT",
    lambda value, cursor: value)


class Postgres:
    """PostgreSQL's own executor; with tqp preloaded, tqp.enabled is off."""

    name = "PostgreSQL"

    def __init__(self, address, tqp_present):
        self.address = address
        self.tqp_present = tqp_present
        self.threads = 1
        self.connection = None

    def settings(self):
        workers = self.threads if self.threads > 1 else 0
        settings = [f"SET max_parallel_workers_per_gather = {workers}"]
        if self.tqp_present:
            settings.append("SET tqp.enabled = off")
        return settings

    def start(self, threads):
        """A fresh session that may use so many threads."""
        self.close()
        self.threads = threads
        self.connection = psycopg2.connect(**self.address)
        self.connection.autocommit = True
        psycopg2.extensions.register_type(as_text, self.connection)
        with self.connection.cursor() as cursor:
            for setting in self.settings():
                cursor.execute(setting)

    def execute(self, sql):
        with self.connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute(sql)
            elapsed = time.perf_counter() - started
            rows = cursor.fetchall() if cursor.description else []
        return 1000 * elapsed, rows

    def warm_up(self, sql):
        self.execute(sql)

    def time(self, sql):
        return self.execute(sql)[0]

    def time_cold(self, sql):
        """The first statement of a fresh session."""
        self.start(self.threads)
        return self.time(sql)

    def answer(self, sql):
        return self.execute(sql)[1]

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


class Tqp(Postgres):
    name = "tqp"

    def __init__(self, address, tables):
        super().__init__(address, True)
        self.tables = tables

    def settings(self):
        return ["SET tqp.enabled = on", "SET tqp.auto_load = on",
                f"SET tqp.threads = {self.threads}"]

    def ran(self, sql):
        """Whether the engine takes the statement; a silent fallback would prove nothing."""
        return any("TqpScan" in row[0] for row in self.execute("EXPLAIN " + sql)[1])

    def unload(self, table):
        self.execute(f"SELECT tqp.unload('{table}')")

    def load(self, table):
        """Milliseconds and rows cached."""
        elapsed, rows = self.execute(f"SELECT (tqp.load('{table}')).*")
        return elapsed, int(rows[0][0])

    def time_cold(self, sql):
        """A fresh session and an empty cache: the statement reads the heap and fills the cache."""
        self.start(self.threads)
        for table in self.tables:
            if table in sql:
                self.unload(table)
        return self.time(sql)

    def load_all(self):
        for table in self.tables:
            self.load(table)


class DuckDb:
    name = "DuckDB"

    def __init__(self, path):
        self.path = path
        self.threads = 1
        self.worker = None
        self.ways = {}

    def start(self, threads):
        self.close()
        self.threads = threads
        self.worker = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "duck_worker.py"), self.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask(f"SET threads = {threads}", "rows")

    def ask(self, sql, way, answer=False):
        self.worker.stdin.write(json.dumps({"sql": sql, "way": way, "answer": answer}) + "\n")
        self.worker.stdin.flush()
        line = self.worker.stdout.readline()
        if not line:
            raise RuntimeError(f"DuckDB did not answer: {sql}")
        return json.loads(line)

    def warm_up(self, sql):
        """Also finds the faster way to fetch this result; the timed runs use it."""
        self.ask(sql, "rows")
        best = {way: min(self.ask(sql, way)["ms"] for _ in range(2)) for way in ("rows", "held")}
        self.ways[sql] = min(best, key=best.get)

    def time(self, sql):
        return self.ask(sql, self.ways[sql])["ms"]

    def time_cold(self, sql):
        """The first statement of a fresh process on the loaded database file."""
        self.start(self.threads)
        return self.time(sql)

    def answer(self, sql):
        return self.ask(sql, "rows", answer=True)["rows"]

    def close(self):
        if self.worker:
            self.worker.stdin.close()
            self.worker.wait()
            self.worker = None
