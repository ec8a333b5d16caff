"""The databases of the suites: made by our generators, kept as long as nothing of them changes."""

import hashlib
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BENCH.parent / "test" / "differential"))

import libpq  # noqa: E402

TPCH_TABLES = ("region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem")
SSB_TABLES = ("date", "supplier", "customer", "part", "lineorder")


class Suite:
    """One suite at one size: its tables and how each is written."""

    def __init__(self, name, size, generator, tables, schema, indexes=None):
        self.name, self.size, self.tables = name, size, tables
        self.schema, self.indexes = schema, indexes
        self.generator = generator
        self.program = BENCH / generator / generator
        self.queries = sorted((BENCH / "queries" / name).glob("*.sql"))

    def command(self, table):
        """Writes the table's rows to stdout."""
        program = str(self.program)
        if self.generator == "tpchgen":
            return [program, "-s", self.size, "-T", table]
        return [program, self.size, table] if self.generator == "ssbgen" else [program, self.size]

    def database(self):
        """A name that changes with the size and with every file that the data follows from."""
        digest = hashlib.sha256(self.size.encode())
        shared = sorted((BENCH / "tpchgen").glob("*.h"))
        sources = sorted((BENCH / self.generator).glob("*.[ch]"))
        for path in shared + sources + [self.schema] + ([self.indexes] if self.indexes else []):
            digest.update(path.read_bytes())
        return f"{self.name}_{digest.hexdigest()[:12]}"

    def prepare(self):
        """Returns a connection to the suite's database, which is made if it is not there."""
        name = self.database()
        server = libpq.Connection("dbname=postgres")
        found = [row[0] for row in server.execute("SELECT datname FROM pg_database")[0]]
        if name not in found:
            for old in found:
                if old.startswith(self.name + "_"):
                    server.execute(f"DROP DATABASE {old}")
            print(f"{self.name}: making the data", flush=True)
            server.execute(f"CREATE DATABASE {name}_made")
            self.fill(f"{name}_made")
            server.execute(f"ALTER DATABASE {name}_made RENAME TO {name}")
        server.close()
        connection = libpq.Connection(f"dbname={name}")
        connection.execute("DROP EXTENSION IF EXISTS tqp; CREATE EXTENSION tqp")
        connection.close()
        return libpq.Connection(f"dbname={name}")

    def fill(self, name):
        """Tables, rows, indexes, statistics."""
        psql = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", name]
        subprocess.run(psql + ["-f", str(self.schema)], check=True)
        for table in self.tables:
            with subprocess.Popen(self.command(table), stdout=subprocess.PIPE) as writer:
                subprocess.run(psql + ["-c", f"COPY {table} FROM STDIN"], stdin=writer.stdout,
                               check=True)
            if writer.returncode != 0:
                raise RuntimeError(f"{self.program} failed")
        if self.indexes:
            subprocess.run(psql + ["-f", str(self.indexes)], check=True)
        subprocess.run(psql + ["-c", "VACUUM (FREEZE, ANALYZE)", "-c", "CHECKPOINT"], check=True)


def suites(which, scale, rows):
    """The suites asked for."""
    here = BENCH / "suites"
    known = {
        "tpch": Suite("tpch", scale, "tpchgen", TPCH_TABLES, BENCH / "schema.sql",
                      BENCH / "indexes.sql"),
        "ssb": Suite("ssb", scale, "ssbgen", SSB_TABLES, here / "ssb.sql"),
        "clickbench": Suite("clickbench", rows, "hitsgen", ("hits",), here / "hits.sql"),
    }
    return list(known.values()) if which == "all" else [known[which]]
