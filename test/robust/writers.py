#!/usr/bin/python3
"""Sessions that insert, update, delete, roll back, use savepoints and vacuum, while others read:
in one snapshot the answers with tqp off and forced on are the same, and the sum over all accounts
never changes.  SERIALIZABLE readers may fail with 40001, as without tqp, but never read wrongly.
"""

import random
import threading
import time

from robust import QUICK, Cluster, Error, Session, check, equal, finish

SECONDS = 6 if QUICK else 60
ACCOUNTS = 20_000
TOTAL = ACCOUNTS * 100

QUERIES = [
    "SELECT count(*), sum(balance), min(id), max(id) FROM accounts WHERE kind <> 'temporary'",
    "SELECT kind, count(*), sum(balance), min(note), max(note) FROM accounts GROUP BY kind "
    "ORDER BY kind COLLATE \"C\"",
    "SELECT branch, sum(balance), count(DISTINCT note) FROM accounts WHERE balance > 90 "
    "GROUP BY branch HAVING count(*) > 10 ORDER BY 2 DESC, 1 LIMIT 7",
    "SELECT id, balance, note FROM accounts WHERE note LIKE 'n%7%' ORDER BY balance DESC, id "
    "LIMIT 20",
    "SELECT sum(amount), count(*), avg(amount) FILTER (WHERE amount > 3) FROM journal",
    "SELECT h.name, count(*), sum(a.balance), count(DISTINCT a.kind) FROM accounts a "
    "LEFT JOIN holders h USING (branch) GROUP BY h.name ORDER BY 2 DESC, 3, 1 LIMIT 9",
    "SELECT count(*), sum(a.balance) FROM accounts a JOIN accounts b ON b.id = a.id + 1 "
    "AND b.balance < a.balance",
    "SELECT count(*), sum(balance) FROM accounts a WHERE branch NOT IN (SELECT branch FROM holders "
    "WHERE seen > 3) AND EXISTS (SELECT 1 FROM journal j WHERE j.amount = a.id % 9)",
    "SELECT count(*), count(h.branch), max(x.n) FROM holders h FULL JOIN (SELECT branch, count(*) "
    "AS n FROM accounts GROUP BY branch) x ON x.branch = h.branch AND x.n > h.seen",
    "SELECT id, balance FROM accounts a WHERE id % 500 = 7 AND balance > (SELECT avg(balance) + 1 "
    "FROM accounts b WHERE b.branch = a.branch) ORDER BY 2 DESC, 1 LIMIT 20",
    "SELECT count(*), min(branch) FROM (SELECT branch, kind FROM accounts EXCEPT "
    "SELECT branch, name FROM holders) x",
]

stop = threading.Event()
wrong = []
counts = {"compared": 0, "offloaded": 0, "written": 0, "serialization failures": 0, "vacuums": 0}
lock = threading.Lock()


def count(what):
    """One more of something."""
    with lock:
        counts[what] += 1


def transfer(session, rng):
    """Moves money between accounts: the sum stays."""
    a, b = rng.sample(range(1, ACCOUNTS + 1), 2)
    amount = rng.randint(1, 20)
    session.run("BEGIN",
                f"UPDATE accounts SET balance = balance - {amount}, note = 'n{rng.randint(0, 99)}' "
                f"WHERE id = {a}",
                f"UPDATE accounts SET balance = balance + {amount} WHERE id = {b}",
                f"INSERT INTO journal VALUES ({amount % 8}, now())",
                rng.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))


