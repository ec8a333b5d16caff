"""The tables of relational queries, and what the generator knows of them."""

from dataclasses import dataclass

from tables import Column, Table, text_literal

WORDS = ["", "a", "A", "ab", "b", "Zebra", "é", "ß", "x_y", "k1", "k2", "k3", "k10"]
SIZES = {0: 1, 1: 1, 2: 1, 40: 3, 300: 4, 301: 3, 2000: 4, 2001: 3, 20000: 2}


def relational_table(rng, name, rows):
    """A table whose columns bear the same names in every table, of types that differ."""
    def nulls():
        return rng.choice([0, 0, 0.1, 0.3])
    span = max(1, rng.choice([rows, rows // 3, rows // 10, 40]))
    scale = rng.choice([0, 1, 2, 4])
    text = rng.choice(["text", "text", "varchar(20)"])
    words = "ARRAY[" + ", ".join(text_literal(w) for w in WORDS) + "]"
    collation = rng.choice(["", "", "", 'COLLATE "C"', 'COLLATE "en-x-icu"'])
    whole = rng.choice(["int2", "int4", "int8", "numeric(12,0)"]) if rows < 30000 else "int4"
    family = "numeric" if whole.startswith("numeric") else "int"
    day = rng.choice(["date", "date", "timestamp"])
    columns = [
        Column("c0", "int4", "int", "floor(r * 6)::int", 0.05),
        Column("c1", whole, family, f"g % {span}", nulls()),
        Column("c2", f"numeric(14,{scale})", "numeric", f"(g % {span}) / 2.0", nulls()),
        Column("c3", text, "text", f"'k' || g % {span}", nulls(), collation=collation),
        Column("c4", rng.choice(["text", "char(6)"]), "text",
               f"({words})[1 + floor(r * {len(WORDS)})::int]", nulls()),
        Column("c5", day, "date", f"date '1999-12-20' + g % {min(span, 400)}", nulls()),
        Column("c6", rng.choice(["int4", "int8"]), "int", f"(g * 7919) % {max(1, rows)}", 0),
        Column("c7", "bool", "bool", "r < 0.4", nulls()),
        Column("c8", "numeric(15,2)", "numeric", "round((r * 1000)::numeric, 2)", nulls()),
        Column("c9", "float8", "float", "floor(r * 50) / 4", nulls()),
        Column("c10", rng.choice(["int2", "int4"]), "int", "floor(r * 30)::int - 5", 0.6)]
    return Table(name, columns=columns, rows=rows)


@dataclass
class Col:
    """A column in scope. most: an upper bound of the rows that share one value."""
    sql: str
    kind: str
    most: int
    collation: str = ""


@dataclass
class Source:
    """A table as the generator sees it."""
    name: str
    rows: int
    columns: list  # Col, sql is the bare name

    @classmethod
    def of(cls, connection, table):
        """What is in the table now, with room for what a writer adds; columns added later stay out."""
        columns = [c for c in table.columns if not c.added]
        counts = ", ".join(
            f"(SELECT coalesce(max(n), 0) FROM (SELECT count(*) n FROM {table.name} "
            f"WHERE {c.name} IS NOT NULL GROUP BY {c.name}) s)" for c in columns)
        (row,), _ = connection.execute(f"SELECT (SELECT count(*) FROM {table.name}), {counts}")
        return cls(table.name, int(row[0]) + 50, [
            Col(c.name, c.kind, int(n) + 5, c.collation) for c, n in zip(columns, row[1:])])
