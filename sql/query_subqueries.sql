-- Subqueries in every clause; q_few is made by query_joins.
SELECT same('SELECT count(*) FROM q_all WHERE id = (SELECT max(id) FROM q_one)');
SELECT same('SELECT count(*) FROM q_all a WHERE EXISTS (SELECT * FROM q_few f WHERE f.k = a.id)');
SELECT same('SELECT count(*) FROM q_all a WHERE NOT EXISTS (SELECT 1 FROM q_few f WHERE f.k = a.k AND f.id > a.i4)');
SELECT same('SELECT count(*) FROM q_all WHERE EXISTS (SELECT 1 FROM q_empty)');
SELECT same('SELECT count(*) FROM q_all WHERE EXISTS (SELECT count(*) FROM q_empty)');
SELECT same('SELECT count(*) FROM q_all WHERE EXISTS (SELECT 1 FROM q_few LIMIT 0)');
SELECT same('SELECT count(*) FROM q_all WHERE k IN (SELECT k FROM q_few)');
SELECT same('SELECT count(*) FROM q_all WHERE k NOT IN (SELECT k FROM q_few)');
SELECT same('SELECT count(*) FROM q_all WHERE k NOT IN (SELECT k FROM q_few WHERE k IS NOT NULL)');
SELECT same('SELECT count(*) FROM q_all WHERE i4 NOT IN (SELECT k FROM q_empty)');
SELECT same('SELECT count(*) FROM q_all WHERE k NOT IN (SELECT id FROM q_few WHERE id > 3)');
SELECT tqp.explain('SELECT count(*) FROM q_all WHERE k NOT IN (SELECT id FROM q_few WHERE id > 3)', 'optimised');
SELECT same('SELECT count(*) FROM q_all WHERE (k, id) IN (SELECT k, id FROM q_few)');
SELECT same('SELECT count(*) FROM q_all WHERE i2 < ANY (SELECT k FROM q_few)');
SELECT same('SELECT count(*) FROM q_all WHERE i2 > ALL (SELECT k FROM q_few)');
SELECT same('SELECT count(*) FROM q_all WHERE i2 > ALL (SELECT k FROM q_few WHERE k > 3)');
SELECT same('SELECT count(*) FROM q_all WHERE i2 <> ALL (SELECT k FROM q_empty)');
SELECT same('SELECT id, k IN (SELECT k FROM q_few), k NOT IN (SELECT id FROM q_few WHERE id > 5) FROM q_all WHERE id < 60 ORDER BY id');
SELECT same('SELECT count(*) FROM q_all a WHERE (a.k IN (SELECT k FROM q_few)) IS NULL');
SELECT same('SELECT f.id, (SELECT count(*) FROM q_all a WHERE a.k = f.k) FROM q_few f ORDER BY 1');
SELECT same('SELECT f.id, (SELECT a.t FROM q_all a WHERE a.id = f.id * 10) FROM q_few f ORDER BY 1');
SELECT same('SELECT f.id, (SELECT a.t FROM q_all a WHERE a.k = f.k AND a.id < f.id) FROM q_few f WHERE f.id < 5 ORDER BY 1');
SELECT same('SELECT f.id, (SELECT g.name FROM q_few g WHERE g.id * 2 = f.id + 3), (SELECT g.id FROM q_few g WHERE g.id > f.id AND g.id < f.id + 2) FROM q_few f ORDER BY 1');
SELECT same('SELECT f.id, (SELECT g.amount FROM q_few g WHERE g.name = f.name AND g.id <> f.id AND g.id + f.id = 9) FROM q_few f ORDER BY 1');
SELECT same('SELECT f.id, (SELECT g.k FROM q_few g WHERE g.id = f.id AND g.id < 3 AND f.id * 1000000000 = g.k) FROM q_few f'); -- other rows overflow
SELECT same('SELECT count(*) FROM q_few f WHERE f.k IN (SELECT g.id FROM q_few g WHERE g.name = f.name)');
SELECT same('SELECT f.id, f.k IN (SELECT g.k FROM q_few g WHERE g.name = f.name), f.k NOT IN (SELECT g.k FROM q_few g WHERE g.k = f.k AND g.id < 20) FROM q_few f ORDER BY 1');
SELECT same('SELECT f.id FROM q_few f WHERE CASE WHEN f.id > 40 THEN (SELECT a.id FROM q_all a WHERE a.k = f.k) > 3 ELSE true END');
SELECT same('SELECT f.id FROM q_few f WHERE f.amount > (SELECT sum(g.amount) / 100 FROM q_few g WHERE g.k = f.k)');
SELECT same('SELECT f.id FROM q_few f WHERE f.amount * 2 > (SELECT max(g.amount) FROM q_few g WHERE g.k = f.k)');
SELECT same('SELECT k, sum(i4) FROM q_all GROUP BY k HAVING sum(i4) > (SELECT sum(id) FROM q_few)');
SELECT same('SELECT k, sum(i4) FROM q_all a GROUP BY k HAVING EXISTS (SELECT 1 FROM q_few f WHERE f.k = a.k)');
SELECT same('SELECT k, (SELECT count(*) FROM q_few f WHERE f.k = a.k) FROM q_all a GROUP BY k');
SELECT same('SELECT k, avg(n), (SELECT max(amount) FROM q_few f WHERE f.k = a.k) FROM q_all a GROUP BY k ORDER BY avg(n)');
SELECT same('SELECT sum((SELECT f.id FROM q_few f WHERE f.id = a.k)) FROM q_all a');
SELECT same('SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM q_few f WHERE f.id = a.k)) FROM q_all a');
SELECT same('SELECT (SELECT f.name FROM q_few f WHERE f.id = a.k), count(*) FROM q_all a GROUP BY 1');
SELECT same('SELECT k FROM q_all a GROUP BY k ORDER BY (SELECT max(f.id) FROM q_few f WHERE f.k = a.k) NULLS FIRST, k');
SELECT same('SELECT count(*) FROM q_all a WHERE EXISTS (SELECT 1 FROM q_few f WHERE f.k = a.k AND f.id IN (SELECT g.id FROM q_few g WHERE g.k = a.k AND g.id > f.k))');
SELECT same('SELECT count(*) FROM q_few f JOIN q_few g ON f.k = g.id AND g.amount > (SELECT avg(id) FROM q_one)');
SELECT same('SELECT count(*) FROM q_few f JOIN q_few g ON f.k = g.id AND EXISTS (SELECT 1 FROM q_all a WHERE a.id = f.id + g.id)');
SELECT same('SELECT id, (SELECT row(1, 2)) FROM q_few');
SELECT same('SELECT id, ARRAY(SELECT a.k FROM q_all a WHERE a.id = f.id) FROM q_few f');
SELECT same('SELECT count(*) FROM q_few WHERE (id, k) > (SELECT 10, 3)');
SELECT same('SELECT count(*) FROM q_few WHERE (id, k) = (SELECT 5, 5)');
SELECT same('SELECT k, (SELECT max(f.id) FROM q_few f WHERE f.id < sum(a.i2)) FROM q_all a GROUP BY k');
SELECT same('WITH x AS (SELECT k, sum(amount) AS s FROM q_few GROUP BY k) SELECT k FROM x WHERE s = (SELECT max(s) FROM x)');
SELECT same('SELECT f.id FROM q_few f WHERE EXISTS (WITH c AS (SELECT g.id FROM q_few g WHERE g.k = f.k) SELECT 1 FROM c WHERE c.id > 20)');
-- no table but in subqueries
SELECT same('SELECT (SELECT count(*) FROM q_all)');
SELECT same('SELECT (SELECT max(i4) FROM q_all) + 1 AS m, EXISTS (SELECT 1 FROM q_empty), 3 IN (SELECT k FROM q_few), 2 > ALL (SELECT k FROM q_all), pi()');
SELECT same('SELECT (SELECT min(t) FROM q_all) WHERE EXISTS (SELECT 1 FROM q_all WHERE k = 3) AND NOT EXISTS (SELECT 1 FROM q_empty)');
SELECT same('SELECT (SELECT min(t) FROM q_all) WHERE EXISTS (SELECT 1 FROM q_empty)');
SELECT same('SELECT count(*), sum((SELECT sum(i4) FROM q_all)) HAVING (SELECT count(*) FROM q_few) > 3');
SELECT same('SELECT ARRAY(SELECT k FROM q_few WHERE id < 5 ORDER BY id)');
SELECT (SELECT id FROM q_few); -- more than one row

