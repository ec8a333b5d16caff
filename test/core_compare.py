#!/usr/bin/env python3
"""Compares the result files of test/core.sh, statement by statement.

usage: core_compare.py DIR SUITE RUN ... [--KIND]

DIR/plain/SUITE and DIR/RUN/SUITE hold results/*.out, or folders of modules that do, and
DIR/tests/SUITE the scripts that they come from.  Differences of KIND are printed, others counted.
A statement's answer may differ from plain's

    order   in the order of rows, where it has no ORDER BY or shows all keys of it, unchanged
    plan    when it shows plans: EXPLAIN, and functions with "explain" in their name
    listed  when the table of doc/check-core.md names it

and in no other way.  What a view or function orders is not known here.
"""

import collections
import difflib
import fnmatch
import pathlib
import re
import sys

import transcript

TABLE = pathlib.Path(__file__).resolve().parent.parent / "doc" / "check-core.md"
ENDS = ("limit", "offset", "fetch", "for", "returning", "window", ";", ")")
FAILURES = ("unexplained", "crash", "missing")
Entry = collections.namedtuple("Entry", "file text used")


def listed_differences():
    """Rows `| file | `part of the statement` | why |`; the text with blanks as statements() has."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| ([\w/*-]+) \| `(.+?)` \|", line)
        if row:
            text = " ".join(word for word, _ in transcript.tokens(row.group(2)))
            yield Entry(row.group(1), text.lower(), set())


def sort_keys(statement):
    """The words of the outermost ORDER BY, item by item; None when there is none."""
    depth, items = 0, None
    words = [word for word, _ in transcript.tokens(statement)]
    for i, word in enumerate(words):
        depth += (word in "([") - (word in ")]")
        if depth == 0 and [w.lower() for w in words[i : i + 2]] == ["order", "by"]:
            items = [[]]
        elif items is not None and depth == 0 and word.lower() in ENDS:
            return items
        elif items is not None and depth == 0 and word == ",":
            items.append([])
        elif items is not None and not (word.lower() == "by" and items == [[]]):
            items[-1].append(word)
    return items


def key_column(item, header):
    """The column that a sort item names, or None."""
    words = [w for w in item if w.lower() not in ("asc", "desc", "nulls", "first", "last")]
    if words[:-2] and words[-2].lower() == "using":
        words = words[:-2]
    if len(words) == 3 and words[1] == ".":
        words = words[2:]
    if len(words) != 1:
        return None
    if words[0].isdigit() and int(words[0]) <= len(header):
        return int(words[0]) - 1
    name = words[0].strip('"')
    return header.index(name) if header.count(name) == 1 else None


def is_order(statement, old, new):
    squeeze = [sorted(" ".join(line.split()) for line in lines) for lines in (old, new)]
    if squeeze[0] != squeeze[1] or statement.count(";") > 1:
        return False
    keys = sort_keys(statement)
    if keys is None:
        return re.match(r"(select|values|table|with|insert|update|delete|copy)\b", statement, re.I)
    a, b = transcript.table(old), transcript.table(new)
    if a is None or b is None:
        return False
    columns = [key_column(item, a[0]) for item in keys]
    if None in columns:
        return False
    return [[r[c] for c in columns] for r in a[1]] == [[r[c] for c in columns] for r in b[1]]


def is_plan(statement, old, new):
    errors = [[line for line in lines if "ERROR: " in line] for lines in (old, new)]
    if errors[0] != errors[1]:
        return False
    if re.search(r"\w*explain\w* \(", statement, re.IGNORECASE):
        return True
    return re.match(r"explain\b[^;]*;?$", statement, re.I) and any(
        re.search(r"TqpScan|TQP: declined", line) for line in new
    )


def is_about(entry, statement, old, new):
    """Does the statement have the entry's text, or each line that differs?"""
    if entry.text in statement.lower():
        return True
    changed = [line for line in difflib.ndiff(old, new) if line[0] in "+-" and line[2:].strip()]
    words = [" ".join(w for w, _ in transcript.tokens(line[2:])).lower() for line in changed]
    return words != [] and all(entry.text in line for line in words)


def kind(label, statement, old, new, entries):
    if any("server closed the connection" in line for line in new):
        return "crash"
    if is_plan(statement, old, new):
        return "plan"
    if is_order(statement, old, new):
        return "order"
    for entry in entries:
        if fnmatch.fnmatch(label, entry.file) and is_about(entry, statement, old, new):
            entry.used.add(True)
            return "listed"
    return "unexplained"


def differences(script, plain, other):
    """Yields (statement, plain's lines, the other's) where the answers differ."""
    a = transcript.answers(script, plain)
    b = transcript.answers(script, other)
    start = 0
    for i in sorted(a.keys() | b.keys()):
        if a.get(i) != b.get(i):
            yield transcript.statements(script[start : i + 1]), a.get(i, []), b.get(i, [])
        start = i + 1


def show(label, statement, old, new):
    print(f"-- {label}: {statement}".encode(errors="replace").decode())
    for line in difflib.unified_diff(old, new, lineterm="", n=3):
        if not line.startswith(("---", "+++", "@@")):
            print("    " + line.encode(errors="replace").decode())


def difference_kinds(work, plain, name, entries):
    """Yields (kind, statement, plain's lines, the run's) for one file of results."""
    tests, label = label_of(work, plain)
    script = work / "tests" / tests / "sql" / (plain.stem + ".sql")
    other = work / name / tests / "results" / plain.name
    if not other.exists():
        yield "missing", label, [], []
        return
    old, new = transcript.read_lines(plain), transcript.read_lines(other)
    steps = transcript.step_texts(old)
    if script.exists():
        lines = transcript.echoed(transcript.read_lines(script))
    else:
        lines = [line for line in old if transcript.is_step(line)]
    for statement, was, now in differences(lines, old, new):
        step = re.match(r"step (\w+) :", statement)
        if step:
            statement = transcript.statements(steps[step.group(1)].splitlines() or [""], last=0)
        yield kind(label, statement, was, now, entries), statement, was, now


def label_of(work, plain):
    tests = plain.parent.parent.relative_to(work / "plain")
    return tests, str(tests / plain.stem)


def report(work, suite, name, entries, verbose):
    counts, files = collections.Counter(), set()
    results = sorted((work / "plain" / suite).glob("**/results/*.out"))
    if not results:
        print(f"{suite}: no results to compare")
        return 1
    for plain in results:
        for what, statement, was, now in difference_kinds(work, plain, name, entries):
            counts[what] += 1
            files.add(plain)
            if what in FAILURES or what in verbose:
                print(f"-- {name}: {what}")
                show(label_of(work, plain)[1], statement, was, now)
    print(f"{suite}, {name} against plain: {len(files)} of {len(results)} files differ, {dict(counts)}")
    return sum(counts[what] for what in FAILURES)


def main():
    work, suite, *runs = sys.argv[1:]
    verbose = [r[2:] for r in runs if r.startswith("--")]
    entries = [entry for entry in listed_differences() if entry.file.startswith(suite + "/")]
    failed = 0
    for name in (r for r in runs if not r.startswith("--")):
        failed += report(pathlib.Path(work), suite, name, entries, verbose)
    for entry in entries:
        if not entry.used:
            print(f"listed, not met: {entry.file}: {entry.text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
