#!/usr/bin/env python3
"""Compares the result files of test/core.sh.

usage: core_compare.py DIR

DIR/plain, DIR/preloaded and DIR/forced hold results/*.out.  Each hunk against plain is an order of
rows, a plan, or printed in full.  What is neither fails the run that is preloaded only; a lost
connection fails both.  Hunks of unequal length are judged as one, so a plan may hide a neighbour.
"""

import difflib
import pathlib
import re
import sys

PLAN = re.compile(
    r"^\s*(->|Custom Scan|Tensor|tqp|(Index |Hash |Merge |Join |One-Time |Recheck )?(Cond|Filter)|"
    r"Sort Key|Presorted Key|Group Key|Hash Key|Output|Subplans Removed|InitPlan|SubPlan|CTE |"
    r"(Parallel |Partial |Finalize )?(Seq|Index|Index Only|Bitmap Heap|Bitmap Index|Subquery|Values|"
    r"CTE|Function|WorkTable|Tid|Tid Range|Foreign|Sample) Scan|Nested Loop|Hash|Merge|Sort|"
    r"Incremental Sort|Aggregate|\w*Aggregate|Limit|Append|Unique|Result|Gather|Materialize|Memoize|"
    r"SetOp|WindowAgg|LockRows|ProjectSet|Group|Rows Removed|Planning|Execution|QUERY PLAN|"
    r"\(\d+ rows?\)|-+$|Disabled|Workers|Heap Fetches|Cache|Engine|Program|Buffers|Settings)"
)


def lines_of(path):
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()


def words(line):
    """The values of a row, whatever the width that psql gave its columns."""
    return " ".join(line.split())


def is_ruler(line):
    return re.fullmatch(r"[-+ ]*", line) is not None


def kind(old, new):
    if any("server closed the connection" in line for line in new):
        return "crash"
    if sorted(map(words, old)) == sorted(map(words, new)):
        return "order"
    rows = [line for line in old + new if line.strip() and not is_ruler(line)]
    if any(re.search(r"TqpScan|^ TQP: declined: ", line) for line in new):
        return "plan"
    if rows and all(PLAN.match(line) for line in rows):
        return "plan"
    return "other"


def blocks(lines):
    """Splits a psql transcript at row counts and empty lines: about one statement each."""
    block = []
    for line in lines:
        block.append(line)
        if re.fullmatch(r"\(\d+ rows?\)|", line):
            yield block
            block = []
    if block:
        yield block


def compare(plain, other):
    a, b = list(blocks(lines_of(plain))), list(blocks(lines_of(other)))
    keys_a, keys_b = ["\n".join(x) for x in a], ["\n".join(x) for x in b]
    matcher = difflib.SequenceMatcher(None, keys_a, keys_b, autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        pairs = [(a[a1 + i], b[b1 + i]) for i in range(a2 - a1)] if a2 - a1 == b2 - b1 else [
            (sum(a[a1:a2], []), sum(b[b1:b2], []))
        ]
        yield from ((kind(old, new), old, new) for old, new in pairs)


def show(old, new):
    for line in difflib.unified_diff(old, new, lineterm="", n=3):
        if not line.startswith(("---", "+++", "@@")):
            print("    " + line.encode(errors="replace").decode())


def report(work, name, allowed):
    counts, files = {}, set()
    results = work / name / "results"
    for plain in sorted((work / "plain" / "results").glob("*.out")):
        other = results / plain.name
        if not other.exists():
            print(f"{name}: {plain.name} is missing")
            counts["crash"] = counts.get("crash", 0) + 1
            continue
        for what, old, new in compare(plain, other):
            counts[what] = counts.get(what, 0) + 1
            files.add(plain.stem)
            if what not in allowed:
                print(f"-- {name}, {plain.stem}: {what}")
                show(old, new)
    print(f"{name} against plain: {len(files)} files differ, {counts}")
    return counts


def main():
    work = pathlib.Path(sys.argv[1])
    preloaded = report(work, "preloaded", ("order", "plan"))
    forced = report(work, "forced", ("order", "plan"))
    return 1 if preloaded.get("other") or preloaded.get("crash") or forced.get("crash") else 0


sys.exit(main())
