#!/usr/bin/python3
"""First uses of a table in several sessions at once: each gets the right answer, the table is read
into the cache once, nobody waits long for a load that does not go on, and a cursor keeps nothing
from others.
"""

import os
import signal
import threading
import time

from robust import QUICK, Cluster, Error, Session, check, equal, finish, wait_for

ROWS = 300_000 if QUICK else 1_000_000
SQL = "SELECT count(*), sum(v), count(DISTINCT s) FROM t"


class Reader(threading.Thread):
    """Runs the query once in a session of its own."""

    def __init__(self, barrier=None):
        super().__init__()
        self.session = Session()
        self.session.run("SET max_parallel_workers_per_gather = 0")
        self.barrier = barrier
        self.rows = self.error = self.seconds = self.outcome = None

    def run(self):
        if self.barrier:
            self.barrier.wait()
        start = time.monotonic()
        try:
            self.rows = self.session.rows(SQL)
        except Error as e:
            self.error = str(e)
        self.seconds = time.monotonic() - start
        self.outcome = self.session.rows(
            f"SELECT outcome, reason FROM tqp.query_log_entries() WHERE pid = {self.session.pid} "
            "AND query LIKE 'SELECT count(*), sum(v)%' ORDER BY at DESC LIMIT 1")[0]


def at_once(n):
    """n readers that begin together."""
    barrier = threading.Barrier(n)
    readers = [Reader(barrier) for _ in range(n)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return readers


def stopped_in_load(session, cluster):
    """Stop the process of a load in its middle; the thread that waits for it. A load of this table
    may be over before it is seen: then there is another."""
    for _ in range(20):
        session.run("SELECT tqp.unload('t')")
        thread = threading.Thread(target=lambda: session.execute("SELECT tqp.load('t')"))
        thread.start()
        while thread.is_alive():
            if cluster.temporaries():
                os.kill(session.pid, signal.SIGSTOP)
                if cluster.temporaries():
                    return thread
                os.kill(session.pid, signal.SIGCONT)
        thread.join()
    return None


def main():
    cluster = Cluster()
    cluster.start("fsync = off", "autovacuum = off", "shared_buffers = 256MB", "jit = off")
    cluster.database("robust_first_use")
    mark = cluster.log_size()
    session = Session()
    session.run("CREATE TABLE t AS SELECT g AS id, g % 1000 AS v, 'text ' || g % 777 AS s, "
                f"repeat('x', 100) AS pad FROM generate_series(1, {ROWS}) g", "VACUUM ANALYZE t",
                "SET tqp.enabled = off")
    right = session.rows(SQL)
    session.run("SET tqp.enabled = on")

    for _ in range(2 if QUICK else 10):
        session.run("SELECT tqp.unload('t')")
        readers = at_once(4)
        equal([r.rows for r in readers if r.rows != right], [], "four at once: right answers")
        equal([r.error for r in readers if r.error], [], "four at once: no error")
        check(any(r.outcome[0] == "offloaded" for r in readers), "four at once: one loaded it")
        wrong = [r.outcome for r in readers
                 if r.outcome[0] != "offloaded" and "another session is loading" not in r.outcome[1]]
        equal(wrong, [], "four at once: the others used it or did not wait")
        equal(session.value("SELECT column_names FROM tqp.cache"), "{v,s}",
              "four at once: what was read is cached")
        equal(cluster.temporaries(), [], "four at once: no temporary file")
        equal(session.value("SELECT sum(mismatches) FROM tqp.verify('t')"), "0",
              "four at once: tqp.verify")

    # A load that does not go on.
    loader = Session()
    thread = stopped_in_load(loader, cluster)
    if check(thread is not None, "a load was caught at work"):
        try:
            reader = Reader()
            reader.start()
            reader.join(60)
            equal(reader.rows, right, "beside a load that has stopped: the right answer")
            equal(reader.outcome, ("replayed", "columns are not in the cache, and another session "
                                   "is loading the table"), "beside a load: PostgreSQL answers")
            equal(session.value("SELECT uses FROM tqp.uncached"), "1", "beside a load: counted")
        finally:
            os.kill(loader.pid, signal.SIGCONT)
            thread.join()
        check(reader.seconds is not None and reader.seconds < 30, "beside a load: soon")
        reader = at_once(1)[0]
        equal((reader.rows, reader.outcome[0]), (right, "offloaded"), "the load was finished")

    # A cursor that is not run to its end holds neither lock nor file.
    session.run("SELECT tqp.unload('t')")
    holder = Session()
    holder.run("BEGIN", "DECLARE c CURSOR FOR SELECT v, count(*) FROM t GROUP BY v ORDER BY v",
               "FETCH 1 FROM c")
    session.run("SET statement_timeout = '10s'")
    equal(session.value("SELECT tqp.unload('t')"), "t", "unloaded under an open cursor")
    equal(session.value("SELECT rows_cached FROM tqp.load('t')"), str(ROWS),
          "loaded under an open cursor")
    equal(holder.rows("FETCH 2 FROM c"), [("1", str(ROWS // 1000)), ("2", str(ROWS // 1000))],
          "the cursor goes on")
    holder.run("COMMIT")
    equal(cluster.crashed_since(mark), [], "no crash")
    finish()


main()
