"""Random queries over one table, as objects that the shrinker can take apart."""

from dataclasses import dataclass, field, replace

from expressions import COMPARISONS, Expressions


@dataclass
class Item:
    """A select item. exact: its text must be equal to the letter (floats summed are not)."""
    sql: str
    exact: bool = True


@dataclass
class Query:
    """SELECT items FROM table WHERE conjuncts GROUP BY keys HAVING ... ORDER BY ... LIMIT ..."""
    table: str
    items: list
    where: list = field(default_factory=list)
    group: list = field(default_factory=list)
    having: list = field(default_factory=list)
    order: list = field(default_factory=list)  # (position or expression, suffix)
    limit: str = ""
    distinct: bool = False
    parameters: list = None  # of a prepared statement, else None
    floats: list = ()  # the table's float columns, if aggregated

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

    def totally_ordered(self):
        """Does ORDER BY name every item, so that the rows come in one order only?"""
        named = {p for p, _ in self.order}
        return bool(self.order) and all(i in named for i in range(1, len(self.items) + 1))

    def leading_positions(self):
        """The positions that ORDER BY begins with: what can be checked of a partial order."""
        positions = []
        for p, _ in self.order:
            if not isinstance(p, int):
                break
            positions.append(p)
        return positions

    def representatives(self):
        """For every item: may its value be any of several that are equal?"""
        return [bool(self.distinct or self.limit or i.sql in self.group or "(DISTINCT " in i.sql
                     or i.sql.startswith(("min(", "max("))) for i in self.items]

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
        if self.distinct and not self.limit:
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


VARIANCES = ["stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"]
EXACT_SUMS = ["sum", "avg"] * 3 + VARIANCES
# not those in which positive and negative products cancel
PAIRED = ["regr_count", "regr_sxx", "regr_syy", "regr_avgx", "regr_avgy"]


class Generator(Expressions):
    """Makes queries over one table."""

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
            return Item(f"{rng.choice(EXACT_SUMS)}({distinct}{self.integer()}){extra}")
        if shape < 8:
            return Item(f"{rng.choice(EXACT_SUMS)}({distinct}{self.numeric()}){extra}")
        if shape == 8:
            wild = self.columns("int", "numeric")
            return Item(f"sum({rng.choice(wild).name}){extra}")
        floating = self.floating()
        if shape == 9 and floating and "$" not in floating:
            return Item(f"{rng.choice(['sum', 'avg'])}({floating}){extra}", exact=False)
        if shape == 9:
            # small whole numbers: what rounding leaves of a variance is not seen beside it
            x, y = (f"({self.integer()} % 1000)::{rng.choice(['float4', 'float8'])}" for _ in "xy")
            function = rng.choice(VARIANCES + PAIRED)
            argument = f"{x}, {y}" if function in PAIRED else f"{distinct}{x}"
            return Item(f"{function}({argument}){extra}", exact=False)
        if shape == 10 and self.columns("bool"):
            b = rng.choice(self.columns("bool")).name
            return Item(f"{rng.choice(['bool_and', 'bool_or', 'every'])}({b}){extra}")
        candidates = [c.name for c in self.table.columns if c.kind != "bool"]
        argument = rng.choice(candidates) if rng.random() < 0.8 else self.temporal() or self.integer()
        return Item(f"{rng.choice(['min', 'max'])}({argument}){extra}")

    def having(self):
        """A test of groups, of aggregates that need not be selected."""
        rng = self.rng
        item = self.aggregate()
        kinds = self.columns("int", "date", "numeric")
        column = rng.choice(kinds)
        return rng.choice([
            f"count(*) > {self.constant('int8', lambda: str(rng.choice([1, 5, 100])))}",
            f"{item.sql} IS NOT NULL", "avg(c0) > 2",
            f"{rng.choice(['min', 'max'])}({column.name}) {rng.choice(COMPARISONS)} "
            f"{self.sample(column)}",
            f"sum({self.integer(1)}) {rng.choice(COMPARISONS)} {rng.choice(['0', '1000'])}",
            f"count({column.name}) BETWEEN 1 AND 50 OR {item.sql} IS NULL"])

    def query(self):
        """A whole query."""
        rng = self.rng
        query = Query(self.table.name, [])
        query.where = [self.predicate() for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        shape = rng.random()
        if shape < 0.25:
            count = rng.choice([1, 2, 3, 4, 5, 5, 30])
            query.items = [self.aggregate() for _ in range(count)]
        elif shape < 0.75:
            query.group = list(dict.fromkeys(self.value() for _ in range(rng.choice([1, 1, 2, 3]))))
            keys = [Item(k) for k in query.group]
            query.items = keys + [self.aggregate() for _ in range(rng.choice([0, 1, 2, 3, 4, 20]))]
            if rng.random() < 0.1:
                query.items = query.items[1:] or query.items
            query.having = [self.having() for _ in range(rng.choice([0, 0, 1, 1, 2]))]
        else:
            query.items = [Item(self.value()) for _ in range(rng.choice([1, 2, 3, 4, 5, 24]))]
            query.distinct = rng.random() < 0.3
            if rng.random() < 0.1:
                query.items = [Item(c.name) for c in self.table.columns]
        if shape < 0.75:
            query.floats = [c.name for c in self.columns("float")]
        self.order_and_limit(query, aggregated=shape < 0.75)
        query.parameters = self.parameters or None
        return query

    def hidden_key(self, aggregated):
        """A sort key that is not selected."""
        if not aggregated:
            return f"({self.value()})"
        item = self.aggregate()
        return item.sql if item.exact else "count(*)"

    def order_and_limit(self, query, aggregated):
        """ORDER BY positions and expressions; a LIMIT only where the order is total and every item
        exact, for ties may fall either way."""
        rng = self.rng
        if rng.random() < 0.5:
            return
        keys = list(range(1, len(query.items) + 1))
        rng.shuffle(keys)
        exact = all(i.exact for i in query.items)
        if not exact or rng.random() < 0.3:
            keys = [p for p in keys if query.items[p - 1].exact][:1]
        if not query.distinct and rng.random() < 0.3:
            keys.insert(rng.randint(0, len(keys)), self.hidden_key(aggregated))
        if not keys:
            return
        suffixes = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST", " ASC"]
        query.order = [(p, rng.choice(suffixes)) for p in keys]
        if exact and query.totally_ordered() and rng.random() < 0.6:
            query.limit = rng.choice(["LIMIT 10", "LIMIT 3 OFFSET 2", "LIMIT 0", "LIMIT 1000",
                                      "OFFSET 5", "LIMIT NULL", "LIMIT 1", "LIMIT 7 OFFSET 300"])
            if rng.random() < 0.3:
                count = self.constant("int8", lambda: str(rng.choice([0, 1, 5, 100])))
                query.limit = f"LIMIT {count}"
