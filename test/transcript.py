#!/usr/bin/env python3
"""
Transcripts of `psql -a -q` and of the isolation tester, statement by statement: what a script
echoed and what came back.

usage: transcript.py DIR     (ends in DIR/*.sql the COPY statements that fail: see end_copies)
"""

import pathlib
import re
import sys

COPY_IN = re.compile(
    r"(?:^|;)\s*copy\s[^;]*\sfrom\s+stdin\b[^;]*;|^\\copy\s.*\sfrom\s+stdin\b", re.IGNORECASE
)
TOKEN = re.compile(
    r"(?P<skip>--[^\n]*|/\*.*?\*/)|(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"
    r'"(?:[^"]|"")*"|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)|(?P<word>\w+)|(?P<other>.)',
    re.DOTALL,
)


def read_lines(path):
    return path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")


def copy_blocks(lines):
    """The statements COPY FROM STDIN of a script: index of the last line, and of its `\\.` or None."""
    starts, text = [], ""
    for i, line in enumerate(lines):
        if line.lstrip().startswith("--"):
            continue
        fresh = ";" in text or not text.strip() or line.startswith("\\")
        text = line if fresh else text + "\n" + line
        if COPY_IN.search(text):
            starts.append(i)
            text = ""
        elif line.startswith("\\"):
            text = ""
    for start, following in zip(starts, starts[1:] + [len(lines)]):
        ends = [i for i in range(start + 1, following + 1) if lines[i : i + 1] == ["\\."]]
        yield start, ends[0] if ends else None


def end_copies(lines):
    """
    Ends the COPY FROM STDIN statements that fail with a line `\\.`.  The psql of 15.20 reads
    what follows such a statement as its data; the test files of 15.18 have SQL there.
    """
    lone = {start for start, end in copy_blocks(lines) if end is None}
    for i, line in enumerate(lines):
        yield line
        if i in lone:
            yield "\\."


def echoed(lines):
    """The lines of a script that psql echoes."""
    data = set()
    for start, end in copy_blocks(lines):
        data.update(range(start + 1, end + 1 if end else start + 1))
    return [line for i, line in enumerate(lines) if line and i not in data]


def is_step(line):
    return re.match(r"step \w+:|starting permutation:|Parsed test spec", line) is not None


def step_texts(lines):
    """What each step of the isolation tester's output runs: {name: SQL}."""
    texts, name = {}, None
    for line in lines:
        start = re.match(r"step (\w+):(?! <\.\.\. completed>) ?(.*)", line)
        if start:
            name = start.group(1) if start.group(1) not in texts else None
        text = (start.group(2) if start else line).replace(" <waiting ...>", "")
        if name is not None:
            texts[name] = texts.get(name, "") + text + "\n"
            if text.rstrip().endswith(";"):
                name = None
    return texts


def answers(script, output, reach=300):
    """
    What came after which echoed line: {index in script: lines of output}.  A line that is not the
    next one of the script is looked for further on, since `\\set ECHO none` leaves some out.
    """
    found, at = {}, -1
    for line in output:
        following = script[at + 1 : at + 1 + reach]
        if following and line == following[0]:
            at += 1
        elif len(line) > 12 and line in following:
            at += 1 + following.index(line)
        else:
            found.setdefault(at, []).append(line)
    return found


def tokens(text):
    for match in TOKEN.finditer(text):
        if match.lastgroup != "skip" and not match.group().isspace():
            yield match.group(), match


def statements(lines, last=None):
    """
    The statements that end at or reach into the last of these lines, or end after the character
    `last`, as one normalised text.
    """
    text = "\n".join(lines)
    if last is None:
        last = len(text) - len(lines[-1]) if lines else 0
    parts, part, depth = [], [], 0
    for word, match in tokens(text):
        part.append(word)
        depth += (word in "([") - (word in ")]")
        if word == ";" and depth <= 0:
            parts.append((match.end(), part))
            part, depth = [], 0
    parts.append((len(text), part))
    kept = [part for end, part in parts if end > last and part]
    return " ".join(" ".join(part) for part in kept)


def table(lines):
    """The header and rows of the first result, or None when there is none or a cell has lines."""
    for i, line in enumerate(lines[1:], 1):
        if re.fullmatch(r"-+(\+-+)*", line):
            edges = [m.end() for m in re.finditer(r"-+", line)]
            rows = []
            for row in lines[i + 1 :]:
                if re.fullmatch(r"\(\d+ rows?\)", row):
                    return cells(lines[i - 1], edges), [cells(r, edges) for r in rows]
                rows.append(row)
            return None
    return None


def cells(line, edges):
    starts = [0] + [e + 1 for e in edges[:-1]]
    return [line[s:e].strip() for s, e in zip(starts, edges[:-1] + [len(line)])]


def main():
    for path in pathlib.Path(sys.argv[1]).glob("*.sql"):
        text = "\n".join(end_copies(read_lines(path)))
        path.write_text(text, encoding="utf-8", errors="surrogateescape")


if __name__ == "__main__":
    main()
