"""Random settings of one query: threads, instruction set, backend, memory, rewrites, time zone."""

import re
from pathlib import Path

import libpq

SOURCE = Path(__file__).parents[2] / "src"
PASSES = re.findall(r'^TQP_PASS\("(\w+)"', (SOURCE / "opt/passes.def").read_text(), re.MULTILINE)
# Without these an error may be missing that PostgreSQL raises in rows that a join drops.
PLACE_ERRORS = {"subquery_placement", "predicate_pushdown", "join_kinds"}
DEFAULTS = {"tqp.threads": "2", "tqp.isa": "auto", "tqp.backend": "cpu", "tqp.memory_limit": "1GB",
            "tqp.disabled_passes": "", "tqp.auto_load": "on", "timezone": "UTC", "work_mem": "4MB",
            "plan_cache_mode": "auto"}


def random_settings(rng):
    """Values for every setting above, most of them the usual ones."""
    chosen = dict(DEFAULTS)
    chosen["tqp.threads"] = rng.choice(["1", "2", "3"])
    if rng.random() < 0.3:
        chosen["tqp.isa"] = rng.choice(["scalar", "avx2", "avx512"])
    if rng.random() < 0.08:
        chosen["tqp.backend"] = "ref"
    if rng.random() < 0.1:
        chosen["tqp.memory_limit"] = rng.choice(["1MB", "2MB", "4MB"])
    if rng.random() < 0.2:
        chosen["tqp.disabled_passes"] = ",".join(rng.sample(PASSES, rng.randint(1, len(PASSES))))
    if rng.random() < 0.2:
        chosen["tqp.auto_load"] = "off"
    if rng.random() < 0.3:
        chosen["timezone"] = rng.choice(["Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
    chosen["plan_cache_mode"] = rng.choice(["auto", "auto", "force_generic_plan",
                                            "force_custom_plan"])
    return chosen


def apply(connection, chosen, current):
    """Set what is not set already; a CPU may lack an instruction set."""
    for name, value in chosen.items():
        if current.get(name) == value:
            continue
        try:
            connection.execute(f"SET {name} = '{value}'")
            current[name] = value
        except libpq.Error:
            if name != "tqp.isa":
                raise


def described(chosen):
    """What is not at its default, for the report of a difference."""
    return "; ".join(f"SET {n} = '{v}'" for n, v in chosen.items() if v != DEFAULTS[n])
