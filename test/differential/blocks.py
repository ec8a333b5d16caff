"""Queries over several relations as blocks that the shrinker can take apart.

A block is a SELECT (or VALUES) made of parts. Each part belongs to one feature of the list below, says
in which clause it stands, and may hold blocks of its own. Taking a part away gives a smaller query; if
that is no valid SQL any more, PostgreSQL refuses it either way and the shrinker goes on."""

import re
from dataclasses import dataclass, field, replace

from queries import Item

# feature: (clause, weight among those of its clause)
FEATURES = {
    "cte": ("with", 2), "materialized cte": ("with", 1), "not materialized cte": ("with", 1),
    "relation": ("from", 0), "derived table": ("from", 3), "values": ("from", 1),
    "inner join": ("join", 6), "left join": ("join", 5), "right join": ("join", 2),
    "full join": ("join", 3), "cross join": ("join", 1), "comma join": ("join", 2),
    "using": ("join", 2), "natural join": ("join", 1), "self join": ("join", 2),
    "nested join": ("join", 2), "range join": ("join", 3), "lateral": ("join", 2), "left lateral": ("join", 1),
    "predicate": ("where", 6), "raising": ("where", 0.3), "alternative": ("where", 1),
    "row in": ("where", 1), "one row comparison": ("where", 0.3), "exists": ("where", 2), "not exists": ("where", 2),
    "in": ("where", 2), "not in": ("where", 2), "any": ("where", 1), "all": ("where", 1),
    "scalar comparison": ("where", 2), "correlated comparison": ("where", 2),
    "value": ("item", 8), "scalar subquery": ("item", 1), "correlated subquery": ("item", 1),
    "one row": ("item", 0.5), "one row alone": ("item", 0.1),
    "window": ("item", 0.5), "volatile": ("item", 0.25),
    "aggregate": ("aggregate", 1), "grouping": ("aggregate", 0),
    "window over groups": ("aggregate", 0), "host aggregate": ("aggregate", 0), "host function": ("item", 0),
    "group by": ("group", 5), "rollup": ("group", 1), "cube": ("group", 1),
    "grouping sets": ("group", 1), "having": ("having", 3), "having subquery": ("having", 1),
    "distinct": ("distinct", 3), "distinct on": ("distinct", 1),
    "union": ("set", 2), "union all": ("set", 3), "intersect": ("set", 1), "intersect all": ("set", 1),
    "except": ("set", 1), "except all": ("set", 1),
    "order": ("order", 0), "limit": ("limit", 3), "with ties": ("limit", 1),
}
# Of equal values any may stand in the result behind these.
LOOSE = {"group by", "rollup", "cube", "grouping sets", "distinct", "distinct on", "union", "intersect",
         "intersect all", "except", "except all", "limit", "with ties", "aggregate"}
SELECTED = ("item", "aggregate")


@dataclass
class Part:
    """A feature at work. {0}, {1} in the text stand for the blocks; order: positions and suffixes;
    item: what kind of FROM item a join adds."""
    feature: str
    text: str
    blocks: tuple = ()
    order: tuple = ()
    item: str = ""

    def clause(self):
        """Where it stands."""
        return FEATURES[self.feature][0]

    def sql(self):
        """Its text with the blocks in place."""
        return re.sub(r"\{(\d)\}", lambda m: self.blocks[int(m.group(1))].sql(), self.text)

    def smaller(self):
        """The part with one of its blocks made smaller."""
        for i, block in enumerate(self.blocks):
            for less in block.smaller():
                yield replace(self, blocks=self.blocks[:i] + (less,) + self.blocks[i + 1:])


@dataclass
class Block:
    """A SELECT, or VALUES when there is nothing but such a text."""
    parts: list = field(default_factory=list)

    def of(self, *clauses):
        """The parts of these clauses."""
        return [p for p in self.parts if p.clause() in clauses]

    def add(self, feature, text, blocks=(), order=(), item=""):
        """One more part."""
        self.parts.append(Part(feature, text, tuple(blocks), tuple(order), item))

    def sql(self):
        """The statement's text."""
        def listed(word, between, *clauses):
            texts = [p.sql() for p in self.of(*clauses)]
            return [word + between.join(texts)] if texts else []
        distinct = "".join(p.sql() + " " for p in self.of("distinct"))
        return " ".join(
            listed("WITH ", ", ", "with")
            + ["SELECT " + distinct + ", ".join(p.sql() for p in self.of(*SELECTED))]
            + listed("FROM ", " ", "from", "join") + listed("WHERE ", " AND ", "where")
            + listed("GROUP BY ", ", ", "group") + listed("HAVING ", " AND ", "having")
            + listed("", " ", "set") + listed("ORDER BY ", ", ", "order") + listed("", " ", "limit"))

    def features(self):
        """Every feature in it, at any depth."""
        for part in self.parts:
            yield part.feature
            if part.item:
                yield part.item
            for block in part.blocks:
                yield from block.features()

    def smaller(self):
        """The block with one part less, or with a smaller part; large steps first."""
        for part in self.parts:
            for block in part.blocks:  # a subquery in place of the whole
                yield block
        for i, part in enumerate(self.parts):
            if part.clause() not in SELECTED or len(self.of(*SELECTED)) > 1:
                yield Block(self.parts[:i] + self.parts[i + 1:])
        for i, part in enumerate(self.parts):
            for less in part.smaller():
                yield Block(self.parts[:i] + [less] + self.parts[i + 1:])


@dataclass
class Relational:
    """A whole query, with what the comparer asks of one."""
    block: Block
    parameters: list = None
    floats: tuple = ()
    table: str = ""

    def sql(self):
        """The statement's text."""
        return self.block.sql()

    @property
    def items(self):
        """Select items; all are exact."""
        return [Item(p.sql()) for p in self.block.of(*SELECTED)]

    @property
    def order(self):
        """(position, suffix) of ORDER BY."""
        return [o for p in self.block.of("order") for o in p.order]

    def totally_ordered(self):
        """Does ORDER BY name every item?"""
        named = {p for p, _ in self.order}
        return bool(named) and all(i + 1 in named for i in range(len(self.items)))

    def leading_positions(self):
        """All keys are positions."""
        return [p for p, _ in self.order]

    def representatives(self):
        """For every item: may its value be any of several that are equal?"""
        return [not LOOSE.isdisjoint(self.block.features())] * len(self.items)

    def smaller(self):
        """Smaller queries. Without its ORDER BY a LIMIT is not determined."""
        for block in self.block.smaller():
            made = Relational(block)
            if not _undetermined(block):
                yield made


def _undetermined(block):
    """Would the rows depend on an order that is open?"""
    needs = {"limit", "distinct on"} & {p.feature for p in block.parts}
    total = {o[0] for p in block.of("order") for o in p.order}
    if needs and len(total) < len(block.of(*SELECTED)):
        return True
    ties = [p for p in block.parts if p.feature == "with ties"]
    if ties and not total:
        return True
    if len(total) < len(block.of(*SELECTED)) and any("OFFSET 0 " not in p.text for p in ties):
        return True
    return any(_undetermined(b) for p in block.parts for b in p.blocks)