def replace(session, rng):
    """Deletes accounts and inserts them again under a savepoint that is half the time undone."""
    first = rng.randint(1, ACCOUNTS - 50)
    session.run("BEGIN", "SAVEPOINT s",
                f"DELETE FROM accounts WHERE id BETWEEN {first} AND {first + 20}",
                rng.choice(["ROLLBACK TO s", "RELEASE s"]))
    missing = session.rows(f"SELECT 1 FROM accounts WHERE id = {first}") == []
    if missing:
        session.run("ROLLBACK")
        return
    session.run(f"UPDATE accounts SET kind = 'k{rng.randint(0, 5)}', branch = {rng.randint(0, 40)} "
                f"WHERE id BETWEEN {first} AND {first + 20} AND kind <> 'temporary'",
                f"INSERT INTO accounts SELECT g, 0, 'temporary', 77, 'gone' "
                f"FROM generate_series({ACCOUNTS * 2}, {ACCOUNTS * 2 + 30}) g",
                "DELETE FROM accounts WHERE kind = 'temporary'", "COMMIT")


def vacuum(session, rng):
    """Makes blocks all-visible again, freezes, cuts the end off."""
    session.execute(rng.choice(["VACUUM accounts", "VACUUM (FREEZE) accounts", "VACUUM journal",
                                "VACUUM (TRUNCATE on, INDEX_CLEANUP on) journal"]))
    count("vacuums")
    time.sleep(0.05)
    if rng.random() < 0.3:
        session.execute("DELETE FROM journal WHERE amount = 0")
    if rng.random() < 0.3:
        session.execute("SELECT tqp.load('accounts')")
    if rng.random() < 0.5:  # the readers' next queries are first uses, at once
        session.execute(f"SELECT tqp.unload('{rng.choice(['accounts', 'journal'])}')")


REWRITES = [
    ["VACUUM FULL accounts"], ["CLUSTER accounts USING accounts_pkey"], ["VACUUM FULL holders"],
    ["ALTER TABLE journal ALTER amount TYPE bigint"], ["ALTER TABLE journal ALTER amount TYPE int"],
    ["BEGIN", "CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM holders", "TRUNCATE holders",
     "INSERT INTO holders SELECT branch, name, seen + 1 FROM kept", "COMMIT"],
    ["ALTER TABLE holders DROP CONSTRAINT holders_pkey",
     "ALTER TABLE holders ADD PRIMARY KEY (branch)"],
    ["ALTER TABLE holders ADD COLUMN IF NOT EXISTS more int DEFAULT 3"],
    ["ALTER TABLE holders DROP COLUMN IF EXISTS more"],
    ["REINDEX TABLE holders"], ["VACUUM holders"], ["SELECT tqp.unload('accounts')"],
    ["UPDATE holders SET seen = seen + 1"],
]


def rewrite(session, rng):
    """Changes files and definitions below the readers, but no sum."""
    for sql in rng.choice(REWRITES):
        session.execute(sql)
    time.sleep(0.1)


def writer(action, seed):
    """One session that writes until the time is over."""
    rng = random.Random(seed)
    session = Session()
    while not stop.is_set():
        try:
            action(session, rng)
            count("written")
        except Error as e:
            if e.sqlstate not in ("40001", "40P01"):
                wrong.append(f"writer: {e}")
                return
            session.error("ROLLBACK")
        time.sleep(0.002)


def compare(session, level, rng):
    """One snapshot, every query off and on."""
    session.run(f"BEGIN ISOLATION LEVEL {level}")
    own = rng.random() < 0.3 and level == "REPEATABLE READ"
    if own:
        # Own uncommitted rows belong to the snapshot too, those of an undone savepoint do not.
        session.run("INSERT INTO journal VALUES (5, now())", "SAVEPOINT s",
                    "INSERT INTO journal VALUES (7, now())", "ROLLBACK TO s")
    for sql in rng.sample(QUERIES, 3):
        session.run("SET LOCAL tqp.enabled = on", "SET LOCAL tqp.force = on")
        engine = session.rows(sql)
        session.run("SET LOCAL tqp.enabled = off")
        plain = session.rows(sql)
        count("compared")
        if engine != plain:
            wrong.append(f"{level}: {sql}\n   off {plain}\n   on  {engine}")
    session.run("ROLLBACK" if own else "COMMIT")


