"""What the Python tests of this folder share: the private cluster, sessions, checks.

Each test is a program that prints one line a check, "ok WHAT" or "FAILED WHAT", and ends with exit
status 1 when any failed.  It needs the extension installed (make install).  TQP_ROBUST_QUICK=1
asks for the short version.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "differential"))
import libpq  # noqa: E402
from libpq import Error, Lost  # noqa: E402,F401

_pq = libpq._pq
_pq.PQgetCancel.restype = ctypes.c_void_p
_pq.PQcancel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
_pq.PQfreeCancel.argtypes = [ctypes.c_void_p]
_pq.PQfreeCancel.restype = None
_pq.PQsocket.restype = ctypes.c_int

QUICK = os.environ.get("TQP_ROBUST_QUICK", "") not in ("", "0")
_failures = []


def check(good, what):
    """Report one check."""
    print(("ok " if good else "FAILED ") + what, flush=True)
    if not good:
        _failures.append(what)
    return good


def equal(got, want, what):
    """Report one comparison; shows both when they differ."""
    if not check(got == want, what):
        print(f"   got  {str(got)[:600]}\n   want {str(want)[:600]}", flush=True)
    return got == want


def finish():
    """Exit with the status that the checks call for."""
    sys.exit(1 if _failures else 0)


class Session(libpq.Connection):
    """A connection whose statements can be cancelled by another thread, as Ctrl-C in psql does."""

    def __init__(self, conninfo=""):
        super().__init__(conninfo)
        self._cancel = ctypes.c_void_p(_pq.PQgetCancel(self._conn))
        self.pid = int(self.value("SELECT pg_backend_pid()"))

    def rows(self, sql):
        """The rows of one statement."""
        return self.execute(sql)[0]

    def value(self, sql):
        """The first column of the first row."""
        return self.rows(sql)[0][0]

    def run(self, *statements):
        """Run statements for their effect."""
        for sql in statements:
            self.execute(sql)

    def cancel(self):
        """Ask the server to cancel the statement under way."""
        message = ctypes.create_string_buffer(256)
        _pq.PQcancel(self._cancel, message, 256)

    def hang_up(self):
        """Let the server find the client gone; the statement under way ends with Lost."""
        with socket.socket(fileno=os.dup(_pq.PQsocket(self._conn))) as mine:
            mine.shutdown(socket.SHUT_RDWR)

    def error(self, sql):
        """SQLSTATE of the error that a statement must raise, or None."""
        try:
            self.execute(sql)
        except Error as e:
            return e.sqlstate
        return None

    def explain(self, sql):
        """EXPLAIN (ANALYZE, VERBOSE) as one text."""
        return "\n".join(r[0] for r in self.rows("EXPLAIN (ANALYZE, VERBOSE) " + sql))

    def outcome(self, sql):
        """(outcome, reason) of a statement in the query log; runs it."""
        self.execute(sql)
        rows = self.rows(
            "SELECT outcome, reason FROM tqp.query_log_entries() WHERE pid = pg_backend_pid() "
            "AND query NOT LIKE '%query_log%' ORDER BY at DESC LIMIT 1")
        return rows[0] if rows else (None, None)

    def both(self, sql):
        """Rows of a query by PostgreSQL and by the engine (forced); one statement after another."""
        self.run("SET tqp.enabled = off")
        plain = self.rows(sql)
        self.run("SET tqp.enabled = on", "SET tqp.force = on")
        return plain, self.rows(sql)


class Cluster:
    """A private cluster, see test/cluster.sh."""

    script = os.path.join(HERE, "..", "cluster.sh")

    def __init__(self, name="robust"):
        self.dir = os.environ.get("TQP_ROBUST_DIR") or self._sh("place", name).strip()
        self.data = os.path.join(self.dir, "data")
        self.in_use = "postgres"

    def _sh(self, *args):
        return subprocess.run([self.script, *args], check=True, stdout=subprocess.PIPE,
                              text=True).stdout

    def start(self, *lines):
        """Start it, or restart it with these lines of configuration."""
        self._sh("start", self.dir, *lines)
        for line in self._sh("env", self.dir).replace("export ", "").split():
            name, value = line.split("=", 1)
            os.environ[name] = value
        os.environ["PGDATABASE"] = self.in_use

    def stop(self, mode="fast"):
        """Stop it: smart, fast or immediate."""
        self.pg_ctl("stop", "-m", mode, "-t", "120", "-w")

    def pg_ctl(self, *args):
        """Run pg_ctl as the owner of the cluster."""
        bindir = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"],
                                check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        command = [os.path.join(bindir, "pg_ctl"), "-D", self.data, "-s", *args]
        if os.geteuid() == 0:
            owner = os.environ.get("TQP_CLUSTER_USER", "postgres")
            command = ["runuser", "-u", owner, "--", *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    def database(self, name):
        """A new database with the extension, which sessions then use."""
        admin = Session("dbname=postgres")
        admin.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        admin.close()
        session = Session(f"dbname={name}")
        session.run("CREATE EXTENSION tqp")
        session.close()
        self.in_use = os.environ["PGDATABASE"] = name

    def cache(self, relation=None, session=None):
        """The cache directory, or that of a relation."""
        root = os.path.join(self.data, "pgsql_tmp_tqp")
        if relation is None:
            return root
        node = session.rows(
            "SELECT d.oid, coalesce(nullif(c.reltablespace, 0), d.dattablespace), "
            "pg_relation_filenode(c.oid) FROM pg_class c, pg_database d "
            f"WHERE c.oid = '{relation}'::regclass AND d.datname = current_database()")[0]
        return os.path.join(root, node[0], f"{node[1]}_{node[2]}")

    def temporaries(self):
        """Files of unfinished writes in the cache."""
        return [os.path.join(d, f) for d, _, files in os.walk(self.cache())
                for f in files if f.endswith(".tmp")]

    def log_size(self):
        """Where the server's log ends now."""
        return os.path.getsize(os.path.join(self.dir, "log"))

    def crashed_since(self, mark):
        """Lines of the log that tell of a crash."""
        with open(os.path.join(self.dir, "log"), errors="replace") as log:
            log.seek(mark)
            return [line.strip() for line in log
                    if "was terminated by signal" in line or "PANIC" in line or "TRAP:" in line]


def process(pid):
    """Threads, open files and resident bytes of a process."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return (len(os.listdir(f"/proc/{pid}/task")), len(os.listdir(f"/proc/{pid}/fd")),
            int(fields["VmRSS"].split()[0]) * 1024)


def replace_file(path, data):
    """Write a file under a new inode with the owner and mode of the old one."""
    before = os.stat(path)
    with open(path + ".new", "wb") as out:
        out.write(data)
    os.chown(path + ".new", before.st_uid, before.st_gid)
    os.chmod(path + ".new", before.st_mode & 0o7777)
    os.replace(path + ".new", path)


def wait_for(condition, seconds=30):
    """Poll until the condition holds; False after the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def remove(path):
    """Remove a folder if it is there."""
    shutil.rmtree(path, ignore_errors=True)
