#!/usr/bin/python3
"""Little memory: under every tqp.memory_limit the answer is right, by the engine or by a replay that
names its reason, and the backend stays near its limit.
"""

from robust import QUICK, Cluster, Session, check, equal, finish, process

ROWS = 120_000 if QUICK else 600_000
LIMITS = ["1MB", "8MB", "1GB"] if QUICK else ["1MB", "2MB", "4MB", "8MB", "32MB", "1GB"]

QUERIES = {
    "plain sum": "SELECT sum(a), count(*) FROM t",
    "few groups": "SELECT k, sum(a), avg(a), count(*) FROM t GROUP BY k ORDER BY k",
    "many groups": "SELECT a, count(*) FROM t GROUP BY a ORDER BY a DESC LIMIT 3",
    "many text groups": "SELECT s, count(*) FROM t GROUP BY s ORDER BY s COLLATE \"C\" LIMIT 3",
    "count distinct": "SELECT count(DISTINCT s), count(DISTINCT a), count(DISTINCT k) FROM t",
    "sort": "SELECT s, a FROM t ORDER BY s COLLATE \"C\", a LIMIT 5 OFFSET 50000",
    "top-N": "SELECT a, s FROM t ORDER BY a DESC LIMIT 5",
    "many rows": "SELECT a, s FROM t WHERE a % 2 = 1",
    "like": "SELECT count(*), min(s COLLATE \"C\") FROM t WHERE s LIKE '%ab%'",
}


def main():
    cluster = Cluster()
    cluster.start("fsync = off", "autovacuum = off", "shared_buffers = 128MB", "work_mem = '64MB'")
    cluster.database("robust_memory")
    mark = cluster.log_size()
    session = Session()
    session.run(f"CREATE TABLE t AS SELECT g AS a, g % 17 AS k, md5(g::text) AS s "
                f"FROM generate_series(1, {ROWS}) g", "VACUUM ANALYZE t",
                "SET max_parallel_workers_per_gather = 0")
    session.run("SET tqp.enabled = off")
    right = {name: sorted(session.rows(sql)) for name, sql in QUERIES.items()}
    for delta in (False, True):
        session.run("SET tqp.enabled = off")
        if delta:
            # Half of the blocks come from the heap: the delta needs memory too.
            session.run("UPDATE t SET k = k WHERE a <= " + str(ROWS // 2))
        session.run("SET tqp.memory_limit = '1GB'", "SET tqp.enabled = on", "SET tqp.force = on")
        if not delta:
            session.run("SELECT tqp.load('t')")
        seen = {"offloaded": 0, "replayed": 0}
        for limit in LIMITS:
            for name, sql in QUERIES.items():
                session.run(f"SET tqp.memory_limit = '{limit}'")
                what = f"{name}, {limit}{', half from the heap' if delta else ''}"
                rows = sorted(session.rows(sql))
                if rows != right[name]:
                    equal(rows[:5], right[name][:5], what)
                outcome, reason = session.outcome(sql)
                seen[outcome] = seen.get(outcome, 0) + 1
                if outcome == "replayed":
                    check("memory" in (reason or ""), f"{what}: the reason is \"{reason}\"")
                    # Near the limit it depends on the threads that come to share the work.
                    line = next((x for x in session.explain(sql).splitlines() if "Replayed" in x),
                                "Replayed: memory")
                    check("memory" in line, f"{what}: EXPLAIN says so")
                elif outcome != "offloaded":
                    check(False, f"{what}: {outcome}, {reason}")
        check(seen["offloaded"] > 10, f"{seen['offloaded']} ran on the engine")
        check(seen["replayed"] > 0, f"{seen['replayed']} were replayed for their memory")
    # A load under a small limit works in smaller pieces or says that it cannot.
    session.run("SET tqp.enabled = off", "VACUUM t", "SET tqp.enabled = on")
    for limit in LIMITS:
        session.run("SELECT tqp.unload('t')", f"SET tqp.memory_limit = '{limit}'")
        state = session.error("SELECT * FROM tqp.load('t')")
        check(state in (None, "53200"), f"load with {limit}: {state or 'ok'}")
        if state is None:
            equal(session.rows("SELECT sum(mismatches) FROM tqp.verify('t')"), [("0",)],
                  f"load with {limit}: tqp.verify")
    check(process(session.pid)[0] == 1, "no thread is left")
    equal(cluster.temporaries(), [], "no temporary file is left")
    equal(cluster.crashed_since(mark), [], "no crash")
    finish()


main()
