#!/usr/bin/python3
"""kill -9 of backends and immediate stops of the server: no stale file is believed afterwards, and
valid caches survive without being loaded again.
"""

import glob
import os
import random
import signal
import threading
import time

from robust import QUICK, Cluster, Error, Lost, Session, check, equal, finish, wait_for

QUERIES = [
    "SELECT count(*), sum(a), sum(b), min(c), max(c) FROM t",
    "SELECT c, count(*), sum(a) FROM t GROUP BY c ORDER BY c",
    "SELECT count(*), sum(v) FROM w",
]
SETTINGS = ["fsync = on", "autovacuum = off", "restart_after_crash = on", "shared_buffers = 64MB",
            "wal_writer_delay = 10s"]


def compare(session, what):
    """Off and forced on under one snapshot."""
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    for sql in QUERIES:
        plain, engine = session.both(sql)
        if plain != engine:
            equal(engine, plain, f"{what}: {sql}")
            session.run("ROLLBACK")
            return
    session.run("ROLLBACK")
    check(True, f"{what}: right answers")


def reconnect(cluster):
    """The server restarts by itself after the death of a backend."""
    result = []

    def attempt():
        try:
            session = Session()
            # The postmaster may not have seen the death yet: then it ends this session too.
            session.run("SELECT pg_sleep(0.3)", "SET tqp.force = on", "SET tqp.auto_load = off")
            result.append(session)
            return True
        except (Lost, Error):
            return False

    if not wait_for(attempt, 60):
        cluster.start()
        attempt()
    return result[-1]


def start(session, sql):
    """A thread that runs a statement whose end nobody cares for."""
    def execute():
        try:
            session.execute(sql)
        except (Lost, Error):
            pass

    thread = threading.Thread(target=execute)
    thread.start()
    return thread


def killed(cluster, sql, delay, prepare=()):
    """kill -9 of a backend in the middle of a statement."""
    session = Session()
    session.run("SET tqp.force = on", *prepare)

    thread = start(session, sql)
    time.sleep(delay)
    os.kill(session.pid, signal.SIGKILL)
    thread.join()
    return reconnect(cluster)


def caught(cluster, act):
    """Let a load of t die by act(session), such that its temporary file is left."""
    for _ in range(20):
        session = Session()
        session.run("SELECT tqp.unload('t')")
        thread = start(session, "SELECT tqp.load('t')")
        while thread.is_alive() and not cluster.temporaries():
            time.sleep(0.0005)
        act(session)
        thread.join()
        if cluster.temporaries():
            return
        cluster.start(*SETTINGS)
    check(False, "a load was caught at work")


def orphans(cluster):
    """What a load that died has left goes with the next load of anything, or with the launcher."""
    caught(cluster, lambda s: os.kill(s.pid, signal.SIGKILL))
    session = reconnect(cluster)
    session.run("SELECT tqp.load('w')")
    equal(cluster.temporaries(), [], "kill -9 in a load: a load of another table tidies up")
    session.close()
    caught(cluster, lambda s: cluster.stop("immediate"))
    cluster.start(*SETTINGS, "shared_preload_libraries = 'tqp'", "tqp.worker_naptime = 1h")
    check(wait_for(lambda: not cluster.temporaries(), 20),
          "immediate stop in a load: the launcher tidies up when the server starts")
    cluster.start(*SETTINGS)
    session = reconnect(cluster)
    session.run("SELECT tqp.load('t')")
    compare(session, "after orphans")
    return session


def cached_rows(session, sql="SELECT sum(a) FROM t"):
    """(rows from cache, rows from heap) of a query with no load allowed."""
    text = session.explain(sql)
    line = next((x for x in text.splitlines() if "rows from cache" in x), "")
    words = line.replace(",", " ").replace(";", " ").split()
    if "cache" not in words:
        return 0, -1
    return int(words[words.index("cache") + 1]), int(words[words.index("heap") + 1])


def writers(stop):
    """Sessions that write until the server goes away."""
    def work(seed):
        rng = random.Random(seed)
        try:
            session = Session()
            while not stop.is_set():
                k = rng.randint(1, 20000)
                session.run(rng.choice([
                    f"UPDATE w SET v = v + 1 WHERE k BETWEEN {k} AND {k + 50}",
                    f"DELETE FROM w WHERE k = {k}",
                    f"INSERT INTO w SELECT g, g FROM generate_series({k}, {k + 20}) g",
                    "VACUUM w", "SELECT tqp.load('w')", "SELECT tqp.unload('w')",
                    "SELECT tqp.load('w', vacuum => true)",
                    "SET tqp.force = on; SELECT count(*), sum(v) FROM w"]))
        except Exception:  # pylint: disable=broad-except
            pass

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    return threads


