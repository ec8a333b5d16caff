"""Random tables: every supported type, NULLs, extremes, skew, clustering, long strings, empty ones.

Values are SQL expressions in g, the row's number, and r, a random number of that row. Expressions
that grow with g give row groups (65,536 rows) other base values and other lanes than their
neighbours."""

from dataclasses import dataclass, field

WORDS = ["", "a", "A", "ab", "abc", "zebra", "Zebra", "éclair", "日本", "x%y", "x_y", "back\\slash",
         "MAIL", "SHIP", "AIR", "AIR REG", " lead", "trail ", "special requests", "it's", "ß", "zz"]
LONG_ROWS = 3000  # tables with more rows get no strings of kilobytes
REWRITABLE_ROWS = 3000  # tables with more rows are not rewritten over and over


@dataclass
class Column:
    """A column. kind: the family that decides which expressions it may take part in; nulls: their
    share; tame: arithmetic on it stays far from its type's limits, sums of it are exact."""
    name: str
    sql_type: str
    kind: str
    values: str
    nulls: float
    collation: str = ""
    tame: bool = True
    storage: str = ""
    added: bool = False  # by ALTER TABLE, after the table was filled


@dataclass
class Table:
    """A table with its columns; rows as created."""
    name: str
    columns: list = field(default_factory=list)
    rows: int = 0
    unlogged: bool = False
    dropped: list = field(default_factory=list)  # (position, definition) of columns dropped later
    order: str = ""  # insertion order

    def create(self):
        """Statements that create and fill the table."""
        first = [c for c in self.columns if not c.added]
        definitions = [f"{c.name} {c.sql_type} {c.collation}" for c in first]
        for position, definition in self.dropped:
            definitions.insert(position, definition)
        kind = "UNLOGGED TABLE" if self.unlogged else "TABLE"
        yield f"CREATE {kind} {self.name} ({', '.join(definitions)})"
        for c in first:
            if c.storage:
                yield f"ALTER TABLE {self.name} ALTER COLUMN {c.name} SET STORAGE {c.storage}"
        yield self.insert(self.rows, columns=first)
        for position, definition in self.dropped:
            yield f"ALTER TABLE {self.name} DROP COLUMN {definition.split()[0]}"
        for c in self.columns:
            if c.added:
                yield self.add(c)

    def add(self, column):
        """Adds a column whose older rows have a missing value."""
        return (f"ALTER TABLE {self.name} ADD COLUMN {column.name} {column.sql_type} "
                f"{column.collation} DEFAULT {column.values}")

    def insert(self, rows, start=1, columns=None):
        """A statement that adds rows like those the table was created with."""
        columns = columns or self.columns
        values = ", ".join(
            f"CASE WHEN random() < {c.nulls} THEN NULL ELSE ({c.values})::{c.sql_type} END"
            for c in columns)
        names = ", ".join(c.name for c in columns)
        return (f"INSERT INTO {self.name} ({names}) SELECT {values} FROM "
                f"generate_series({start}, {start + rows - 1}) g, "
                f"LATERAL (SELECT random() + 0 * g AS r) s {self.order}")

    def insert_wide(self):
        """A row far outside of every range seen so far, in the columns that can hold one."""
        wide = {"int2": "-30000", "int4": "2000000000", "int8": "-5000000000000000",
                "date": "date '5000-01-01'", "timestamp": "timestamp '3000-01-01'",
                "text": "'\U0001f600 beyond ' || repeat('z', 50)", "float8": "1e200"}
        chosen = [(c.name, wide[c.sql_type]) for c in self.columns if c.sql_type in wide]
        names, values = zip(*chosen)
        return f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({', '.join(values)})"


def _extremes(typical, extremes, share=0.02):
    """Mostly `typical`, sometimes one of the extreme literals."""
    array = "ARRAY[" + ", ".join(extremes) + "]"
    return (f"CASE WHEN random() < {share} THEN ({array})[1 + floor(random() * {len(extremes)})::int] "
            f"ELSE {typical} END")


def text_literal(s):
    """A string as an SQL literal."""
    return "'" + s.replace("'", "''") + "'"


