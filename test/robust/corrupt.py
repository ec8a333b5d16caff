#!/usr/bin/python3
"""Damaged cache files: whatever happened to a file between or during sessions, the answer stays
PostgreSQL's, nothing crashes, and afterwards the cache is whole again.

Files are damaged in place (as a failing disk or a careless hand does) and by replacement.  The
flags of chunks that were verified since the server started (*.ok) are removed with the damage, or
the server is restarted, or neither: then the file's own times must give the damage away.
"""

import glob
import os
import random
import re
import time

from robust import QUICK, Cluster, Lost, Session, check, equal, finish, replace_file, wait_for

ROWS = 50_000 if QUICK else 300_000

QUERIES = [
    "SELECT count(*), sum(i), min(i), max(i), count(i) FROM t",
    "SELECT low, count(*), sum(amount), avg(f) FROM t GROUP BY low ORDER BY low",
    "SELECT count(DISTINCT plain), min(plain), max(plain) FROM t WHERE plain LIKE '%a%'",
    "SELECT day, count(*) FROM t WHERE low IN ('v1', 'v3') AND day > date '2020-02-01' "
    "GROUP BY day ORDER BY day LIMIT 5",
    "SELECT sum(n), count(*) FROM t WHERE n IS NOT NULL",
]


def flip(path, position):
    """Invert a byte in place; a new build may be a little shorter."""
    position %= os.path.getsize(path)
    with open(path, "r+b") as f:
        f.seek(position)
        byte = f.read(1)
        f.seek(position)
        f.write(bytes([byte[0] ^ 0xff]))


def truncate(path, size):
    """Cut in place."""
    os.truncate(path, max(0, min(size, os.path.getsize(path) - 1)))


def scramble(path):
    """Another file of the same size."""
    replace_file(path, random.randbytes(os.path.getsize(path)))


def extend(path):
    """Append in place."""
    with open(path, "ab") as f:
        f.write(b"x" * 4096)


def be_directory(path):
    """A directory under the file's name."""
    os.remove(path)
    os.mkdir(path)


