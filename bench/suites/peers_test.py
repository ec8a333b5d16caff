"""Does the comparison refuse what it should? Run before the suites."""

import unittest

from peers import Statement


class Peers(unittest.TestCase):
    def test_hidden_and_named_keys(self):
        statement = Statement("SELECT a, count(*) AS c, max(',') FROM t GROUP BY a "
                              "ORDER BY c DESC, b, 1 LIMIT 3 OFFSET 2;")
        self.assertEqual(statement.keys, ["c DESC", "b", "1"])
        self.assertEqual(statement.peers_sql.replace("\n", " "),
                         "SELECT a, count(*) AS c, max(','), (count(*)), (b), (a) FROM t GROUP BY a "
                         "ORDER BY c DESC, b, 1 FETCH FIRST 5 ROWS WITH TIES")

    def test_subqueries_are_not_looked_into(self):
        statement = Statement("WITH w AS (SELECT 1 FROM t ORDER BY 1 LIMIT 2) "
                              "SELECT x FROM w WHERE x IN (SELECT y FROM u LIMIT 1)")
        self.assertEqual(statement.keys, [])
        self.assertFalse(statement.limited)

    def check(self, sql, peer_rows, rows, count=None):
        statement = Statement(sql)
        return statement.difference(statement.peers(peer_rows), rows, count or len(rows))

    def test_ties_are_free(self):
        sql = "SELECT a, c FROM t ORDER BY c LIMIT 3"
        peers = [("x", "1", "1"), ("y", "2", "2"), ("z", "2", "2"), ("u", "2", "2")]
        self.assertIsNone(self.check(sql, peers, [("x", "1"), ("u", "2"), ("z", "2")]))
        self.assertIsNotNone(self.check(sql, peers, [("u", "2"), ("x", "1"), ("z", "2")]))
        self.assertIsNotNone(self.check(sql, peers, [("x", "1"), ("z", "2"), ("z", "2")]))
        self.assertIsNotNone(self.check(sql, peers, [("x", "1"), ("v", "2"), ("z", "2")]))
        self.assertIsNotNone(self.check(sql, peers, [("x", "1"), ("z", "2")], 3))

    def test_offset(self):
        sql = "SELECT a FROM t ORDER BY a LIMIT 2 OFFSET 1"
        peers = [("1", "1"), ("2", "2"), ("3", "3")]
        self.assertIsNone(self.check(sql, peers, [("2",), ("3",)]))
        self.assertIsNotNone(self.check(sql, peers, [("1",), ("2",)]))

    def test_no_order(self):
        sql = "SELECT a FROM t"
        self.assertIsNone(self.check(sql, [("1",), ("2",)], [("2",), ("1",)]))
        self.assertIsNotNone(self.check(sql, [("1",), ("2",)], [("2",), ("2",)]))


if __name__ == "__main__":
    unittest.main()