def read_committed(session):
    """Each statement has a snapshot of its own: only the invariant can be compared."""
    session.run("SET tqp.enabled = on", "SET tqp.force = on")
    got = session.rows("SELECT count(*), sum(balance) FROM accounts "
                       "LEFT JOIN holders USING (branch)")[0]
    count("compared")
    if float(got[1]) != TOTAL:
        wrong.append(f"READ COMMITTED: the sum is {got[1]}, not {TOTAL}")


def reader(level, seed):
    """One session that compares until the time is over."""
    rng = random.Random(seed)
    session = Session()
    session.run("SET max_parallel_workers_per_gather = 0")
    while not stop.is_set():
        try:
            if level == "READ COMMITTED":
                read_committed(session)
            else:
                compare(session, level, rng)
        except Error as e:
            if e.sqlstate != "40P01" and (e.sqlstate != "40001" or level != "SERIALIZABLE"):
                wrong.append(f"reader, {level}: {e}")
                return
            count("serialization failures")
            session.error("ROLLBACK")
    offloaded = session.value("SELECT count(*) FROM tqp.query_log_entries() "
                              "WHERE pid = pg_backend_pid() AND outcome = 'offloaded'")
    with lock:
        counts["offloaded"] += int(offloaded)


def guarded(function, *args):
    """A thread whose exceptions are findings."""
    try:
        function(*args)
    except Exception as e:  # pylint: disable=broad-except
        wrong.append(f"{function.__name__}{args[:1]}: {type(e).__name__} {e}")


def main():
    cluster = Cluster()
    cluster.start("fsync = off", "autovacuum = off", "shared_buffers = 128MB")
    cluster.database("robust_writers")
    mark = cluster.log_size()
    session = Session()
    session.run(
        "CREATE TABLE accounts (id int PRIMARY KEY, balance numeric(12,2), kind text, "
        "branch int, note varchar(20)) WITH (fillfactor = 80)",
        f"INSERT INTO accounts SELECT g, 100, 'k' || g % 4, g % 40, 'n' || g % 100 "
        f"FROM generate_series(1, {ACCOUNTS}) g",
        "CREATE TABLE journal (amount int, at timestamptz)",
        "INSERT INTO journal SELECT g % 8, now() FROM generate_series(1, 50000) g",
        "CREATE TABLE holders (branch int PRIMARY KEY, name text, seen int)",
        "INSERT INTO holders SELECT g, 'h' || g % 7, 0 FROM generate_series(0, 60) g",
        "VACUUM accounts", "VACUUM journal", "VACUUM holders", "SELECT tqp.load('accounts')",
        "SELECT tqp.load('journal')")
    jobs = [(writer, transfer, 1), (writer, replace, 2), (writer, vacuum, 3),
            (writer, rewrite, 7), (reader, "READ COMMITTED", 4),
            (reader, "REPEATABLE READ", 5), (reader, "SERIALIZABLE", 6)]
    threads = [threading.Thread(target=guarded, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    print("   " + ", ".join(f"{n} {what}" for what, n in counts.items()), flush=True)
    equal(wrong[:3], [], f"{counts['compared']} comparisons under {counts['written']} writes")
    check(counts["compared"] >= 20 and counts["written"] >= 50, "there was something to compare")
    # The log is a ring of all sessions, so this is a lower bound.
    check(counts["offloaded"] >= min(20, counts["compared"] // 4), "queries ran on the engine")
    session.run("SET tqp.enabled = off")
    equal(session.rows("SELECT sum(balance) FROM accounts"), [(f"{TOTAL}.00",)], "the sum at the end")
    session.run("SET tqp.enabled = on", "VACUUM accounts")
    equal([r for r in session.rows("SELECT column_name, mismatches FROM tqp.verify('accounts')")
           if r[1] != "0"], [], "tqp.verify finds nothing")
    equal(cluster.crashed_since(mark), [], "no crash")
    finish()


main()
