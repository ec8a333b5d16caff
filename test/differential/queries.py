"""Random queries over one table, typed top down, as objects that the shrinker can take apart."""

from dataclasses import dataclass, field, replace

COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]


@dataclass
class Item:
    """A select item. exact: its text must be equal to the letter (floats summed are not)."""
    sql: str
    exact: bool = True
    orderable: bool = True
    alias: str = ""


@dataclass
class Query:
    """SELECT items FROM table WHERE conjuncts GROUP BY keys HAVING ... ORDER BY ... LIMIT ..."""
    table: str
    items: list
    where: list = field(default_factory=list)
    group: list = field(default_factory=list)
    having: list = field(default_factory=list)
    order: list = field(default_factory=list)  # (position, suffix)
    limit: str = ""
    distinct: bool = False

    def sql(self):
        """The statement's text."""
        parts = ["SELECT " + ("DISTINCT " if self.distinct else "")
                 + ", ".join(i.sql for i in self.items), f"FROM {self.table}"]
        if self.where:
            parts.append("WHERE " + " AND ".join(f"({c})" for c in self.where))
        if self.group:
            parts.append("GROUP BY " + ", ".join(self.group))
        if self.having:
            parts.append("HAVING " + " AND ".join(f"({c})" for c in self.having))
        if self.order:
            parts.append("ORDER BY " + ", ".join(f"{p}{s}" for p, s in self.order))
        if self.limit:
            parts.append(self.limit)
        return " ".join(parts)

    def smaller(self):
        """Queries with one thing less, for the shrinker."""
        for name in ("where", "having"):
            conjuncts = getattr(self, name)
            for i in range(len(conjuncts)):
                yield replace(self, **{name: conjuncts[:i] + conjuncts[i + 1:]})
        if self.limit:
            yield replace(self, limit="")
        if self.order and not self.limit:
            yield replace(self, order=[])
        if self.distinct:
            yield replace(self, distinct=False)
        if not self.order and len(self.items) > 1:
            for i in range(len(self.items)):
                yield replace(self, items=self.items[:i] + self.items[i + 1:])
        if not self.order:
            for i in range(len(self.group)):
                key = self.group[i]
                items = [x for x in self.items if x.sql != key]
                if items:
                    yield replace(self, group=self.group[:i] + self.group[i + 1:], items=items)


