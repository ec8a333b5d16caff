"""PostgreSQL, DuckDB and tqp side by side on the same TPC-H data, in one run.

For one thread and for all: each statement warm and cold, the engines in turn within each round, so
that a slow moment of the machine meets all of them. README.md says what each time holds.
"""

import argparse
import datetime
import glob
import os
import platform
import statistics
import subprocess
import sys

import duckdb
import psycopg2

import compare
import report
from dataset import TABLES, Dataset, say
from engines import DuckDb, Postgres, Tqp

HERE = os.path.dirname(os.path.abspath(__file__))
# An engine that took this long over a statement is not asked for more runs of it.
ENOUGH_MS = 20_000


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="1", help="TPC-H scale factor")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="what 'all' means")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each statement")
    parser.add_argument("--engines", default="PostgreSQL,DuckDB,tqp")
    parser.add_argument("--set", default="all", choices=("all", "single", "tpch"),
                        help="statements on one table, the 22 of TPC-H, or both")
    parser.add_argument("--queries", help="comma-separated names; all of the set by default")
    parser.add_argument("--modes", default="warm,cold")
    parser.add_argument("--prepare", action="store_true", help="make and load the data, no more")
    arguments = parser.parse_args()
    arguments.scale = f"{float(arguments.scale):g}"
    arguments.engines = arguments.engines.split(",")
    arguments.modes = arguments.modes.split(",")
    return arguments


def read_queries(which, names):
    folder = os.path.join(HERE, "queries")
    paths = [] if which == "tpch" else glob.glob(os.path.join(folder, "*.sql"))
    if which == "single":
        paths += [os.path.join(folder, "tpch", name) for name in ("q01.sql", "q06.sql")]
    else:
        paths += glob.glob(os.path.join(folder, "tpch", "*.sql"))
    queries = {}
    for path in sorted(paths, key=os.path.basename):
        name = os.path.basename(path)[:-4]
        if not names or name in names.split(","):
            with open(path) as file:
                queries[name] = file.read().strip()
    return queries


def make_engines(names, dataset, address):
    makers = {"PostgreSQL": lambda: Postgres(address, "tqp" in names),
              "DuckDB": lambda: DuckDb(dataset.duck_path),
              "tqp": lambda: Tqp(address, TABLES)}
    return [makers[name]() for name in names]


def install_extension(address):
    connection = psycopg2.connect(**address)
    connection.autocommit = True
    connection.cursor().execute("DROP EXTENSION IF EXISTS tqp")
    connection.cursor().execute("CREATE EXTENSION tqp")
    connection.close()


def measure_load(tqp, threads, runs):
    """Rows per second of loading all columns of lineitem, cache empty before."""
    tqp.start(threads)
    rates = []
    for _ in range(runs):
        tqp.unload("lineitem")
        elapsed, rows = tqp.load("lineitem")
        rates.append(1000 * rows / elapsed)
    return statistics.median(rates)


def measure_warm(engines, queries, threads, runs):
    for engine in engines:
        engine.start(threads)
        if isinstance(engine, Tqp):
            engine.load_all()
    results = {}
    for name, sql in queries.items():
        for engine in engines:
            engine.warm_up(sql)
        times = {engine.name: [] for engine in engines}
        for _ in range(runs):
            for engine in engines:
                if sum(times[engine.name]) < ENOUGH_MS:
                    times[engine.name].append(engine.time(sql))
        results[name] = times
        say(f"  {name:<16}" + "".join(f"{engine} {statistics.median(all_times):.2f}   "
                                      for engine, all_times in times.items()))
    return results


def measure_cold(engines, queries, runs):
    results = {}
    for name, sql in queries.items():
        times = {engine.name: [] for engine in engines}
        for engine in engines:
            while len(times[engine.name]) < runs and sum(times[engine.name]) < ENOUGH_MS:
                times[engine.name].append(engine.time_cold(sql))
        results[name] = times
        say(f"  {name:<16}" + "".join(f"{engine} {statistics.median(all_times):.2f}   "
                                      for engine, all_times in times.items()))
    return results