SELECT tqp.explain('SELECT count(*) FROM q_all a WHERE a.k > ALL (SELECT f.k FROM q_few f WHERE f.id = a.id)', 'lowered');
-- a condition on a row further out stays out of the domain of the subquery inside
SELECT same('SELECT count(*) FROM q_all a WHERE EXISTS (SELECT 1 FROM q_few f WHERE f.k >= (SELECT count(*) FROM q_few g WHERE g.id < f.id) AND f.k <> a.k)');
SELECT tqp.explain('SELECT count(*) FROM q_all a WHERE EXISTS (SELECT 1 FROM q_few f WHERE f.k >= (SELECT count(*) FROM q_few g WHERE g.id < f.id) AND f.k <> a.k)', 'optimised');
SELECT f.id, (SELECT a.t FROM q_all a WHERE a.k = f.k) FROM q_few f; -- more than one row
SELECT f.id, (SELECT g.id FROM q_few g WHERE g.id <> f.id AND g.k = f.k) FROM q_few f; -- likewise

-- What PostgreSQL computes whole raises also in rows and columns that nobody reads; what it inlines does not.
SET tqp.force = on;
WITH x AS MATERIALIZED (SELECT id, (SELECT a.id FROM q_all a WHERE a.k = f.k) FROM q_few f) SELECT count(*) FROM x;
WITH x AS (SELECT id, (SELECT a.id FROM q_all a WHERE a.k = f.k) FROM q_few f) SELECT count(*) FROM x, x y;
WITH x AS MATERIALIZED (SELECT id, 1 / (id - 7) AS q FROM q_few) SELECT id FROM x WHERE id = 8;
WITH x AS MATERIALIZED (SELECT id, 1 / (id - 7) AS q FROM q_few) SELECT count(*) FROM q_one WHERE EXISTS (SELECT FROM x WHERE x.id > q_one.id);
SELECT count(*) FROM q_empty WHERE k = (SELECT k FROM q_few); -- none
SELECT f.id FROM q_few f LEFT JOIN q_empty e ON f.id = e.id WHERE e.k > 3 AND (SELECT k FROM q_few) = 3;
-- Rows that a join drops raise, as PostgreSQL evaluates conditions at the scans that they read.
SELECT count(*) FROM q_few f JOIN q_one o ON o.id = f.id + 1000 WHERE f.id = (SELECT a.id FROM q_all a WHERE a.k = f.k);
SELECT count(*) FROM q_few f JOIN q_one o ON o.id = f.id + 1000 WHERE f.id = (SELECT id FROM q_all);
SELECT count(*) FROM q_few f WHERE f.id = (SELECT id FROM q_all) OR f.id <> -1; -- the second is always true
SELECT count(*) FROM q_few f WHERE f.id = (SELECT a.id FROM q_all a WHERE a.k = f.k) AND EXISTS (SELECT 1 FROM q_one o WHERE o.id = f.id + 1000);
SELECT v, count(*) FROM (SELECT (SELECT a.id FROM q_all a WHERE a.k = f.k) AS v FROM q_few f JOIN q_one o ON o.id = f.id + 1000) s GROUP BY ROLLUP (v);
SELECT count(*) FROM q_one o LEFT JOIN (SELECT f.id, (SELECT a.id FROM q_all a WHERE a.k = f.k) AS v FROM q_few f JOIN q_one p ON p.id = f.id + 1000) s ON s.id + 1 = o.id AND s.v > 3;
SELECT count(*) FROM q_few f JOIN q_one o ON o.id = f.id + 1000 WHERE 10 / (f.id - 7) > 0;
SELECT count(*) FROM (SELECT f.id, 10 / (f.id - 7) AS q FROM q_few f) s JOIN q_one o ON o.id = s.id + 1000 WHERE q > 0;
SELECT count(*) FROM q_one o LEFT JOIN q_few f ON f.id + 1000 = o.id AND 10 / (f.id - 7) > 0;
RESET tqp.force;
SELECT same('SELECT (SELECT a.id FROM q_all a WHERE a.k = f.k) FROM q_few f JOIN q_one o ON o.id = f.id + 1000');
SELECT same('SELECT count(*) FROM q_few f JOIN q_one o ON o.k = f.k WHERE f.id <> 7 AND 10 / (f.id - 7) > 0');
SELECT tqp.explain('SELECT count(*) FROM q_few f JOIN q_one o ON o.id = f.id + 1000 WHERE f.id = (SELECT a.id FROM q_all a WHERE a.k = f.k)', 'optimised');
SELECT same('WITH x AS (SELECT id, 1 / (id - 7) AS q FROM q_few) SELECT id FROM x WHERE id = 8');
SELECT same('WITH x AS MATERIALIZED (SELECT id, 1 / (id + 7) AS q FROM q_few) SELECT sum(id) FROM x WHERE id > 8');
SELECT same('WITH x AS (SELECT id, k + 1 AS q FROM q_few) SELECT count(*) FROM x, x y WHERE x.id = y.q');

