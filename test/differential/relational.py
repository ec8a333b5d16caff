"""Random queries over up to six relations: joins, subqueries, CTEs, set operations, grouping sets."""

from dataclasses import replace

from blocks import Block, Relational
from expressions import COMPARISONS
from joins import KEYS, MOST_CORRELATED, MOST_ROWS, Joins, Scope
from relational_tables import Col, Source

MOST_RELATIONS, MOST_DEPTH = 6, 3
SQL_TYPES = {"int": "int4", "numeric": "numeric", "text": "text", "date": "date", "bool": "bool",
             "float": "float8"}
SUFFIXES = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST", " ASC"]


class RelationalGenerator(Joins):
    """Makes queries."""

    # ---- predicates ---------------------------------------------------------------------------

    def simple(self, columns):
        """A predicate without a subquery."""
        rng, c = self.rng, self.rng.choice(columns)
        same = [d for d in columns if d is not c and self.comparable(c, d)]
        shape = rng.randrange(10)
        if shape < 2 and same:
            return f"{c.sql} {rng.choice(COMPARISONS)} {rng.choice(same).sql}"
        if shape == 2:
            return f"{c.sql} IS {rng.choice(['', 'NOT '])}NULL"
        if shape == 3:
            return f"({self.simple(columns)} OR {self.simple(columns)})"
        if shape == 4:
            listed = ", ".join(self.constant(c.kind) for _ in range(3))
            return f"{c.sql} {rng.choice(['IN', 'NOT IN'])} ({listed})"
        if shape == 5:
            return f"{c.sql} IS {rng.choice(['', 'NOT '])}DISTINCT FROM {self.constant(c.kind)}"
        if shape == 6 and c.kind == "text":
            return f"{c.sql} LIKE {rng.choice(['%', 'k%', '%1%', '_', 'k_', '%é%', 'a%'])!r}"
        if shape == 8 and "host function" in self.weights:
            return f"{self.host_text(columns)} COLLATE \"C\" {rng.choice(COMPARISONS)} 'k1'"
        if shape == 7 and same:
            return f"coalesce({c.sql}, {self.constant(c.kind)}) = {rng.choice(same).sql}"
        return f"{c.sql} {rng.choice(COMPARISONS)} {self.constant(c.kind)}"

    def raising(self, columns):
        """A predicate that raises in some rows, or None."""
        rng = self.rng
        numbers = [c for c in columns if c.kind in ("int", "numeric")]
        if not numbers:
            return None
        c, d = rng.choice(numbers), rng.choice(numbers)
        divisor = rng.choice([f"({c.sql} - {rng.choice([3, 17, 39, 150, 1777])})",
                              f"nullif({c.sql}, 0)", f"({c.sql} + {d.sql} + 7)"])
        return f"{rng.choice([d.sql, '1000'])} / {divisor} {rng.choice(COMPARISONS)} 1"

    def host_text(self, columns):
        """A text of one or two columns that only PostgreSQL can compute."""
        c, d = self.rng.choice(columns), self.rng.choice(columns)
        return self.rng.choice([f"({c.sql}::text || {d.sql}::text)", f"reverse({c.sql}::text)",
                                f"concat({c.sql}, '-', {d.sql})"])

    def correlated(self, scope, depth):
        """A block without items, with a condition on the rows outside, and the columns in it; None
        when too large."""
        most = min(MOST_ROWS, MOST_CORRELATED // max(1, scope.rows))
        made = self.probe(scope, depth, most, [0, 0, 1])
        pair = made and self.pair(scope.columns, made[1])
        if not pair:
            return None
        block, columns = made
        outer, mine = pair
        operator = self.rng.choice(["=", "=", "=", "=", "<", ">=", "<>"])
        block.add("predicate", f"{mine.sql} {operator} {outer.sql}")
        return block, columns

    def probe(self, scope, depth, most=MOST_ROWS, conjuncts=(0, 1, 1)):
        """A block over one relation without items, and its columns; None when larger than `most`."""
        block, inner = Block(), Scope()
        inner.ctes = scope.ctes
        feature, text, blocks, rows, inner.columns = self.item(inner, 0, most)
        inner.rows = rows
        if rows > most:
            return None
        block.add(feature, text, blocks)
        self.where(block, inner, depth, self.rng.choice(conjuncts))
        return block, inner.columns

    def row_of(self, made, kind):
        """An aggregate over the block, so that it gives one row, to compare with this kind."""
        if made is None:
            return None
        block, columns = made
        fits = [c for c in columns if self.comparable(c, kind)]
        numbers = [c for c in columns if c.kind in ("int", "numeric")]
        function = self.rng.choice(["min", "max", "max", "count", "sum"])
        if kind.kind in ("int", "numeric") and function == "count":
            block.add("aggregate", "count(*)")
        elif kind.kind in ("int", "numeric") and function == "sum" and numbers:
            block.add("aggregate", f"sum({self.rng.choice(numbers).sql})")
        elif fits:
            block.add("aggregate", f"{'max' if function == 'max' else 'min'}({self.rng.choice(fits).sql})")
        else:
            return None
        return block

    def subquery_predicate(self, block, scope, depth, feature, columns=None):
        """EXISTS, IN and the like; False when no bounded one was found."""
        columns = [c for c in columns or scope.columns if c.kind in KEYS]
        if not columns or depth <= 0:
            return False
        c, operator = self.rng.choice(columns), self.rng.choice(COMPARISONS)
        texts = {"exists": "EXISTS ({0})", "not exists": "NOT EXISTS ({0})",
                 "in": f"{c.sql} IN ({{0}})", "not in": f"{c.sql} NOT IN ({{0}})",
                 "any": f"{c.sql} {operator} ANY ({{0}})", "all": f"{c.sql} {operator} ALL ({{0}})"}
        text = texts.get(feature, f"{c.sql} {operator} ({{0}})")
        if feature == "one row comparison":  # or PostgreSQL raises 21000
            made = self.correlated(scope, 0)
            inner = made and self.with_value(made, c)
        elif feature == "row in":
            return self.row_in(block, scope, depth, columns)
        elif feature in ("scalar comparison", "having subquery"):
            inner = self.row_of(self.probe(scope, depth - 1), c)
        elif feature == "correlated comparison":
            inner = self.row_of(self.correlated(scope, depth - 1), c)
        else:
            most = min(MOST_ROWS, MOST_CORRELATED // max(1, scope.rows))  # NOT IN may try every pair
            made = (self.correlated(scope, depth - 1) if "exists" in feature or self.rng.random() < 0.3
                    else self.probe(scope, depth - 1, most))
            inner = made and self.with_value(made, c)
        if not inner:
            return False
        block.add(feature, text, (inner,))
        return True

    def row_in(self, block, scope, depth, columns):
        """(x, y) IN or NOT IN a subquery; False when no bounded one was found."""
        wanted = [self.rng.choice(columns), self.rng.choice(columns)]
        most = min(MOST_ROWS, MOST_CORRELATED // max(1, scope.rows))
        made = self.probe(scope, depth - 1, most)
        if not made:
            return False
        inner, offered = made
        for w in wanted:
            fits = [c for c in offered if self.comparable(c, w)]
            if not fits:
                return False
            inner.add("value", self.rng.choice(fits).sql)
        word = self.rng.choice(["IN", "IN", "NOT IN"])
        block.add("row in", f"({wanted[0].sql}, {wanted[1].sql}) {word} ({{0}})", (inner,))
        return True

    def alternative(self, block, scope, depth):
        """A subquery under OR, NOT or CASE; False when no bounded one was found."""
        one = Block()
        feature = self.rng.choice(["exists", "in", "not in", "any", "all", "scalar comparison",
                                   "correlated comparison"])
        if not self.subquery_predicate(one, scope, depth, feature):
            return False
        part, other = one.parts[0], self.simple(scope.columns)
        text = self.rng.choice([f"({part.text} OR {other})", f"({other} OR {part.text})",
                                f"NOT ({part.text} AND {other})", f"({part.text}) IS NOT TRUE",
                                f"CASE WHEN {other} THEN {part.text} ELSE false END"])
        block.add("alternative", text, part.blocks)
        return True

    def with_value(self, made, kind):
        """The block with one item that compares with this kind."""
        block, columns = made
        fits = [c for c in columns if self.comparable(c, kind)]
        if fits:
            block.add("value", self.rng.choice(fits).sql)
        return block if fits else None

    def where(self, block, scope, depth, count):
        """Conjuncts."""
        for _ in range(count):
            feature = self.pick("where")
            if feature is None:
                return
            if feature == "raising" and (text := self.raising(scope.columns)):
                block.add(feature, text)
            elif feature == "alternative" and self.alternative(block, scope, depth):
                continue
            elif (feature in ("predicate", "raising", "alternative")
                  or not self.subquery_predicate(block, scope, depth, feature)):
                block.add("predicate", self.simple(scope.columns))

    # ---- SELECT, GROUP BY, HAVING -------------------------------------------------------------

    def value(self, columns):
        """An expression of these columns; it raises nothing."""
        rng, c = self.rng, self.rng.choice(columns)
        shape = rng.randrange(10)
        if shape == 8:
            return self.computed(c)
        if shape == 0:
            return replace(c, sql=f"coalesce({c.sql}, {self.constant(c.kind)})", most=MOST_ROWS)
        if shape == 1:
            return Col(f"CASE WHEN {self.simple(columns)} THEN 'yes' ELSE 'no' END", "text", MOST_ROWS)
        if shape == 2 and c.kind == "numeric":
            return Col(f"({c.sql} + 1.5)", "numeric", c.most)
        if shape == 3:
            return Col(f"({self.simple(columns)})", "bool", MOST_ROWS)
        if shape == 4 and "host function" in self.weights:
            return Col(f"{self.host_text(columns)} COLLATE \"C\"", "text", MOST_ROWS, 'COLLATE "C"')
        return c

    def computed(self, c):
        """A function of a column."""
        texts = {"int": [f"({c.sql} + 1)", f"({c.sql} % 7)", f"abs({c.sql})", f"greatest({c.sql}, 3)"],
                 "numeric": [f"({c.sql} * 2)", f"round({c.sql})", f"least({c.sql}, 17)"],
                 "text": [f"upper({c.sql})", f"nullif({c.sql}, 'k1')", f"({c.sql} || 'x')"],
                 "date": [f"date_trunc('month', {c.sql})", f"({c.sql} + interval '2 days')"],
                 "bool": [f"(NOT {c.sql})"], "float": [f"({c.sql} + 0.5::float8)"]}
        return replace(c, sql=self.rng.choice(texts[c.kind]), most=MOST_ROWS)

    def aggregate(self, columns):
        """A call whose result does not depend on the order of the rows."""
        rng, c = self.rng, self.rng.choice(columns)
        extra = f" FILTER (WHERE {self.simple(columns)})" if rng.random() < 0.15 else ""
        distinct = "DISTINCT " if rng.random() < 0.2 else ""
        function = rng.choice(["count", "count", "min", "max", "sum", "avg", "stddev", "var_pop",
                               "count(*)"])
        if function == "count(*)":
            return Col(f"count(*){extra}", "int", MOST_ROWS)
        if c.kind == "bool" and rng.random() < 0.7:
            return Col(f"{rng.choice(['bool_and', 'bool_or'])}({c.sql}){extra}", "bool", MOST_ROWS)
        if function == "count" or (function in ("min", "max") and c.kind == "bool"):
            return Col(f"count({distinct}{c.sql}){extra}", "int", MOST_ROWS)
        if function in ("min", "max"):
            return Col(f"{function}({c.sql}){extra}", c.kind, MOST_ROWS, c.collation)
        numbers = [c for c in columns if c.kind in ("int", "numeric")]
        if not numbers:
            return Col("count(*)", "int", MOST_ROWS)
        return Col(f"{function}({distinct}{rng.choice(numbers).sql}){extra}", "numeric", MOST_ROWS)

    def item_subquery(self, block, scope, depth, feature):
        """A subquery in the select list, or None."""
        wanted = self.rng.choice([c for c in scope.columns if c.kind in KEYS] or [None])
        if wanted is None or depth <= 0:
            return None
        if feature == "scalar subquery":
            inner = self.row_of(self.probe(scope, depth - 1), wanted)
        elif feature == "correlated subquery":
            inner = self.row_of(self.correlated(scope, depth - 1), wanted)
        else:  # one row, or PostgreSQL raises 21000
            made = (self.correlated(scope, 0) if feature == "one row"
                    else self.probe(scope, 0, conjuncts=[1, 2]))
            inner = made and self.with_value(made, wanted)
        if not inner:
            return None
        block.add(feature, "({0})", (inner,))
        return replace(wanted, sql="", most=MOST_ROWS)

    def window(self, columns):
        """A window function whose result does not depend on the order of peers."""
        rng = self.rng
        call = rng.choice(["rank()", "dense_rank()", "count(*)", f"count({rng.choice(columns).sql})"])
        partition = f"PARTITION BY {rng.choice(columns).sql} " if rng.random() < 0.6 else ""
        order = f"{rng.choice(columns).sql}{rng.choice(SUFFIXES)}"
        return Col(f"{call} OVER ({partition}ORDER BY {order})", "int", MOST_ROWS)

    def host_aggregate(self, columns):
        """An aggregate that has no kernel."""
        c = self.rng.choice(columns)
        if c.kind in ("int", "numeric"):
            x = f"{c.sql}::numeric"
            return Col(f"sum({x} ORDER BY {x})", "numeric", MOST_ROWS)
        text = f"{c.sql}::text"
        return Col(f"string_agg({text}, ',' ORDER BY {text} COLLATE \"C\")", "text", MOST_ROWS, '"C"')

    def plain_items(self, block, scope, depth, kinds):
        """Select items; kinds: what a set operation wants, or None."""
        made = []
        for i in range(len(kinds) if kinds else self.rng.choice([1, 2, 3, 4, 6])):
            feature = "value" if kinds else self.pick("item")
            if feature in ("window", "volatile"):
                c = (self.window(scope.columns) if feature == "window"
                     else Col("(random() < 2)", "bool", MOST_ROWS))
                block.add(feature, c.sql)
                made.append(c)
                continue
            c = (None if feature in ("value", None)
                 else self.item_subquery(block, scope, depth, feature))
            if c is None:
                fits = [d for d in scope.columns if not kinds or self.comparable(d, kinds[i])]
                c = (self.value(fits) if not kinds else self.rng.choice(fits) if fits
                     else replace(kinds[i], sql=f"NULL::{SQL_TYPES[kinds[i].kind]}"))
                block.add("value", c.sql)
            made.append(c)
        return made

    def grouped_items(self, block, scope, depth, kinds):
        """GROUP BY in one of its forms, its keys and aggregates as items, HAVING."""
        rng, columns = self.rng, scope.columns
        feature = self.pick("group") if rng.random() < 0.85 else None
        keys = []
        if feature is not None:
            keys = [self.value(columns) for _ in range(rng.choice([1, 1, 2, 3]))]
            keys = list({k.sql: k for k in keys}.values())
            sets = [k.sql for k in keys]
            listed = ", ".join(sets)
            chosen = ", ".join(f"({', '.join(rng.sample(sets, rng.randint(1, len(sets))))})"
                               for _ in range(2))
            block.add(feature, {"group by": listed, "rollup": f"ROLLUP ({listed})",
                                "cube": f"CUBE ({listed})",
                                "grouping sets": f"GROUPING SETS (({listed}), {chosen}, ())"}[feature])
        made = []
        for k in keys:
            block.add("value", k.sql)
            made.append(replace(k, most=1 if len(keys) == 1 and feature == "group by" else MOST_ROWS))
        if feature not in ("group by", None) and "grouping" in self.weights:
            block.add("grouping", f"GROUPING({listed})")
            made.append(Col("", "int", MOST_ROWS))
        for _ in range(rng.choice([0, 1, 2, 3]) if keys else rng.choice([1, 2, 3])):
            made.append(self.aggregate(columns))
            block.add("aggregate", made[-1].sql)
        if rng.random() < 0.05 and "host aggregate" in self.weights:
            made.append(self.host_aggregate(columns))
            block.add("host aggregate", made[-1].sql)
        if rng.random() < 0.1 and "window over groups" in self.weights:
            made.append(self.window([Col("count(*)", "int", MOST_ROWS)] + keys))
            block.add("window over groups", made[-1].sql)
        if feature is not None and rng.random() < 0.3:
            self.having(block, scope, depth)
        return made

    def having(self, block, scope, depth):
        """A test of groups."""
        c = self.aggregate(scope.columns)
        feature = self.pick("having")
        if feature == "having subquery" and c.kind in KEYS:
            one = Scope()
            one.ctes = scope.ctes
            if self.subquery_predicate(block, one, depth, feature, [c]):
                return
        if feature is not None:
            block.add("having", f"{c.sql} {self.rng.choice(COMPARISONS)} {self.constant(c.kind)}")

    # ---- whole blocks -------------------------------------------------------------------------

    def subquery(self, outer, depth, ctes=(), kinds=None):
        """A block with everything in it: (block, upper bound of rows, columns)."""
        rng, block, scope = self.rng, Block(), Scope(outer)
        scope.ctes = list(ctes)
        feature, text, blocks, rows, scope.columns = self.item(scope, depth)
        scope.rows, scope.relations = max(1, rows), 1
        block.add(feature, text, blocks)
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3, 5])):
            if self.left_relations > 0 and self.join(block, scope, depth):
                scope.relations += 1
        self.where(block, scope, depth, rng.choice([0, 0, 1, 1, 2]))
        grouped = kinds is None and rng.random() < 0.35
        made = (self.grouped_items if grouped else self.plain_items)(block, scope, depth, kinds)
        if rng.random() < 0.15 and not grouped and self.pick("distinct", "distinct"):
            block.add("distinct", "DISTINCT")
        rows = scope.rows
        if depth > 0 and rng.random() < (0.15 if kinds is None else 0.3):
            rows = self.set_operation(block, scope, depth, made, rows)
        return block, rows, [replace(c, most=min(c.most, rows)) for c in made]

    def set_operation(self, block, scope, depth, made, rows):
        """UNION and the like with a second block; the bound of both."""
        feature = self.pick("set")
        if feature is None or any(p.feature == "grouping" for p in block.parts):
            return rows
        other, more, _ = self.subquery(scope.outer, depth - 1, scope.ctes, made)
        block.add(feature, f"{feature.upper()} ({{0}})", (other,))
        return rows + more

    def with_queries(self, block, ctes):
        """WITH: one or two, which the blocks below may read, more than once."""
        for _ in range(self.rng.choice([1, 1, 2])):
            feature = self.pick("with")
            if feature is None:
                return
            self.left_relations = 2
            inner, rows, columns = self.subquery(None, MOST_DEPTH - 1, ctes)
            name = self.alias("w")
            named = ", ".join(f"x{i}" for i in range(len(columns)))
            word = feature.upper()[:-len("cte")]
            block.add(feature, f"{name}({named}) AS {word}({{0}})", (inner,))
            ctes.append(Source(name, rows, [replace(c, sql=f"x{i}") for i, c in enumerate(columns)]))

    def order_and_limit(self, block):
        """ORDER BY positions; LIMIT where the order is total, WITH TIES anyhow; DISTINCT ON."""
        rng = self.rng
        keys = list(range(1, len(block.of("item", "aggregate")) + 1))
        plain = not block.of("group", "set", "distinct") and not block.of("aggregate")
        if plain and rng.random() < 0.08 and self.pick("distinct", "distinct on"):
            count = rng.randint(1, len(keys))
            block.add("distinct on", f"DISTINCT ON ({', '.join(map(str, keys[:count]))})")
        elif rng.random() < 0.5:
            return
        else:
            rng.shuffle(keys)
        limit = self.pick("limit") if rng.random() < 0.5 else None
        if limit == "with ties" and not block.of("distinct"):
            keys = keys[:rng.randint(1, len(keys))]
        order = [(k, rng.choice(SUFFIXES)) for k in keys]
        block.add("order", ", ".join(f"{k}{s}" for k, s in order), order=order)
        count = rng.choice([0, 1, 3, 10, 1000])
        if limit == "limit":
            block.add("limit", f"LIMIT {count}" + rng.choice(["", "", " OFFSET 2"]))
        elif limit == "with ties":
            # Which of equal rows OFFSET passes over is open.
            total = len(keys) == len(block.of("item", "aggregate"))
            offset = rng.choice([0, 0, 1, 5]) if total else 0
            block.add("with ties", f"OFFSET {offset} FETCH FIRST {count} ROWS WITH TIES")

    def query(self):
        """A whole query."""
        block, ctes = Block(), []
        if self.rng.random() < 0.2:
            self.with_queries(block, ctes)
        self.left_relations = MOST_RELATIONS
        made, _, _ = self.subquery(None, MOST_DEPTH, ctes)
        block.parts += made.parts
        self.order_and_limit(block)
        return Relational(block)