def compare_answers(engines, queries):
    """PostgreSQL, else tqp, is the reference; returns what differs."""
    differences = []
    reference = next((engine for engine in engines if isinstance(engine, Postgres)), engines[0])
    for name, sql in queries.items():
        ordered = "order by" in sql.lower()
        expected = reference.answer(sql)
        for engine in engines:
            if engine is reference:
                continue
            identical = isinstance(reference, Postgres) and isinstance(engine, Tqp)
            found = compare.first_difference(expected, engine.answer(sql), ordered, identical)
            if found:
                differences.append(f"{name}: {reference.name} and {engine.name} differ: {found}")
    return differences


def machine():
    model = platform.processor()
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)}


def describe(dataset, arguments):
    git = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], text=True,
                         capture_output=True)
    pg_config = os.environ.get("PG_CONFIG", "pg_config")
    return {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": git.stdout.strip(), "machine": machine(), "scale": arguments.scale,
            "runs": arguments.runs, "threads": arguments.threads, "data": dataset.notes,
            "versions": {"PostgreSQL": subprocess.check_output([pg_config, "--version"],
                                                               text=True).strip(),
                         "DuckDB": duckdb.__version__}}


def medians(results):
    return {name: {engine: statistics.median(times) for engine, times in by_engine.items()}
            for name, by_engine in results.items()}


def measure(arguments, engines, queries, record):
    """Fills the record; returns titled panels of medians for the table and the plot."""
    panels = {}
    tqp = next((engine for engine in engines if isinstance(engine, Tqp)), None)
    for threads in sorted({1, arguments.threads}):
        label = "1 thread" if threads == 1 else f"{threads} threads"
        if tqp:
            rate = measure_load(tqp, threads, arguments.runs)
            record["tqp_load_rows_per_s"][label] = rate
            say(f"\ntqp.load('lineitem'), {label}: {rate / 1e6:.2f} million rows/s")
        # Warm goes first: it also finds how DuckDB's result is best fetched.
        say(f"\nwarm, {label}")
        warm = measure_warm(engines, queries, threads, arguments.runs)
        if "warm" in arguments.modes:
            record["times_ms"][f"warm, {label}"] = warm
            panels[f"warm, {label}"] = medians(warm)
        if tqp and threads == 1:
            record["declined"] = [name for name, sql in queries.items() if not tqp.ran(sql)]
        if threads == 1:
            record["differences"] = compare_answers(engines, queries)
        if "cold" in arguments.modes:
            say(f"\ncold, {label}")
            cold = measure_cold(engines, queries, arguments.runs)
            record["times_ms"][f"cold, {label}"] = cold
            panels[f"cold, {label}"] = medians(cold)
    return panels


def print_loads(record):
    notes = record["data"]
    print(f"\ndata: {notes['generator']}, scale {record['scale']}")
    for loader, key in (("PostgreSQL COPY", "postgres_load_s"),
                        ("DuckDB from CSV", "duckdb_load_s")):
        if key in notes:
            print(f"  {loader}: all tables {sum(notes[key].values()):.1f} s, "
                  f"lineitem {notes[key]['lineitem']:.1f} s (when the data was made)")
    for label, rate in record["tqp_load_rows_per_s"].items():
        print(f"  tqp.load('lineitem'), {label}: {rate / 1e6:.2f} million rows/s")


def main():
    arguments = parse_arguments()
    queries = read_queries(arguments.set, arguments.queries)
    dataset = Dataset(arguments.scale)
    dataset.make_files()
    dataset.make_duck()
    address = dataset.start_postgres("tqp" in arguments.engines)
    engines = []
    try:
        dataset.make_postgres(address)
        if arguments.prepare:
            return 0
        if "tqp" in arguments.engines:
            install_extension(address)
        engines = make_engines(arguments.engines, dataset, address)
        record = {**describe(dataset, arguments), "times_ms": {}, "declined": [],
                  "differences": [], "tqp_load_rows_per_s": {}}
        panels = measure(arguments, engines, queries, record)
    finally:
        for engine in engines:
            engine.close()
        dataset.stop_postgres()
    for title, results in panels.items():
        report.print_table(title, results, arguments.engines, record["declined"])
    print_loads(record)
    for difference in record["differences"]:
        print("MISMATCH " + difference)
    if len(engines) > 1 and not record["differences"]:
        print("answers: the same from " + ", ".join(arguments.engines))
    suffix = "" if arguments.set == "all" else "-" + arguments.set
    report.write(os.path.join(HERE, "results"), f"sf{arguments.scale}{suffix}", record, panels,
                 arguments.engines, f"TPC-H SF{arguments.scale}, {record['machine']['cpu']}")
    return 1 if record["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