-- avg() and numeric division below the top of a query
SELECT same('SELECT x.k, x.a FROM (SELECT k, avg(n) AS a FROM q_all GROUP BY k) x WHERE x.a > 100 ORDER BY 1');
SELECT same('SELECT x.k, x.a, x.b, x.c, x.d FROM (SELECT k, avg(n) AS a, avg(i4) AS b, avg(f8) AS c, avg(i8) AS d FROM q_all GROUP BY k) x ORDER BY 1');
SELECT same('SELECT x.a FROM (SELECT avg(n) AS a, avg(i2) AS b FROM q_all WHERE id < 0) x WHERE x.b IS NULL');
SELECT same('SELECT max(a), min(a), sum(a) FROM (SELECT v, avg(n) AS a FROM q_all GROUP BY v) x');
SELECT same('SELECT k, sum(n / k) FROM q_all WHERE k > 0 AND n / k > 3.5 GROUP BY k ORDER BY k');
SELECT same('SELECT id, x.q, x.r FROM (SELECT id, n / (k + 1) AS q, (n + 301) / (n0 + 0.001) AS r FROM q_all WHERE n IS NOT NULL) x ORDER BY id');
SELECT same('SELECT x.q FROM (SELECT k, n / nullif(k, 0)::numeric AS q FROM q_all) x WHERE x.q < 1');
SELECT same('SELECT x.q FROM (SELECT nw / 0.000007 AS q FROM q_all WHERE id < 20) x ORDER BY 1');
SELECT same('SELECT x.q FROM (SELECT 0.0000001 / nw AS q FROM q_all WHERE nw > 0 AND id < 20) x');
SELECT same('SELECT count(*) FROM (SELECT v, avg(n) AS a FROM q_all GROUP BY v) x WHERE x.a * 2 > 370.0000000000001');
SET tqp.force = on;
SELECT count(*) FROM (SELECT n / k AS q FROM q_all) x WHERE x.q > 3; -- division by zero
RESET tqp.force;
SET tqp.force = on;
EXPLAIN (COSTS OFF, VERBOSE) SELECT f.id, (SELECT max(a.i4) FROM q_all a WHERE a.k = f.k) FROM q_few f WHERE f.k IN (SELECT k FROM q_one);
RESET tqp.force;