class Generator:
    """Makes expressions and queries over one table."""

    def __init__(self, rng, table):
        self.rng, self.table = rng, table

    def columns(self, *kinds, tame=False):
        """Columns of these kinds; only tame ones if asked."""
        return [c for c in self.table.columns
                if (not kinds or c.kind in kinds) and (c.tame or not tame)]

    def sample(self, column):
        """A constant that probably occurs in the column."""
        rng = self.rng
        if column.kind == "int":
            return str(rng.choice([0, 1, 2, 3, 5, 42, -1, 100, 250, 1000, 9999, 32767, 70000]))
        if column.kind == "numeric":
            return rng.choice(["0", "7.25", "1.5", "100", "-5", "49", "3.141592653589793", "0.01",
                               "12345678901234567890"])
        if column.kind == "float":
            return rng.choice(["0", "1.25", "-100", "3", "'NaN'::float8", "1e10", "'-inf'::float8"])
        if column.kind == "bool":
            return rng.choice(["true", "false"])
        if column.kind in ("date", "timestamp", "timestamptz"):
            day = rng.choice(["1992-01-01", "1995-03-15", "2000-02-29", "1998-12-01", "1969-12-31"])
            return f"{column.kind} '{day}'"
        words = ["a", "abc", "MAIL", "zebra", "", "AIR", "w17", "k5", "éclair", "nope"]
        return "'" + rng.choice(words) + "'"

    # ---- scalar expressions -------------------------------------------------------------------

    def integer(self, depth=2):
        """An integer expression over tame columns."""
        rng, cols = self.rng, self.columns("int", tame=True)
        if depth == 0 or not cols or rng.random() < 0.3:
            return rng.choice(cols).name if cols and rng.random() < 0.85 else str(rng.randint(-9, 99))
        shape = rng.randrange(11)
        a, b = self.integer(depth - 1), self.integer(depth - 1)
        if shape < 4:
            return f"({a} {rng.choice(['+', '-', '*'])} {b})"
        if shape == 4:
            return f"({a} / {rng.choice(['7', '2', '-3', f'nullif({b}, 0)'])})"
        if shape == 5:
            return f"({a} % {rng.choice(['5', '-4', f'nullif({b}, 0)'])})"
        if shape == 6:
            return f"CASE WHEN {self.predicate(1)} THEN {a} WHEN {self.predicate(0)} THEN {b} END"
        if shape == 7:
            return rng.choice([f"coalesce({a}, {b})", f"nullif({a}, {b})", f"greatest({a}, {b})",
                               f"least({a}, {b}, 3)"])
        if shape == 8:
            return rng.choice([f"(-{a})", f"abs({a})"])
        dates = self.columns("date", "timestamp", tame=True)
        texts = self.columns("text", "bpchar")
        if shape == 9 and dates:
            part = rng.choice(["year", "month", "day", "quarter", "dow", "isodow", "doy", "week",
                               "isoyear", "decade", "century"])
            return f"extract({part} from {rng.choice(dates).name})::int"
        if texts:
            return f"length({rng.choice(texts).name})"
        return a

    def numeric(self, depth=2):
        """A numeric expression."""
        rng, cols = self.rng, self.columns("numeric", tame=True)
        if not cols:
            return f"{self.integer(1)}::numeric"
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(cols).name
        a = self.numeric(depth - 1)
        shape = rng.randrange(7)
        if shape < 3:
            other = rng.choice([self.numeric(depth - 1), str(rng.choice([1, 100, 0.05, 2.5])),
                                self.integer(0)])
            return f"({a} {rng.choice(['+', '-', '*'])} {other})"
        if shape == 3:
            return f"({rng.choice(['1', '2.50'])} - {a})"
        if shape == 4:
            return f"CASE WHEN {self.predicate(1)} THEN {a} ELSE 0 END"
        return rng.choice([f"(-{a})", f"abs({a})", f"coalesce({a}, 0)"])

    def floating(self, depth=1):
        """A float expression over tame columns, or None."""
        rng, cols = self.rng, self.columns("float", tame=True)
        if not cols:
            return None
        a = rng.choice(cols).name
        if depth == 0:
            return a
        return rng.choice([f"({a} * 2)", f"({a} + {self.integer(0)})", f"({a} - 0.5)", f"(-{a})", a,
                           f"({a} / 4)", f"{self.integer(1)}::float8"])

    def value(self):
        """Any expression that can be grouped by, sorted by or selected."""
        rng = self.rng
        shape = rng.randrange(14)
        if shape < 7:
            return rng.choice(self.table.columns).name
        if shape < 9:
            return f"({self.integer()})"  # a bare number would be a position in GROUP BY
        if shape == 9:
            return self.numeric()
        if shape == 10:
            return f"({self.floating() or self.integer()})"
        temporal = self.columns("date", "timestamp", tame=True)
        if shape == 11 and temporal:
            c = rng.choice(temporal)
            options = [f"({c.name} + interval '1 month')", f"({c.name} - interval '90 days')"]
            if c.kind == "date":
                options += [f"({c.name} + 7)", f"({c.name} - date '1995-01-01')"]
            else:
                options += [f"date_trunc('{rng.choice(['month', 'year', 'day', 'hour'])}', {c.name})",
                            f"{c.name}::date"]
            return rng.choice(options)
        texts = self.columns("text")
        if shape == 12 and texts:
            c = rng.choice(texts).name
            return rng.choice([f"substring({c}, 1, 2)", f"coalesce({c}, 'none')", f"upper({c})",
                               f"substr({c}, 2)"])
        return f"({self.predicate(1)})"

    # ---- predicates ---------------------------------------------------------------------------

    def predicate(self, depth=2):
        """A boolean expression."""
        rng = self.rng
        if depth > 0 and rng.random() < 0.35:
            a, b = self.predicate(depth - 1), self.predicate(depth - 1)
            return rng.choice([f"({a} AND {b})", f"({a} OR {b})", f"(NOT {a})", f"({a} OR {b})"])
        column = rng.choice(self.table.columns)
        maker = {"text": self.text_predicate, "bpchar": self.text_predicate,
                 "bool": self.bool_predicate}.get(column.kind)
        if maker is not None and rng.random() < 0.7:
            return maker(column)
        return self.ordinary_predicate(column)

    def bool_predicate(self, column):
        """Tests of a boolean column."""
        return self.rng.choice([column.name, f"NOT {column.name}", f"{column.name} IS TRUE",
                                f"{column.name} IS NOT FALSE", f"{column.name} IS UNKNOWN",
                                f"{column.name} = true"])

    def text_predicate(self, column):
        """LIKE and friends."""
        rng = self.rng
        pattern = rng.choice(["%a%", "a%", "%b", "_b%", "%special%requests%", "MAIL", "x\\%y", "%", "",
                              "w1%", "k%7", "__", "%é%", "%_x", "AIR%", "A%R%"])
        operator = rng.choice(["LIKE", "LIKE", "NOT LIKE"])
        return rng.choice([f"{column.name} {operator} '{pattern}'",
                           f"{column.name} IN ({self.sample(column)}, {self.sample(column)}, 'w3')",
                           f"{column.name} = {self.sample(column)}",
                           f"{column.name} >= {self.sample(column)}"])

    def ordinary_predicate(self, column):
        """Comparisons, BETWEEN, IN, IS NULL, IS DISTINCT FROM."""
        rng, name = self.rng, column.name
        k, m = self.sample(column), self.sample(column)
        shape = rng.randrange(10)
        if shape < 3:
            return f"{name} {rng.choice(COMPARISONS)} {k}"
        if shape == 3:
            return f"{name} {rng.choice(['BETWEEN', 'NOT BETWEEN'])} {k} AND {m}"
        if shape == 4:
            null = rng.choice(["", "", ", NULL"])
            return f"{name} {rng.choice(['IN', 'IN', 'NOT IN'])} ({k}, {m}, {self.sample(column)}{null})"
        if shape == 5:
            return f"{name} {rng.choice(['IS NULL', 'IS NOT NULL'])}"
        if shape == 6:
            return f"{name} IS {rng.choice(['', 'NOT '])}DISTINCT FROM {k}"
        same = [c for c in self.columns(column.kind) if c.collation == column.collation]
        if shape == 7 and len(same) > 1:
            return f"{name} {rng.choice(COMPARISONS)} {rng.choice(same).name}"
        if shape == 8:
            return f"{self.integer()} {rng.choice(COMPARISONS)} {self.integer(1)}"
        return f"{self.numeric()} {rng.choice(COMPARISONS)} {rng.choice(['0', '10.5', '1000'])}"

    # ---- queries ------------------------------------------------------------------------------

    def aggregate(self):
        """One aggregate call."""
        rng = self.rng
        extra = f" FILTER (WHERE {self.predicate(1)})" if rng.random() < 0.2 else ""
        shape = rng.randrange(12)
        distinct = "DISTINCT " if rng.random() < 0.15 else ""
        if shape < 2:
            return Item(f"count(*){extra}")
        if shape < 4:
            return Item(f"count({distinct}{rng.choice(self.table.columns).name}){extra}")
        if shape < 6:
            return Item(f"{rng.choice(['sum', 'avg'])}({distinct}{self.integer()}){extra}")
        if shape < 8:
            return Item(f"{rng.choice(['sum', 'avg'])}({distinct}{self.numeric()}){extra}")
        if shape == 8:
            wild = self.columns("int", "numeric")
            return Item(f"sum({rng.choice(wild).name}){extra}")
        floating = self.floating()
        if shape == 9 and floating:
            return Item(f"{rng.choice(['sum', 'avg'])}({floating}){extra}", exact=False)
        if shape == 10 and self.columns("bool"):
            b = rng.choice(self.columns("bool")).name
            return Item(f"{rng.choice(['bool_and', 'bool_or', 'every'])}({b}){extra}")
        candidates = [c for c in self.table.columns if c.kind != "bool"]
        return Item(f"{rng.choice(['min', 'max'])}({rng.choice(candidates).name}){extra}")

    def query(self):
        """A whole query."""
        rng = self.rng
        query = Query(self.table.name, [])
        query.where = [self.predicate() for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        shape = rng.random()
        if shape < 0.25:
            query.items = [self.aggregate() for _ in range(rng.randint(1, 5))]
        elif shape < 0.75:
            query.group = list(dict.fromkeys(self.value() for _ in range(rng.choice([1, 1, 2, 3]))))
            keys = [Item(k) for k in query.group]
            query.items = keys + [self.aggregate() for _ in range(rng.randint(0, 4))]
            if rng.random() < 0.25:
                item = self.aggregate()
                test = rng.choice([f"count(*) > {rng.choice([1, 5, 100])}",
                                   f"{item.sql} IS NOT NULL", "avg(c0) > 2"])
                query.having = [test]
        else:
            query.items = [Item(self.value()) for _ in range(rng.randint(1, 4))]
            query.distinct = rng.random() < 0.3
        self.order_and_limit(query)
        return query

    def order_and_limit(self, query):
        """ORDER BY positions; a LIMIT only under a total order of exact items, else ties differ."""
        rng = self.rng
        if rng.random() < 0.5:
            return
        positions = list(range(1, len(query.items) + 1))
        rng.shuffle(positions)
        total = all(i.exact for i in query.items)
        if not total or rng.random() < 0.3:
            positions = [p for p in positions if query.items[p - 1].exact][:1]
        suffixes = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST", " ASC"]
        query.order = [(p, rng.choice(suffixes)) for p in positions]
        if total and len(positions) == len(query.items) and rng.random() < 0.6:
            query.limit = rng.choice(["LIMIT 10", "LIMIT 3 OFFSET 2", "LIMIT 0", "LIMIT 1000",
                                      "OFFSET 5", "LIMIT NULL", "LIMIT 1"])