def _integer(rng, name, sql_type, low, high):
    tame = rng.random() < 0.7
    choices = ["floor(r * 7)::int - 2", "floor(r * 300)::int - 100", "g", "g / 10", "g / 100", "42",
               "floor(power(r, 6) * 20000)::int", "floor(r * 30000)::int - 15000", "-g / 1000",
               "(g / 2000) % 17"]
    if sql_type != "int2":
        choices += ["g % 250 + (g / 40000) * 7000000", "g * 65 - 4000000",
                    "floor(r * power(2, 3 + least(g / 30000, 5) * 4))::int"]
    if sql_type == "int8" and not tame:
        choices += ["g % 250 + (g / 40000)::int8 * 1000000000000",
                    "(g % 200)::int8 * (1::int8 << (9 * least(g / 40000, 5)))",
                    "(g % 1000 - 500)::int8 * 9000000000000000"]
    values = rng.choice(choices)
    if sql_type == "int2":
        values = f"({values}) % 32000"
    if not tame and rng.random() < 0.6:
        values = _extremes(values, [f"({low})::int8", f"({high})::int8", "0", "-1"],
                           rng.choice([0.1, 0.001]))
    return Column(name, sql_type, "int", values, rng.choice([0, 0, 0.1, 0.9]), tame=tame)


def _numeric(rng, name):
    precision, scale = rng.choice([(15, 2), (10, 0), (12, 4), (6, 5), (38, 10), (30, 3)])
    values = rng.choice([f"round((r * 10000 - 3000)::numeric, {min(scale, 2)})", "floor(r * 50)",
                         "(g % 100) / 4.0", "7.25", "g / 100", "g / 4.0"])
    if precision == 6:
        values = "round((r * 18 - 9)::numeric, 5)"
    tame = rng.random() < 0.8
    if not tame:
        top = "9" * (precision - scale) + ("." + "9" * scale if scale else "")
        values = _extremes(f"({values})::numeric", [
            f"{top}::numeric", f"-{top}::numeric", "0::numeric",
            rng.choice(["'NaN'::numeric", "1::numeric", "1::numeric"])], 0.05)
        if precision >= 30 and rng.random() < 0.5:
            values = "(g % 250) * (10::numeric ^ (g / 40000 * 4))"
    return Column(name, f"numeric({precision},{scale})", "numeric", values,
                  rng.choice([0, 0, 0.1, 0.9]), tame=tame)


def _float(rng, name, sql_type):
    tame = rng.random() < 0.6
    values = rng.choice(["floor(r * 4000) / 4 - 500", "floor(r * 5)", "g", "g / 8.0"])
    if not tame:
        top = "3.4e38" if sql_type == "float4" else "1.7e308"
        values = _extremes(f"({values})::float8", [
            "'NaN'::float8", "'Infinity'::float8", "'-Infinity'::float8", "'-0'::float8",
            f"{top}::float8", f"-{top}::float8", "1e-30::float8"], 0.2)
    return Column(name, sql_type, "float", values, rng.choice([0, 0.1, 0.9]), tame=tame)


def _temporal(rng, name):
    sql_type = rng.choice(["date", "date", "timestamp", "timestamptz"])
    values = rng.choice([
        "date '1992-01-01' + floor(r * 2500)::int", "date '1999-12-25' + g % 20",
        "date '2000-02-25' + (g / 50) % 800", "date '1960-06-01' + floor(r * 40000)::int",
        "date '1970-01-01' + g / 20"])
    if sql_type != "date":
        values = f"({values}) + " + rng.choice([
            "floor(r * 86400000) * interval '1 millisecond'", "interval '1 hour' * (g % 5)",
            "interval '1 microsecond' * (g % 1000003)"])
    tame = rng.random() < 0.9
    if not tame:
        values = _extremes(f"({values})::{sql_type}", [
            f"'infinity'::{sql_type}", f"'-infinity'::{sql_type}", f"'0001-01-01 BC'::{sql_type}",
            f"'9999-12-31'::{sql_type}"], 0.05)
    return Column(name, sql_type, sql_type, values, rng.choice([0, 0.1, 0.9]), tame=tame)


def _time(rng, name):
    values = rng.choice(["time '00:00' + floor(r * 86399) * interval '1 second'",
                         "time '08:00' + (g % 600) * interval '1 minute'",
                         "time '00:00' + floor(r * 86399999999) * interval '1 microsecond'"])
    return Column(name, "time", "time", values, rng.choice([0, 0.1, 0.9]))


