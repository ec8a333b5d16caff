"""Random typed expressions over one table: constants, parameters, scalars, predicates."""

from tables import WORDS, text_literal

COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]
DAYS = ["1992-01-01", "1995-03-15", "2000-02-29", "1998-12-01", "1969-12-31", "1970-05-05",
        "infinity"]
PATTERNS = ["%a%", "a%", "%b", "_b%", "%special%requests%", "MAIL", "x\\%y", "x\\_y", "%", "", "w1%",
            "k%7", "__", "%é%", "%_x", "AIR%", "A%R%", "back\\\\%", "%\\\\%", "%\\%%", "\\a%", "___%",
            "%0%f%", "c1_", "%ab%ab%", "_%_%_"]
UNITS = ["year", "month", "day", "quarter", "dow", "isodow", "doy", "week", "isoyear", "decade",
         "century"]


class Parameter:
    """A parameter of a prepared statement: its type and one literal for each execution."""

    def __init__(self, sql_type, literals):
        self.sql_type, self.literals = sql_type, literals


class Expressions:
    """Makes expressions over one table. parameters: None for a plain statement; else constants
    become parameters now and then and are appended to it."""

    EXECUTIONS = 7  # the sixth is the first that may use a generic plan

    def __init__(self, rng, table, parameters=None, wild=False):
        self.rng, self.table, self.parameters = rng, table, parameters
        self.tame = not wild  # is arithmetic kept to columns where it cannot overflow?

    def columns(self, *kinds, tame=False):
        """Columns of these kinds; only tame ones if asked."""
        return [c for c in self.table.columns
                if (not kinds or c.kind in kinds) and (c.tame or not tame)]

    # ---- constants ----------------------------------------------------------------------------

    def _bare(self, kind):
        """A constant without its type's name."""
        rng = self.rng
        if kind == "int":
            return str(rng.choice([0, 1, 2, 3, 5, 42, -1, 100, 250, 1000, 9999, 32767, 70000,
                                   rng.randint(-300, 3000), rng.randint(0, 200000)]))
        if kind == "numeric":
            return rng.choice(["0", "7.25", "1.5", "100", "-5", "49", "3.141592653589793", "0.01",
                               "12345678901234567890", "1000.00"])
        if kind == "float":
            return rng.choice(["0", "1.25", "-100", "3", "NaN", "1e10", "-inf", "-0", "0.1"])
        if kind == "bool":
            return rng.choice(["true", "false"])
        if kind in ("date", "timestamp", "timestamptz"):
            return rng.choice(DAYS)
        if kind == "time":
            return rng.choice(["00:00", "08:15", "12:30", "23:59:59.999999", "10:00:01"])
        return rng.choice(WORDS + ["w17", "k5", "nope", "c3", "short2"])

    def sample(self, column):
        """A constant, or a parameter, that probably occurs in the column."""
        kind, sql_type = column.kind, column.sql_type
        if kind in ("text", "bpchar"):
            return self.constant(kind, lambda: text_literal(self._bare(kind)))
        if kind == "int" and sql_type == "int2" and self.rng.random() < 0.5:
            return self.constant("int2", lambda: str(self.rng.randint(-300, 3000)))
        if kind == "int":
            return self.constant(self.rng.choice(["int4", "int8"]), lambda: self._bare(kind))
        if kind in ("numeric", "bool"):
            return self.constant(kind, lambda: self._bare(kind))
        name = "float8" if kind == "float" and self.rng.random() < 0.5 else sql_type
        return self.constant(name, lambda: f"'{self._bare(kind)}'::{name}")

    def constant(self, sql_type, literal):
        """A literal, or a parameter of this type whose executions use several."""
        rng = self.rng
        if self.parameters is None or rng.random() < 0.3:
            return literal()
        values = [literal() for _ in range(self.EXECUTIONS)]
        if rng.random() < 0.3:
            values = values[:1] * self.EXECUTIONS
        values = ["NULL" if rng.random() < 0.07 else v for v in values]
        self.parameters.append(Parameter(sql_type, values))
        return f"${len(self.parameters)}"

    def constants(self, column, count):
        """A list of constants."""
        return [self.sample(column) for _ in range(count)]

    # ---- scalar expressions -------------------------------------------------------------------

    def integer(self, depth=2):
        """An integer expression."""
        rng, cols = self.rng, self.columns("int", tame=self.tame)
        if depth == 0 or not cols or rng.random() < 0.3:
            if cols and rng.random() < 0.85:
                return rng.choice(cols).name
            return self.constant("int4", lambda: str(rng.randint(-9, 99)))
        shape = rng.randrange(12)
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
            return rng.choice([f"(- {a})", f"abs({a})", f"({a})::int8", f"CASE {a} WHEN 1 THEN {b} "
                               f"WHEN 2 THEN 7 ELSE -1 END"])
        dates = self.columns("date", "timestamp", "timestamptz", tame=True)
        texts = self.columns("text", "bpchar")
        if shape < 11 and dates:
            return f"extract({rng.choice(UNITS)} from {rng.choice(dates).name})::int"
        if texts:
            return f"length({rng.choice(texts).name})"
        return a

    def numeric(self, depth=2):
        """A numeric expression."""
        rng, cols = self.rng, self.columns("numeric", tame=self.tame)
        if not cols:
            return f"{self.integer(1)}::numeric"
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(cols).name
        a = self.numeric(depth - 1)
        shape = rng.randrange(7)
        if shape < 3:
            literal = str(rng.choice([1, 100, 0.05, 2.5]))
            other = rng.choice([self.numeric(depth - 1), literal, self.integer(0)])
            return f"({a} {rng.choice(['+', '-', '*'])} {other})"
        if shape == 3:
            return f"({rng.choice(['1', '2.50'])} - {a})"
        if shape == 4:
            return f"CASE WHEN {self.predicate(1)} THEN {a} ELSE 0 END"
        return rng.choice([f"(- {a})", f"abs({a})", f"coalesce({a}, 0)"])

    def floating(self, depth=1):
        """A float expression, or None."""
        rng, cols = self.rng, self.columns("float", tame=self.tame)
        if not cols:
            return None
        a = rng.choice(cols).name
        if depth == 0:
            return a
        return rng.choice([f"({a} * 2)", f"({a} + {self.integer(0)})", f"({a} - 0.5)", f"(- {a})", a,
                           f"({a} / 4)", f"{self.integer(1)}::float8"])

    def temporal(self):
        """An expression of a date or timestamp, or None."""
        rng, columns = self.rng, self.columns("date", "timestamp", "timestamptz", tame=True)
        if not columns:
            return None
        c = rng.choice(columns)
        step = self.constant("interval", lambda: "'" + rng.choice(
            ["1 month", "90 days", "-1 year", "2 days", "3 hours", "14 months"]) + "'::interval")
        options = [f"({c.name} + {step})", f"({c.name} - {step})"]
        if c.kind == "date":
            options += [f"({c.name} + 7)", f"({c.name} - date '1995-01-01')"]
        else:
            unit = rng.choice(["month", "year", "day", "hour", "minute", "week", "quarter"])
            options += [f"date_trunc('{unit}', {c.name})", f"{c.name}::date", f"{c.name}::time",
                        f"to_char({c.name}::date, 'YYYY-MM')"]
        if c.kind == "timestamptz":
            zone = rng.choice(["UTC", "Europe/Berlin", "America/St_Johns", "EST"])
            options += [f"({c.name} AT TIME ZONE '{zone}')", f"({c.name} + interval '90 minutes')"]
        return rng.choice(options)

    def text(self):
        """An expression of a string, or None."""
        rng, columns = self.rng, self.columns("text")
        if not columns:
            return None
        c = rng.choice(columns).name
        return rng.choice([f"substring({c}, 1, 2)", f"coalesce({c}, 'none')", f"upper({c})",
                           f"substr({c}, 2)", f"({c} || '!')", f"lower({c})", f"left({c}, 3)",
                           f"nullif({c}, '')", f"md5({c})", f"substring({c} from '[a-m]+')",
                           f"initcap(reverse({c}))"])

    def labels(self):
        """A CASE that sorts rows into a few classes."""
        rng = self.rng
        tests = [self.predicate(1) for _ in range(rng.choice([1, 1, 2, 3]))]
        if rng.random() < 0.5:
            arms = rng.sample(["'low'", "'high'", "''", "'AIR'", "NULL"], len(tests) + 1)
        else:
            arms = rng.sample(["0", "1", "-7", "100000", "NULL"], len(tests) + 1)
        arms = ["7" if set(arms) == {"NULL"} else a for a in arms]
        whens = " ".join(f"WHEN {t} THEN {a}" for t, a in zip(tests, arms))
        last = f" ELSE {arms[-1]}" if rng.random() < 0.7 else ""
        return f"(CASE {whens}{last} END)"

    def value(self):
        """Any expression that can be grouped by, sorted by or selected."""
        rng = self.rng
        shape = rng.randrange(16)
        if shape < 7:
            return rng.choice(self.table.columns).name
        if shape < 9:
            return f"({self.integer()} + 0)"  # a bare number would be a position in GROUP BY
        if shape == 9:
            return self.numeric()
        if shape == 10:
            return f"({self.floating() or self.integer() + ' + 0'})"
        if shape < 13:
            made = self.temporal() if shape == 11 else self.text()
            if made:
                return made
        if shape < 15:
            return self.labels()
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
                                f"{column.name} {self.rng.choice(COMPARISONS)} {self.sample(column)}",
                                f"{column.name} < ({self.predicate(0)})"])

    def text_predicate(self, column):
        """LIKE and friends."""
        rng = self.rng
        name = column.name
        pattern = self.constant("text", lambda: text_literal(rng.choice(PATTERNS)))
        operator = rng.choice(["LIKE", "LIKE", "NOT LIKE"])
        collate = rng.choice(["", "", "", ' COLLATE "C"'])
        expression = text_literal(rng.choice(["^a", "b.*[0-9]$", "(x|y)+", "é", "^$", "[[:space:]]"]))
        return rng.choice([f"{name} {operator} {pattern}", f"{name} {operator} {pattern}",
                           f"{name} ILIKE {pattern}", f"{name} {rng.choice(['~', '!~*'])} {expression}",
                           f"{name} LIKE '%x!%%' ESCAPE '!'",
                           f"{name} IN ({', '.join(self.constants(column, 3))})",
                           f"{name} = {self.sample(column)}",
                           f"{name}{collate} {rng.choice(COMPARISONS)} {self.sample(column)}"])

    def membership(self, column):
        """IN lists, short and long, = ANY and <> ALL of arrays."""
        rng, name = self.rng, column.name
        null = rng.choice(["", "", ", NULL"])
        shape = rng.randrange(5)
        if shape < 2:
            listed = ", ".join(self.constants(column, rng.choice([1, 3, 3])))
            return f"{name} {rng.choice(['IN', 'IN', 'NOT IN'])} ({listed}{null})"
        count = rng.choice([2, 20, 40])
        quiet, self.parameters = self.parameters, None
        listed = self.constants(column, count)
        others = [self.constants(column, 4) for _ in range(self.EXECUTIONS)]
        self.parameters = quiet
        if shape == 2:
            if column.kind == "int":
                listed += [str(rng.randint(-50, 400)) for _ in range(count)]
            return f"{name} {rng.choice(['IN', 'NOT IN'])} ({', '.join(listed)}{null})"
        quantified = rng.choice(["= ANY", "= ANY", "<> ALL"])
        element = column.sql_type.split("(")[0].replace("varchar", "text")
        element = "bpchar" if element == "char" else element
        if element == "int2":
            element = "int4"
        if shape == 3 or quiet is None:
            return f"{name} {quantified} (ARRAY[{', '.join(listed)}{null}]::{element}[])"
        arrays = [f"ARRAY[{', '.join(o)}]::{element}[]" for o in others]
        quiet.append(Parameter(element + "[]", arrays))
        return f"{name} {quantified} (${len(quiet)})"

    def ordinary_predicate(self, column):
        """Comparisons, BETWEEN, IN, IS NULL, IS DISTINCT FROM."""
        rng, name = self.rng, column.name
        shape = rng.randrange(10)
        if shape < 3:
            sides = [name, self.sample(column)]
            if rng.random() < 0.15:
                sides.reverse()
            return f"{sides[0]} {rng.choice(COMPARISONS)} {sides[1]}"
        if shape == 3:
            low, high = self.sample(column), self.sample(column)
            return f"{name} {rng.choice(['BETWEEN', 'NOT BETWEEN'])} {low} AND {high}"
        if shape == 4:
            return self.membership(column)
        if shape == 5:
            return f"{name} IS {rng.choice(['', 'NOT '])}NULL"
        if shape == 6:
            return f"{name} IS {rng.choice(['', 'NOT '])}DISTINCT FROM {self.sample(column)}"
        same = [c for c in self.columns(column.kind) if c.collation == column.collation]
        if shape == 7 and len(same) > 1:
            return f"{name} {rng.choice(COMPARISONS)} {rng.choice(same).name}"
        if shape == 8:
            return f"{self.integer()} {rng.choice(COMPARISONS)} {self.integer(1)}"
        bound = self.constant("numeric", lambda: rng.choice(["0", "10.5", "1000"]))
        return f"{self.numeric()} {rng.choice(COMPARISONS)} {bound}"