def main():
    random.seed(5)
    cluster = Cluster()
    cluster.start(*SETTINGS)
    cluster.database("robust_crash")
    session = Session()
    rows = 100_000 if QUICK else 600_000
    session.run(f"CREATE TABLE t AS SELECT g AS a, g * 3::bigint AS b, 'v' || g % 11 AS c "
                f"FROM generate_series(1, {rows}) g", "VACUUM t",
                "CREATE TABLE w AS SELECT g AS k, 0 AS v FROM generate_series(1, 20000) g",
                "VACUUM w", "SELECT tqp.load('w')")
    start = time.monotonic()
    session.run("SELECT tqp.load('t')")
    seconds = time.monotonic() - start

    # ---- a backend dies in a load, in a query ----
    for _ in range(1 if QUICK else 8):
        session = killed(cluster, "SELECT tqp.load('t')", random.random() * seconds,
                         ["SELECT tqp.unload('t')"])
        compare(session, "kill -9 in a load")
        equal(session.value("SELECT rows_cached FROM tqp.load('t')"), str(rows),
              "kill -9 in a load: the next load works")
        equal(cluster.temporaries(), [], "kill -9 in a load: the next load tidies up")
        equal(session.rows("SELECT count(*) FROM tqp.stat_progress_load"), [("0",)],
              "kill -9 in a load: its progress is gone")
    for _ in range(1 if QUICK else 4):
        session = killed(cluster, QUERIES[0], random.random() * seconds,
                         ["SELECT tqp.unload('t')"])
        compare(session, "kill -9 in a first use")
        session.run("SET tqp.auto_load = on")
        compare(session, "kill -9 in a first use: the next first use")
        equal(cluster.temporaries(), [], "kill -9 in a first use: the next one tidies up")
        equal([r for r in session.rows("SELECT mismatches FROM tqp.verify('t')") if r != ("0",)],
              [], "kill -9 in a first use: tqp.verify")
    for _ in range(1 if QUICK else 4):
        session = killed(cluster, "SELECT c, a, count(*) FROM t GROUP BY 1, 2 ORDER BY 3",
                         0.02 + random.random() * 0.1)
        compare(session, "kill -9 in a query")

    session.close()
    session = orphans(cluster)

    # ---- caches survive ----
    stamp = [os.stat(f).st_mtime_ns for f in glob.glob(cluster.cache("t", session) + "/*.seg")]
    for mode in ("fast", "immediate"):
        session.close()
        cluster.stop(mode)
        cluster.start()
        session = reconnect(cluster)
        equal(cached_rows(session), (rows, 0), f"after an {mode} stop: all rows from the cache")
        compare(session, f"after an {mode} stop")
    equal([os.stat(f).st_mtime_ns for f in glob.glob(cluster.cache("t", session) + "/*.seg")], stamp,
          "the files are those of before")
    equal([r for r in session.rows("SELECT mismatches FROM tqp.verify('t')") if r != ("0",)], [],
          "tqp.verify after restarts")

    # ---- a crash right after a load: what was published must not be newer than the WAL ----
    for i in range(1 if QUICK else 6):
        session.run("SET synchronous_commit = off", f"UPDATE t SET a = a + 1 WHERE a % 1000 = {i}",
                    "VACUUM t", f"INSERT INTO t SELECT g, g, 'new' FROM generate_series(1, 500) g",
                    "SELECT tqp.load('t')",
                    # Not flushed: lost in the crash, its LSNs will be used again.
                    f"UPDATE t SET a = a + 7 WHERE a % 500 = {i}")
        session.close()
        cluster.stop("immediate")
        cluster.start()
        session = reconnect(cluster)
        # The same LSNs are written again by something else.
        session.run(f"UPDATE t SET a = a - 5 WHERE a % 500 = {i + 1}", "VACUUM t")
        compare(session, "crash right after a load")
        equal([r for r in session.rows("SELECT mismatches FROM tqp.verify('t')") if r != ("0",)], [],
              "crash right after a load: tqp.verify")

    # ---- the server dies under writers ----
    for _ in range(1 if QUICK else 6):
        stop = threading.Event()
        session.close()
        threads = writers(stop)
        time.sleep(1.0 if QUICK else 3.0)
        cluster.stop("immediate")
        stop.set()
        for thread in threads:
            thread.join()
        cluster.start()
        session = reconnect(cluster)
        compare(session, "server killed under writers")
        session.run("VACUUM w")
        compare(session, "server killed under writers, after VACUUM")
        equal([r for r in session.rows("SELECT mismatches FROM tqp.verify('w')") if r != ("0",)], [],
              "server killed under writers: tqp.verify")
    session.close()
    finish()


main()