def _text_values(rng, narrow):
    words = [w for w in WORDS if len(w) <= 10]
    array = "ARRAY[" + ", ".join(text_literal(w) for w in words) + "]"
    word = f"({array})[1 + floor(r * {len(words)})::int]"
    choices = [word, f"({array})[1 + floor(power(r, 4) * {len(words)})::int]",
               f"({array})[1 + floor(r * 5)::int]", "'w' || floor(r * 3000)::int", "'k' || g",
               "'c' || g / 100"]
    if not narrow:
        other = f"({array})[1 + floor(random() * {len(words)})::int]"
        mixed = f"{word} || ' ' || {other} || repeat('x', floor(random() * 60)::int)"
        choices += [mixed, mixed, "md5(g::text)", "md5(g::text)"]
    return rng.choice(choices)


def _text(rng, name):
    sql_type = rng.choice(["text", "text", "text", "varchar(60)", "char(10)"])
    narrow = sql_type == "char(10)"
    collation = rng.choice(["", "", "", 'COLLATE "C"', 'COLLATE "en-x-icu"'])
    if collation.endswith('icu"') and rng.random() < 0.6:
        collation = ""
    return Column(name, sql_type, "bpchar" if narrow else "text", _text_values(rng, narrow),
                  rng.choice([0, 0, 0.1, 0.9]), collation=collation)


def _long_text(rng, name):
    """Strings of 2 to 20 kB in some rows: compressed in line, and out of line either way."""
    digits = "(SELECT string_agg(md5(r::text || i), '') FROM generate_series(1, {} + g % 30) i)"
    long = rng.choice([digits.format(70), digits.format(280), "repeat(md5(r::text), 80)",
                       "repeat('abc' || g, 3000)"])
    values = f"CASE WHEN r < 0.1 THEN {long} ELSE 'short' || g % 7 END"
    return Column(name, "text", "text", values, rng.choice([0, 0.2]),
                  storage=rng.choice(["", "", "EXTERNAL", "MAIN"]))


def random_column(rng, name, rows=0):
    """One column of a random type."""
    if 0 < rows <= LONG_ROWS and rng.random() < 0.08:
        return _long_text(rng, name)
    maker = rng.choice([
        lambda: _integer(rng, name, "int2", -32768, 32767),
        lambda: _integer(rng, name, "int4", -2147483648, 2147483647),
        lambda: _integer(rng, name, "int8", -9223372036854775808, 9223372036854775807),
        lambda: _numeric(rng, name), lambda: _numeric(rng, name),
        lambda: _float(rng, name, "float4"), lambda: _float(rng, name, "float8"),
        lambda: _temporal(rng, name), lambda: _temporal(rng, name), lambda: _time(rng, name),
        lambda: _text(rng, name), lambda: _text(rng, name), lambda: _text(rng, name),
        lambda: Column(name, "bool", "bool", "r < 0.3", rng.choice([0, 0.1, 0.9])),
    ])
    column = maker()
    if rng.random() < 0.03:
        column.nulls = 1
    return column


def added_column(rng, name):
    """A column that comes by ALTER TABLE with a default that older rows do not store."""
    sql_type, kind, default = rng.choice([
        ("int4", "int", "7"), ("int8", "int", "NULL"), ("numeric(15,2)", "numeric", "12.50"),
        ("text", "text", "'AIR'"), ("date", "date", "date '1995-03-15'"), ("bool", "bool", "true"),
        ("float8", "float", "1.25"), ("time", "time", "time '12:30'"), ("text", "text", "NULL"),
        ("timestamp", "timestamp", "timestamp '1998-12-01'"), ("char(10)", "bpchar", "'MAIL'")])
    return Column(name, sql_type, kind, default, rng.choice([0, 0.3]), added=True)


def random_table(rng, name, rows):
    """A table of 4 to 14 columns, one of them always a small integer to group by."""
    table = Table(name, rows=rows, unlogged=rows < 100 and rng.random() < 0.15)
    table.columns.append(Column("c0", "int4", "int", "floor(r * 6)::int", 0.05))
    for i in range(1, rng.randint(4, 14)):
        table.columns.append(random_column(rng, f"c{i}", rows))
    if rng.random() < 0.3:
        table.columns.append(added_column(rng, "a0"))
    if rng.random() < 0.3:
        position = rng.randint(0, 3)
        definition = rng.choice(["gone int DEFAULT 5", "gone text DEFAULT 'gone'", "gone numeric"])
        table.dropped.append((position, definition))
    if rng.random() < 0.2 and rows <= 20000:
        table.order = "ORDER BY random()"
    return table
