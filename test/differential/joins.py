"""FROM clauses at random: joins, derived tables, LATERAL.

Sizes are bounded from above while a query grows: a join of two sides has at most rows of one times
the greatest number of rows per value of the other's column, so nothing explodes in either executor."""

from dataclasses import replace

from blocks import FEATURES, Block
from expressions import COMPARISONS
from relational_tables import WORDS, Col
from tables import text_literal

MOST_ROWS = 30_000  # of any intermediate result
MOST_CROSS = 3_000  # of a join without a condition
MOST_CORRELATED = 2_000_000  # rows that a correlated subquery may look at in all
KEYS = ("int", "numeric", "text", "date")


class Scope:
    """The relations of one block: their columns, an upper bound of the rows of their join."""

    def __init__(self, outer=None):
        self.outer, self.columns, self.rows, self.relations = outer, [], 1, 0
        self.closed = False
        self.ctes = outer.ctes[:] if outer else []


class Joins:
    """Makes FROM clauses. without: features left out."""

    def __init__(self, rng, sources, without=()):
        self.rng, self.sources, self.names = rng, sources, 0
        self.left_relations = 0
        self.weights = {f: w for f, (_, w) in FEATURES.items() if f not in without}

    # ---- choices ------------------------------------------------------------------------------

    def pick(self, clause, *among):
        """A feature of this clause by weight, or None when all are left out."""
        names = [f for f in self.weights
                 if FEATURES[f][0] == clause and self.weights[f] and (not among or f in among)]
        weights = [self.weights[f] for f in names]
        return self.rng.choices(names, weights)[0] if names else None

    def alias(self, prefix="a"):
        """A name not used before."""
        self.names += 1
        return f"{prefix}{self.names}"

    def constant(self, kind):
        """A literal of this kind that is likely to occur."""
        rng = self.rng
        return {"int": lambda: str(rng.choice([0, 1, 2, 3, 5, 17, 39, 150, -1])),
                "numeric": lambda: rng.choice(["0", "1.00", "2.5", "17", "3.50", "499.99"]),
                "text": lambda: text_literal(rng.choice(WORDS)),
                "date": lambda: rng.choice(["date '2000-01-01'", "date '1999-12-25'",
                                            "timestamp '2000-01-10'"]),
                "bool": lambda: rng.choice(["true", "false"]),
                "float": lambda: rng.choice(["0::float8", "2.25::float8", "7.5::float8"])}[kind]()

    @staticmethod
    def comparable(a, b):
        """May these be compared without a cast?"""
        if {a.kind, b.kind} <= {"int", "numeric"}:
            return True
        return a.kind == b.kind and (a.kind != "text" or a.collation == b.collation)

    def pair(self, left, right):
        """Two columns to compare, of the lists given, keys preferred; or None."""
        pairs = [(a, b) for a in left for b in right if self.comparable(a, b) and a.kind in KEYS]
        return self.rng.choice(pairs) if pairs else None

    # ---- FROM ---------------------------------------------------------------------------------

    def table(self, most=MOST_ROWS):
        """A table of at most so many rows under a new alias, as `item` gives it."""
        few = [s for s in self.sources if s.rows <= most] or [min(self.sources, key=lambda s: s.rows)]
        return self.aliased(self.rng.choice(few))

    def aliased(self, source):
        """A table, CTE or the like under a new alias."""
        a = self.alias()
        return ("relation", f"{source.name} {a}", (), source.rows,
                [replace(c, sql=f"{a}.{c.sql}") for c in source.columns])

    def item(self, scope, depth, most=MOST_ROWS):
        """A FROM item (table, CTE, derived table or VALUES): feature, text, blocks, rows, columns."""
        self.left_relations -= 1
        if scope.ctes and self.rng.random() < 0.5:
            return self.aliased(self.rng.choice(scope.ctes))
        kind = self.pick("from") if depth > 0 and self.rng.random() < 0.25 else None
        if kind == "derived table" and self.left_relations > 0:
            block, rows, columns = self.subquery(scope.outer, depth - 1, scope.ctes)
            a = self.alias()
            named = ", ".join(f"x{i}" for i in range(len(columns)))
            return (kind, f"({{0}}) {a}({named})", (block,), rows,
                    [replace(c, sql=f"{a}.x{i}") for i, c in enumerate(columns)])
        if kind == "values":
            return self.values()
        return self.table(most)

    def values(self):
        """VALUES with two columns and a NULL."""
        a, rows = self.alias(), self.rng.randint(1, 6)
        listed = ", ".join(f"({self.constant('int')}, {self.constant('text')})" for _ in range(rows))
        return ("values", f"(VALUES {listed}, (NULL, 'k1')) {a}(x0, x1)", (), rows + 1,
                [Col(f"{a}.x0", "int", rows + 1), Col(f"{a}.x1", "text", rows + 1)])

    def condition(self, left, right, more):
        """ON: an equality of keys most times, perhaps more; and the bound of its rows per pair."""
        pair = self.pair(left, right)
        if pair is None:
            return None
        a, b = pair
        text = f"{a.sql} = {b.sql}"
        if self.rng.random() < 0.08:
            text = {"int": f"{a.sql} = {b.sql} + 1", "numeric": f"{a.sql} * 2 = {b.sql}",
                    "text": f"upper({a.sql}) = upper({b.sql})"}.get(a.kind, text)
        if self.rng.random() < 0.1:
            text = f"{b.sql} IS NOT DISTINCT FROM {a.sql}" if a.most + b.most < 100 else text
        for _ in range(self.rng.choice([0, 0, 0, 1, 2])):
            text += f" AND {self.simple(more)}"
        return text, a, b

    def join(self, block, scope, depth):
        """One more relation; False when no bounded way was found."""
        feature, rng = self.pick("join"), self.rng
        if feature is None or scope.closed:
            return False
        if feature in ("cross join", "comma join") and self.cross(block, scope, feature):
            return True
        if feature == "range join" and self.ranged(block, scope):
            return True
        if feature in ("lateral", "left lateral"):
            return self.lateral(block, scope, depth, feature)
        if feature in ("using", "natural join"):
            return self.merged(block, scope, feature)
        if feature in ("cross join", "comma join", "range join", "self join"):
            feature = "inner join" if feature != "self join" else feature
        item, text, blocks, rows, columns = self.item(scope, depth)
        if feature == "self join":
            name = block.of("from")[0].text.split(" ")[0]
            source = [s for s in self.sources + scope.ctes if s.name == name]
            item, text, blocks, rows, columns = self.aliased(source[0]) if source else self.table()
        if feature == "nested join":
            made = self.nested(text, rows, columns)
            if made is None:
                return False
            text, rows, columns = made
        found = self.condition(scope.columns, columns, scope.columns + columns)
        if found is None:
            return False
        on, a, b = found
        bound = min(scope.rows * b.most, rows * a.most)
        outer = {"left join": scope.rows, "right join": rows, "full join": scope.rows + rows}
        bound = max(1, bound + outer.get(feature, 0))
        if bound > MOST_ROWS:
            return False
        word = {"left join": "LEFT", "right join": "RIGHT", "full join": "FULL",
                "nested join": rng.choice(["LEFT", "INNER", "RIGHT"])}.get(feature, "INNER")
        if word == "FULL":
            on = f"{a.sql} = {b.sql}"  # PostgreSQL wants it merge-joinable or hashable
        if feature == "nested join":
            bound += scope.rows + rows
        block.add(feature, f"{word} JOIN {text} ON ({on})", blocks, item=item)
        self.grow(scope, columns, bound, b.most, a.most)
        return True

    @staticmethod
    def grow(scope, columns, bound, right_most, left_most):
        """The scope after a join: a value of one side meets so many rows of the other."""
        scope.columns = ([replace(c, most=min(bound, c.most * max(1, right_most))) for c in scope.columns]
                         + [replace(c, most=min(bound, c.most * max(1, left_most))) for c in columns])
        scope.rows = bound

    def cross(self, block, scope, feature):
        """A product of small sides."""
        item, text, blocks, rows, columns = self.item(scope, 0, 60)
        if scope.rows * rows > MOST_CROSS:
            return False
        block.add(feature, f"CROSS JOIN {text}" if feature == "cross join" else f", {text}", blocks,
                  item=item)
        self.grow(scope, columns, scope.rows * rows, rows, scope.rows)
        scope.closed = feature == "comma join"  # what stands before it is out of sight of a later ON
        return True

    def between(self, left, right):
        """A comparison or an interval of columns of two sides, or None."""
        rng = self.rng
        near = {"int": ["1", "30"], "numeric": ["0.5", "100"], "float": ["0.25", "20"],
                "date": ["interval '3 days'", "interval '90 days'"]}
        pairs = [(a, b) for a in left for b in right if a.kind == b.kind and a.kind in near]
        if not pairs:
            return None
        a, b = rng.choice(pairs)
        others = [c for c in right if c.kind == b.kind]
        step = rng.choice(near[a.kind])
        return rng.choice([
            f"{a.sql} {rng.choice(['<', '<=', '>', '>='])} {b.sql}",
            f"{b.sql} BETWEEN {a.sql} AND {a.sql} + {step}",
            f"{a.sql} < {b.sql} AND {a.sql} > {b.sql} - {step}",
            f"{a.sql} BETWEEN {b.sql} AND {rng.choice(others).sql}",
            f"{rng.choice(others).sql} >= {a.sql} AND {a.sql} > {b.sql}"])

    def ranged(self, block, scope):
        """Rows within bounds of each other, perhaps with more conditions."""
        item, text, blocks, rows, columns = self.item(scope, 0, MOST_ROWS // max(1, scope.rows))
        on = self.between(scope.columns, columns)
        if on is None or scope.rows * rows > MOST_ROWS:
            return False
        for _ in range(self.rng.choice([0, 0, 1])):
            on += f" AND {self.simple(scope.columns + columns)}"
        word = self.rng.choice(["INNER", "INNER", "LEFT", "RIGHT"])
        block.add("range join", f"{word} JOIN {text} ON ({on})", blocks, item=item)
        self.grow(scope, columns, scope.rows * rows + scope.rows + rows, rows, scope.rows)
        return True

    def merged(self, block, scope, feature):
        """USING or NATURAL over a table reduced to a few columns, before anything else is joined."""
        if scope.relations != 1 or not block.of("from")[0].text.split(" ")[0].startswith("t"):
            return False
        base = block.of("from")[0]
        name, old = base.text.split(" ")
        source = self.rng.choice([s for s in self.sources if s.rows <= MOST_ROWS])
        key = self.rng.choice(["c1", "c2", "c5", "c6", "c0"])
        mine = {c.sql.split(".")[1]: c for c in scope.columns}
        theirs = {c.sql: c for c in source.columns}
        bound = min(scope.rows * theirs[key].most, source.rows * mine[key].most)
        if bound + scope.rows + source.rows > MOST_ROWS or not self.comparable(mine[key], theirs[key]):
            return False
        word = self.rng.choice(["INNER", "LEFT", "RIGHT", "FULL"])
        other = self.alias()
        rest = self.rng.sample([c for c in theirs if c != key and c not in ("c1", "c2")], 2)
        right = f"(SELECT {key}, " + ", ".join(f"{c} AS y{i}" for i, c in enumerate(rest))
        right += f" FROM {source.name}) {other}"
        columns = [c for n, c in mine.items() if n != key]
        if feature == "using":
            merged = self.alias("j")
            text = f"{word} JOIN {right} USING ({key}) AS {merged}"
            columns.append(replace(mine[key], sql=f"{merged}.{key}"))
        else:
            base.text = f"(SELECT {key}, {rest[0]} AS z0 FROM {name}) {old}"
            columns = [mine[key], replace(mine[rest[0]], sql=f"{old}.z0")]
            text = f"NATURAL {word} JOIN {right}"
        block.add(feature, text)
        added = [replace(theirs[c], sql=f"{other}.y{i}") for i, c in enumerate(rest)]
        scope.columns = columns
        self.grow(scope, added, bound + scope.rows + source.rows, theirs[key].most, mine[key].most)
        return True

    def nested(self, text, rows, columns):
        """(relation JOIN relation ON ...) as one side."""
        if "{" in text:
            return None
        _, other, _, more, others = self.table()
        found = self.condition(columns, others, columns + others)
        if found is None:
            return None
        on, a, b = found
        bound = min(rows * b.most, more * a.most) + rows
        if bound > MOST_ROWS:
            return None
        self.left_relations -= 1
        word = self.rng.choice(["LEFT", "INNER"])
        inner = Scope()
        inner.columns = columns
        self.grow(inner, others, bound, b.most, a.most)
        return f"({text} {word} JOIN {other} ON ({on}))", bound, inner.columns

    def lateral(self, block, scope, depth, feature):
        """A subquery in FROM that reads what stands before it, a few rows for each."""
        if depth == 0 or scope.rows > 2000:
            return False
        made = self.correlated(scope, depth - 1)
        if made is None:
            return False
        inner, offered = made
        columns = self.rng.sample(offered, min(2, len(offered)))
        for c in columns:
            inner.add("value", c.sql)
        a, count = self.alias(), self.rng.choice([1, 2, 5])
        keys = [(i + 1, "") for i in range(len(columns))]
        inner.add("order", ", ".join(str(k) for k, _ in keys), order=keys)
        inner.add("limit", f"LIMIT {count}")
        if scope.rows * count > MOST_ROWS:
            return False
        named = ", ".join(f"x{i}" for i in range(len(columns)))
        word = "CROSS JOIN" if feature == "lateral" else "LEFT JOIN"
        on = "" if feature == "lateral" else " ON true"
        block.add(feature, f"{word} LATERAL ({{0}}) {a}({named}){on}", (inner,))
        added = [replace(c, sql=f"{a}.x{i}", most=scope.rows * count) for i, c in enumerate(columns)]
        self.grow(scope, added, max(1, scope.rows * count), count, 1)
        return True