def damages(kind, size):
    """(name, function of the path) of what is done to a file of this kind."""
    positions = {0, size // 2} if QUICK else {0, 8, size // 2, max(size - 1, 0)}
    if kind == "segment":
        positions |= {4100} | {random.randrange(size) for _ in range(2 if QUICK else 40)}
    result = [(f"byte {p} inverted", lambda path, p=p: flip(path, p))
              for p in sorted(positions) if p < size]
    result += [("cut to half", lambda path: truncate(path, size // 2)),
               ("emptied", lambda path: truncate(path, 0)), ("removed", os.remove),
               ("replaced", scramble), ("extended", extend), ("a directory", be_directory)]
    if kind == "segment":
        result.append(("cut by a byte", lambda path: truncate(path, size - 1)))
    return result


class Victim:
    """The table, its right answers, and its files."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.session = None
        self.connect()
        self.session.run(
            "CREATE TABLE t (i int, low text, plain text, amount numeric(10,2), day date, "
            "f float8, n bigint)",
            f"INSERT INTO t SELECT g, 'v' || g % 7, md5(g::text), g % 1000 / 8.0, "
            f"date '2020-01-01' + g % 90, g / 4.0, CASE WHEN g % 5 > 0 THEN g * 10000000000 END "
            f"FROM generate_series(1, {ROWS}) g", "VACUUM t")
        self.session.run("SET tqp.enabled = off")
        self.right = [self.session.rows(sql) for sql in QUERIES]
        self.session.run("SET tqp.enabled = on", "SELECT tqp.load('t')")
        # A stamps file appears when the visibility map's page has moved.
        self.session.run("CREATE TABLE other AS SELECT 1 AS a", "DELETE FROM t WHERE i = 0")
        self.dir = cluster.cache("t", self.session)

    def connect(self):
        """A new session."""
        if self.session:
            self.session.close()
        self.session = None
        self.session = Session()
        self.session.run("SET tqp.force = on", "SET max_parallel_workers_per_gather = 0")

    def alive(self):
        """Is the server up?"""
        try:
            self.connect()
            return True
        except Lost:
            return False

    def answers(self):
        """Every answer right?"""
        return [self.session.rows(sql) for sql in QUERIES] == self.right

    def file(self, kind):
        """Path of the file of a kind; None when there is none now."""
        pattern = {"manifest": "manifest", "stamps": "stamps", "segment": "*.seg", "flags": "*.ok",
                   "used": "used", "lock": "lock"}[kind]
        found = sorted(glob.glob(os.path.join(self.dir, pattern)), key=os.path.getsize)
        return found[-1] if found else None

    def make_stamps(self):
        """Move the visibility map's LSN without touching most blocks, and look at it."""
        self.session.run("UPDATE t SET i = i WHERE i = 5", "VACUUM t")
        self.session.rows(QUERIES[0])

    def forget_checks(self):
        """Make every process check every chunk again."""
        for path in glob.glob(os.path.join(self.dir, "*.ok")):
            os.remove(path)

    def heal(self):
        """Back to a whole cache, however bad it was."""
        for d, folders, _ in os.walk(self.dir):
            for folder in folders:
                os.rmdir(os.path.join(d, folder))
        self.connect()
        self.session.run("SELECT tqp.load('t')")


def one(victim, kind, name, damage, way):
    """One damage; a crash of the server is a failure that the next damages survive."""
    what = f"{kind} {name}, {way}"
    try:
        return one_damage(victim, kind, what, damage, way)
    except Lost:
        check(False, f"{what}: the server crashed")
        time.sleep(1)
        wait_for(victim.alive, 60)
        return False


def one_damage(victim, kind, what, damage, way):
    """Right answers in the session that had the file open and in a new one."""
    path = victim.file(kind)
    if path is None:
        # Made by the next build, the next check, the next use.
        return check(kind in ("lock", "flags", "used"), f"{what}: there is no such file now")
    old_session = victim.session
    if way == "restart":
        victim.session.close()
        victim.session = None
        victim.cluster.stop()
    damage(path)
    if way == "checks forgotten" and kind != "flags":
        victim.forget_checks()
    if way == "restart":
        victim.cluster.start()
    elif way == "same session":
        if not check(victim.answers(), what + ": right answers in the session that had it open"):
            return False
        victim.session = None
    victim.connect()
    if way == "same session":
        old_session.close()
    right = check(victim.answers(), what + ": right answers")
    bad = victim.session.rows("SELECT column_name, mismatches FROM tqp.verify('t') "
                              "WHERE mismatches > 0")
    return equal(bad, [], what + ": the cache agrees with the table") and right


def recovered(victim, what):
    """Offloaded, from the cache, with nothing loaded by hand."""
    victim.answers()
    text = victim.session.explain(QUERIES[0])
    cached = re.search(r"rows from cache (\d+)", text)
    return check(cached is not None and int(cached.group(1)) > ROWS * 0.95,
                 what + ": answered from the cache again")


def control_files(victim):
    """The control file of the server: log and progress may be lost, nothing else."""
    for path in glob.glob(os.path.join(victim.cluster.cache(), "control.*")):
        for name, damage in (("scrambled", lambda p: open(p, "r+b").write(random.randbytes(4096))),
                             ("removed", os.remove)):
            damage(path)
            victim.connect()
            check(victim.answers(), f"control file {name}: right answers")
            check(victim.session.error("SELECT * FROM tqp.query_log") is None,
                  f"control file {name}: the log can be read")
            check(victim.session.error("SELECT * FROM tqp.stat_progress_load") is None,
                  f"control file {name}: progress can be read")


def main():
    random.seed(3)
    cluster = Cluster()
    cluster.start("fsync = off", "autovacuum = off")
    cluster.database("robust_corrupt")
    mark = cluster.log_size()
    victim = Victim(cluster)
    ways = ["checks forgotten", "same session"]
    for kind in ("manifest", "segment", "stamps", "flags", "used", "lock"):
        victim.heal()
        victim.answers()
        if kind == "stamps":
            victim.make_stamps()
        path = victim.file(kind)
        if path is None:
            check(kind in ("flags", "used", "lock"), f"{kind}: there is such a file")
            continue
        todo = damages(kind, os.path.getsize(path))
        for i, (name, damage) in enumerate(todo):
            # In place under an open mapping a file is never cut by tqp; whoever does it is asked
            # for in a new session only, since no process can guard its mappings.
            for way in ways if not QUICK else [ways[i % 2]]:
                one(victim, kind, name, damage, way)
                victim.heal()
                victim.answers()
                if kind == "stamps":
                    victim.make_stamps()
        recovered(victim, kind)
    for name, damage in damages("segment", os.path.getsize(victim.file("segment")))[:2 if QUICK else 5]:
        one(victim, "segment", name, damage, "restart")
        victim.heal()
    control_files(victim)
    equal(cluster.crashed_since(mark), [], "no crash")
    finish()


main()