-- Constant expressions that PostgreSQL drops before it would fold them
SELECT same('SELECT id FROM q_all WHERE EXISTS (SELECT 1 / 0 FROM q_few f WHERE f.id = q_all.id)');
SELECT same('SELECT id FROM (SELECT 1 / 0 AS x, id FROM q_few) s');
SELECT same('WITH w AS (SELECT 1 / 0 AS x, id FROM q_few) SELECT id FROM w');

-- subqueries and functions in ON of outer joins
SELECT same('SELECT f.id, count(a.id), sum(a.n) FROM q_few f LEFT JOIN q_all a ON a.k = f.k AND a.t || a.v > ''b'' GROUP BY f.id', false);
SELECT same('SELECT f.id, a.id FROM q_few f LEFT JOIN q_all a ON a.id = f.id AND f.id IN (SELECT k FROM q_all) AND a.id NOT IN (SELECT 3) AND a.k > ALL (SELECT k FROM q_few WHERE k < a.k - 100)', false);
SELECT same('SELECT f.id, a.id FROM q_all a RIGHT JOIN q_few f ON a.id = f.id AND EXISTS (SELECT 1 FROM q_few g WHERE g.id = f.k)', false);
SELECT same('SELECT f.id, a.id FROM q_few f FULL JOIN (SELECT id, k FROM q_all WHERE id < 60) a ON a.id = f.id AND (SELECT count(*) FROM q_few g WHERE g.id = f.k) > 0 AND (SELECT min(k) FROM q_few g WHERE g.id < a.id) < 3', false);
SELECT same('SELECT f.id, x.n, o.id FROM q_few f CROSS JOIN q_one o LEFT JOIN LATERAL (SELECT count(*) AS n FROM q_all a WHERE a.k = f.k) x ON x.n > (SELECT avg(k) FROM q_few)', false);
SELECT same('SELECT f.id, x.n FROM q_few f LEFT JOIN LATERAL (SELECT count(*) AS n FROM q_all a WHERE a.k = f.k) x ON f.id > (SELECT avg(k) FROM q_few g WHERE g.k < f.k)', false);
SELECT same('SELECT f.id, a.id, b.id FROM q_few f LEFT JOIN (q_all a LEFT JOIN q_few b ON b.id = a.id AND b.k = (SELECT max(k) FROM q_few z WHERE z.id = b.id)) ON a.id = f.id AND (SELECT count(*) FROM q_few g WHERE g.id > b.id) > 2', false);
SELECT same('SELECT f.id, (SELECT max(a.id) FROM q_all a LEFT JOIN q_few b ON b.id = a.id AND b.k IN (SELECT k FROM q_all WHERE id = f.id) WHERE a.k = f.k) FROM q_few f', false);
SELECT same('SELECT f.id, a.id FROM q_few f LEFT JOIN q_all a ON a.k = (SELECT max(q.k) FROM q_few q WHERE q.id = f.id)');
SELECT same('SELECT f.id, count(a.id) FROM q_few f LEFT JOIN q_all a ON a.id = f.id AND EXISTS (SELECT 1 FROM q_few g WHERE g.id = a.k) GROUP BY f.id');
SELECT same('SELECT f.id, count(a.id) FROM q_few f LEFT JOIN q_all a ON a.id = f.id AND a.k IN (SELECT g.k FROM q_few g) GROUP BY f.id');
