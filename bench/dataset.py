"""TPC-H data on disk, in PostgreSQL and in DuckDB; made once under bench/data and kept."""

import json
import os
import shutil
import subprocess
import sys
import time

import duckdb
import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = os.path.join(HERE, "..", "test", "cluster.sh")
TABLES = ["region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"]


def say(text):
    print(text, flush=True)


class Dataset:
    def __init__(self, scale):
        self.scale = scale
        self.folder = os.path.join(HERE, "data", f"sf{scale}")
        self.files = os.path.join(self.folder, "files")
        self.duck_path = os.path.join(self.folder, "duck.db")
        self.pg_folder = subprocess.check_output(
            [CLUSTER, "place", f"bench/data/pg-sf{scale}"], text=True).strip()
        self.notes_path = os.path.join(self.folder, "notes.json")
        self.notes = {}
        if os.path.exists(self.notes_path):
            with open(self.notes_path) as file:
                self.notes = json.load(file)

    def note(self, **facts):
        """Keeps facts beside the data: what made it, and how long loading took."""
        self.notes.update(facts)
        with open(self.notes_path, "w") as file:
            json.dump(self.notes, file, indent=2)

    def make_files(self):
        if "generator" in self.notes:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.files)
        generator = os.path.join(os.path.dirname(sys.executable), "tpchgen-cli")
        if os.path.exists(generator):
            say(f"making TPC-H data, scale {self.scale}, with tpchgen-cli")
            subprocess.check_call([generator, "csv", "-q", "-s", str(self.scale), "-o", self.files])
            self.note(generator="tpchgen-cli (dbgen's rows)", csv=True)
            return
        say(f"making TPC-H-shaped data, scale {self.scale}, with bench/tpchgen")
        folder = os.path.join(HERE, "tpchgen")
        subprocess.check_call(["make", "-s", "-C", folder])
        for table in TABLES:
            subprocess.check_call([os.path.join(folder, "tpchgen"), "-s", str(self.scale),
                                   "-T", table, "-o", self.file(table)])
        self.note(generator="bench/tpchgen (TPC-H-shaped)", csv=False)

    def file(self, table):
        return os.path.join(self.files, table + ".csv")

    def make_duck(self):
        """Native tables in a database file. Loading time: from the files to a checkpoint."""
        if "duckdb_load_s" in self.notes:
            return
        say("loading DuckDB")
        for leftover in (self.duck_path, self.duck_path + ".wal"):
            if os.path.exists(leftover):
                os.unlink(leftover)
        options = "FORMAT csv, HEADER" if self.notes["csv"] else \
            "FORMAT csv, HEADER false, DELIMITER '\t', QUOTE '', ESCAPE ''"
        connection = duckdb.connect(self.duck_path)
        with open(os.path.join(HERE, "schema.sql")) as file:
            connection.execute(file.read())
        seconds = {}
        for table in TABLES:
            started = time.perf_counter()
            connection.execute(f"COPY {table} FROM '{self.file(table)}' ({options})")
            connection.execute("CHECKPOINT")
            seconds[table] = time.perf_counter() - started
        connection.close()
        self.note(duckdb_load_s=seconds)

    def start_postgres(self, preload):
        """Starts the server; returns how to connect to the database tpch."""
        memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        lines = [f"shared_buffers = {max(128, int(memory_gb * 1024 / 6))}MB",
                 f"effective_cache_size = {max(256, int(memory_gb * 1024 / 2))}MB",
                 "work_mem = 256MB", "maintenance_work_mem = 512MB", "max_wal_size = 16GB",
                 "checkpoint_timeout = 1h", "autovacuum = off", "max_parallel_workers = 64",
                 "max_worker_processes = 64"]
        if preload:
            lines.append("shared_preload_libraries = 'tqp'")
        subprocess.check_call([CLUSTER, "start", self.pg_folder, *lines])
        text = subprocess.check_output([CLUSTER, "env", self.pg_folder], text=True)
        words = dict(word.split("=", 1) for word in text.split()[1:])
        return {"host": words["PGHOST"], "port": words["PGPORT"], "user": words["PGUSER"],
                "dbname": "tpch"}

    def stop_postgres(self):
        subprocess.check_call([CLUSTER, "stop", self.pg_folder])

    def make_postgres(self, address):
        if "postgres_load_s" in self.notes:
            return
        admin = psycopg2.connect(**{**address, "dbname": "postgres"})
        admin.autocommit = True
        admin.cursor().execute("DROP DATABASE IF EXISTS tpch")
        admin.cursor().execute("CREATE DATABASE tpch")
        admin.close()
        connection = psycopg2.connect(**address)
        connection.autocommit = True
        cursor = connection.cursor()
        with open(os.path.join(HERE, "schema.sql")) as file:
            cursor.execute(file.read())
        options = "(FORMAT csv, HEADER)" if self.notes["csv"] else ""
        seconds = {}
        for table in TABLES:
            say(f"loading PostgreSQL: {table}")
            started = time.perf_counter()
            with open(self.file(table)) as file:
                cursor.copy_expert(f"COPY {table} FROM STDIN {options}", file, 1 << 20)
            seconds[table] = time.perf_counter() - started
        say("loading PostgreSQL: indexes, VACUUM ANALYZE, checkpoint")
        with open(os.path.join(HERE, "indexes.sql")) as file:
            cursor.execute(file.read())
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
        connection.close()
        self.note(postgres_load_s=seconds)
