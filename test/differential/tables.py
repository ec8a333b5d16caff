"""Random tables: every supported type, NULLs, extremes, skew, clustering, empty and one-row ones."""

from dataclasses import dataclass, field

WORDS = ["", "a", "A", "ab", "abc", "zebra", "Zebra", "éclair", "日本", "x%y", "x_y", "back\\slash",
         "MAIL", "SHIP", "AIR", "AIR REG", " lead", "trail ", "special requests", "it's", "ß", "zz"]


@dataclass
class Column:
    """name, SQL type, kind (the family that decides which expressions it may take part in)."""
    name: str
    sql_type: str
    kind: str
    values: list  # SQL expressions in g (row number) and r (random()), one picked per column
    nulls: float
    scale: int = 0
    collation: str = ""
    tame: bool = True  # arithmetic on it stays far from its type's limits, sums of it are exact


@dataclass
class Table:
    """A table with its columns; rows as created."""
    name: str
    columns: list = field(default_factory=list)
    rows: int = 0

    def create(self):
        """Statements that create and fill the table."""
        definition = ", ".join(f"{c.name} {c.sql_type} {c.collation}" for c in self.columns)
        yield f"CREATE TABLE {self.name} ({definition})"
        yield self.insert(self.rows)

    def insert(self, rows, start=1):
        """A statement that adds rows like those the table was created with."""
        values = ", ".join(
            f"CASE WHEN random() < {c.nulls} THEN NULL ELSE ({c.values})::{c.sql_type} END"
            for c in self.columns)
        return (f"INSERT INTO {self.name} SELECT {values} FROM "
                f"generate_series({start}, {start + rows - 1}) g, LATERAL (SELECT random() + 0 * g AS r) s")


def _pick(rng, *choices):
    return rng.choice(choices)


def _extremes(typical, extremes, share=0.02):
    """Mostly `typical`, sometimes one of the extreme literals."""
    array = "ARRAY[" + ", ".join(extremes) + "]"
    return (f"CASE WHEN random() < {share} THEN ({array})[1 + floor(random() * {len(extremes)})::int] "
            f"ELSE {typical} END")


def _text_literal(s):
    return "'" + s.replace("'", "''") + "'"


def _integer(rng, name, sql_type, low, high):
    tame = rng.random() < 0.7
    values = _pick(rng, "floor(r * 7)::int - 2", "floor(r * 300)::int - 100", "g", "g / 10",
                   "floor(power(r, 6) * 20000)::int", "floor(r * 30000)::int - 15000", "42")
    if sql_type == "int2":
        values = f"({values}) % 32000"
    if not tame:
        values = _extremes(values, [f"({low})::int8", f"({high})::int8", "0", "-1"], 0.1)
    return Column(name, sql_type, "int", values, _pick(rng, 0, 0, 0.1, 0.9), 0, tame=tame)


def _numeric(rng, name):
    precision, scale = _pick(rng, (15, 2), (10, 0), (12, 4), (6, 5), (38, 10), (30, 3))
    values = _pick(rng, f"round((r * 10000 - 3000)::numeric, {min(scale, 2)})",
                   "floor(r * 50)", "(g % 100) / 4.0", "7.25")
    if precision == 6:
        values = "round((r * 18 - 9)::numeric, 5)"
    tame = rng.random() < 0.8
    if not tame:
        top = "9" * (precision - scale) + ("." + "9" * scale if scale else "")
        values = _extremes(f"({values})::numeric", [f"{top}::numeric", f"-{top}::numeric",
                                                     "0::numeric", "'NaN'::numeric"], 0.05)
    return Column(name, f"numeric({precision},{scale})", "numeric", values,
                  _pick(rng, 0, 0, 0.1, 0.9), scale, tame=tame)


def _float(rng, name, sql_type):
    tame = rng.random() < 0.6
    values = _pick(rng, "floor(r * 4000) / 4 - 500", "floor(r * 5)", "g")
    if not tame:
        top = "3.4e38" if sql_type == "float4" else "1.7e308"
        values = _extremes(f"({values})::float8", [
            "'NaN'::float8", "'Infinity'::float8", "'-Infinity'::float8", "'-0'::float8",
            f"{top}::float8", f"-{top}::float8", "1e-30::float8"], 0.2)
    return Column(name, sql_type, "float", values, _pick(rng, 0, 0.1, 0.9), 0, tame=tame)


def _temporal(rng, name):
    sql_type = _pick(rng, "date", "date", "timestamp", "timestamptz")
    values = _pick(rng, "date '1992-01-01' + floor(r * 2500)::int", "date '1999-12-25' + g % 20",
                   "date '2000-02-25' + (g / 50) % 800", "date '1960-06-01' + floor(r * 40000)::int")
    if sql_type != "date":
        values = f"({values}) + floor(r * 86400000) * interval '1 millisecond'"
    tame = rng.random() < 0.9
    if not tame:
        values = _extremes(f"({values})::{sql_type}", [
            f"'infinity'::{sql_type}", f"'-infinity'::{sql_type}", f"'0001-01-01 BC'::{sql_type}",
            f"'9999-12-31'::{sql_type}"], 0.05)
    return Column(name, sql_type, sql_type, values, _pick(rng, 0, 0.1, 0.9), 0, tame=tame)


def _text(rng, name):
    sql_type = _pick(rng, "text", "text", "varchar(40)", "char(10)", 'text COLLATE "C"')
    words = [w for w in WORDS if len(w) <= 10]
    array = "ARRAY[" + ", ".join(_text_literal(w) for w in words) + "]"
    values = _pick(
        rng, f"({array})[1 + floor(r * {len(words)})::int]",
        f"({array})[1 + floor(power(r, 4) * {len(words)})::int]",
        f"({array})[1 + floor(r * 5)::int]",
        "'w' || floor(r * 3000)::int", "'k' || g")
    if "char" not in sql_type:
        values = _pick(rng, values, values,
                       f"({array})[1 + floor(r * 20)::int] || ' ' || ({array})"
                       f"[1 + floor(random() * 20)::int] || repeat('x', floor(random() * 60)::int)")
    collation = 'COLLATE "C"' if sql_type.endswith('"C"') else ""
    sql_type = sql_type.replace(' COLLATE "C"', "")
    return Column(name, sql_type, "bpchar" if sql_type.startswith("char") else "text", values,
                  _pick(rng, 0, 0.1, 0.9), collation=collation)


def random_column(rng, name):
    """One column of a random type."""
    maker = rng.choice([
        lambda: _integer(rng, name, "int2", -32768, 32767),
        lambda: _integer(rng, name, "int4", -2147483648, 2147483647),
        lambda: _integer(rng, name, "int8", -9223372036854775808, 9223372036854775807),
        lambda: _numeric(rng, name), lambda: _numeric(rng, name),
        lambda: _float(rng, name, "float4"), lambda: _float(rng, name, "float8"),
        lambda: _temporal(rng, name), lambda: _temporal(rng, name),
        lambda: _text(rng, name), lambda: _text(rng, name),
        lambda: Column(name, "bool", "bool", "r < 0.3", rng.choice([0, 0.1, 0.9])),
    ])
    return maker()


def random_table(rng, name, rows):
    """A table of 4 to 12 columns, one of them always a small integer to group by."""
    table = Table(name, rows=rows)
    table.columns.append(Column("c0", "int4", "int", "floor(r * 6)::int", 0.05))
    for i in range(1, rng.randint(4, 12)):
        table.columns.append(random_column(rng, f"c{i}"))
    return table
