-- Statements of which the lower half runs on the engine: below windows, set-returning and volatile
-- functions the groups; below aggregates without a kernel the joined rows.
SELECT same('SELECT a.k, sum(a.i8), rank() OVER (ORDER BY sum(a.i8) DESC, a.k) FROM q_all a JOIN q_few f ON f.id = a.k GROUP BY a.k HAVING count(*) > 1 ORDER BY k', false);
SELECT same('SELECT k, t, grouping(k, t), count(*), rank() OVER (PARTITION BY grouping(k) + grouping(t), CASE WHEN grouping(t) = 0 THEN k END ORDER BY count(*) DESC) FROM q_all GROUP BY ROLLUP (k, t)', false);
SELECT same('SELECT DISTINCT k, avg(n) OVER (PARTITION BY k) - avg(n) AS x FROM q_all GROUP BY k, n ORDER BY 1, 2 LIMIT 20 OFFSET 3', false);
SELECT same('SELECT k + 1, sum(sum(n)) OVER (ORDER BY k + 1 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM q_all GROUP BY k + 1', false);
SELECT same('SELECT a.k, b.t, lag(b.id) OVER w, count(*) OVER (PARTITION BY a.k) FROM q_all a, q_all b WHERE a.id = b.id + 7 AND b.i4 > 40000 WINDOW w AS (PARTITION BY a.k ORDER BY b.id)', false);
SELECT same('SELECT k, random() >= 0, n FROM q_all WHERE i4 > 30000 ORDER BY n, id LIMIT 7', false);
SELECT same('SELECT k, count(*), random() >= 0 FROM q_all GROUP BY k ORDER BY count(*) DESC, k LIMIT 3', false);
SELECT same('SELECT k, generate_series(1, count(*)::int / 250) FROM q_all WHERE i4 < 0 GROUP BY k', false);
SELECT same('SELECT k, bit_and(id), string_agg(DISTINCT t, '','' ORDER BY t), array_agg(id ORDER BY id) FILTER (WHERE id < 40) FROM q_all WHERE i4 > 0 GROUP BY k', false);
SELECT same('SELECT a.k, percentile_cont(0.5) WITHIN GROUP (ORDER BY a.f8) FROM q_all a JOIN q_few USING (id) GROUP BY a.k', false);
SELECT same('SELECT f.id, (SELECT string_agg(a.t, '','' ORDER BY a.id) FROM q_all a WHERE a.k = f.k AND a.id < 50) FROM q_few f', false);
SELECT same('SELECT k, (SELECT max(f.id) FROM q_few f WHERE f.id < count(q.id) AND f.k = q.k) FROM q_all q WHERE i4 < 1000 GROUP BY k', false);
SELECT same('SELECT k, count(*), (SELECT array_agg(f.id ORDER BY f.id) FROM q_few f WHERE f.k = q.k) FROM q_all q WHERE i4 < 1000 GROUP BY k', false);
SELECT same('SELECT k, sum(n) FROM q_all WHERE EXISTS (SELECT k FROM q_all GROUP BY k HAVING count(*) > 600) OR random() < 0 GROUP BY k', false);
SELECT same('SELECT x.k, rank() OVER (ORDER BY x.k) FROM (SELECT k FROM q_all WHERE id < 30 UNION SELECT id FROM q_few) x', false);
SELECT same('(SELECT k, count(*), random() > 2 FROM q_all GROUP BY k) UNION ALL (SELECT k, sum(i4), false FROM q_all WHERE id > 7 GROUP BY k)', false);
SELECT same('WITH RECURSIVE r AS (SELECT id, k FROM q_all WHERE id = 7 UNION ALL SELECT r.id + 1, r.k FROM r WHERE r.id < 12) SELECT r.id, x.n FROM r JOIN (SELECT k, count(*) AS n FROM q_all GROUP BY k) x ON x.k = r.k', false);
SELECT same('SELECT k, i, count(*) FROM (SELECT k, make_interval(secs => id % 3) AS i FROM q_all WHERE i4 > 0) x GROUP BY k, i', false);
SELECT same('SELECT q.k, x.m FROM (SELECT k, row_number() OVER (PARTITION BY k ORDER BY sum(n) DESC NULLS LAST, t NULLS FIRST) AS rn, t FROM q_all GROUP BY k, t) q JOIN (SELECT k, max(id) AS m FROM q_all GROUP BY k) x USING (k) WHERE rn <= 2', false);
SELECT same('SELECT count(*) FROM (SELECT ntile(4) OVER (ORDER BY a.id) AS b FROM q_all a JOIN q_all c ON a.id = c.id WHERE a.k < 5) x WHERE b = 2', false);
SELECT same('SELECT a, b, first_value(a) OVER (ORDER BY b, a) FROM (SELECT DISTINCT k AS a, t AS b FROM q_all) x', false);
SELECT same('SELECT k, sum(n) FILTER (WHERE t LIKE ''a%''), sum(sum(n)) OVER (), GROUPING(k), (SELECT count(*) FROM q_few f WHERE f.k = q.k AND f.id < sum(q.i2)) FROM q_all q GROUP BY CUBE (k)', false);
SELECT same('SELECT q.*, row_number() OVER (ORDER BY id) FROM q_few q WHERE id < 20', false);
SELECT same('SELECT q, row_number() OVER (ORDER BY id) FROM q_few q WHERE id < 20', false);
SELECT same('SELECT CASE WHEN row_number() OVER (ORDER BY id) < 0 THEN 1 / (id - id) END FROM q_all WHERE id < 20', false);
SELECT same('SELECT k, sum(CASE WHEN id = 1 THEN 1 / (id - 1) END) OVER () FROM q_all WHERE id > 4990', false);
SELECT same('SELECT t, json_agg(k ORDER BY k) FROM (SELECT DISTINCT t, k FROM q_all WHERE id < 60) x GROUP BY t', false);
SELECT same('SELECT p.t, x.n, count(*) OVER (PARTITION BY x.n) FROM q_few f JOIN q_all p ON p.id = f.id LEFT JOIN (SELECT k, count(*) AS n FROM q_all GROUP BY k) x ON x.k = p.k AND x.n > 400', false);
SELECT same('WITH c AS (SELECT k, t, sum(n) AS s, rank() OVER (PARTITION BY k ORDER BY sum(n) DESC NULLS LAST) AS r FROM q_all GROUP BY k, t) SELECT a.k, a.t, b.t FROM c a JOIN c b ON a.k = b.k AND a.r = b.r - 1 WHERE a.r <= 3', false);
SELECT same('SELECT * FROM (SELECT k, count(*) c, rank() OVER (ORDER BY count(*) DESC, k) r FROM q_all GROUP BY k) s WHERE r < 4 UNION ALL SELECT k, id, -1 FROM q_few WHERE id < 3', false);
-- what an outer query reads of subqueries beside it
SELECT same('SELECT k, (WITH w AS (SELECT max(id) AS m FROM q_few) SELECT m FROM w), rank() OVER (ORDER BY k) FROM q_all WHERE id < 20', false);
SELECT same('WITH w AS (SELECT max(id) AS m FROM q_few) SELECT k, (SELECT m FROM w) + count(*) OVER () FROM q_all WHERE id < 20', false);
SELECT same('WITH w AS (SELECT k, max(id) AS m FROM q_all GROUP BY k) SELECT a.k, b.m, count(*) OVER () FROM q_all a JOIN w b ON a.id = b.m', false);
SELECT same('SELECT f.id, x.* FROM q_few f, LATERAL (SELECT a.k, sum(a.n) OVER (ORDER BY a.id), f.id FROM q_all a WHERE a.id < 5) x WHERE f.id < 4', false);
-- functional dependence, DISTINCT ON, WITH TIES
SELECT same('SELECT f.id, f.k, count(*), rank() OVER (ORDER BY f.k, count(*)) FROM q_few f JOIN q_all a ON a.k = f.k GROUP BY f.id', false);
SELECT same('SELECT DISTINCT ON (a.k) a.k, f.id, random() < 0 FROM q_few f JOIN q_all a ON a.k = f.k ORDER BY a.k, f.id DESC, a.id');
SELECT same('SELECT a.k, count(*), exp(a.k) FROM q_few f JOIN q_all a ON a.k = f.k GROUP BY a.k ORDER BY count(*) FETCH FIRST 3 ROWS WITH TIES', false);
SELECT same('SELECT a.id, random() < 0 FROM q_all a JOIN q_few f USING (id) ORDER BY a.n, a.id OFFSET 2 LIMIT 3');
-- an error is PostgreSQL's, or none
SELECT same('SELECT k, sum(1 / (id - 1000)) OVER () FROM q_all WHERE id < 20', false);
SELECT same('SELECT k, rank() OVER (ORDER BY sum(nw * 1e18), k) FROM q_all GROUP BY k', false);
SET tqp.force = on;
SELECT k, rank() OVER (ORDER BY k) FROM q_all WHERE 1 / (id - 1000) > 0;
SELECT 1 / (id - 1000), random() FROM q_all WHERE id < 2000 ORDER BY id LIMIT 2;
-- a sequence is asked once per row that comes out
CREATE SEQUENCE q_sequence;
SELECT count(*) FROM (SELECT nextval('q_sequence') FROM q_all a JOIN q_few f USING (id) ORDER BY a.id LIMIT 5) x;
SELECT nextval('q_sequence');
DROP SEQUENCE q_sequence;

SET tqp.isa = scalar;
SET tqp.threads = 1;
EXPLAIN (COSTS OFF, VERBOSE) SELECT a.k, sum(a.i8), rank() OVER (ORDER BY sum(a.i8) DESC, a.k) FROM q_all a JOIN q_few f ON f.id = a.k GROUP BY a.k ORDER BY 3 LIMIT 2;
EXPLAIN (COSTS OFF) SELECT k, bit_and(id) FROM q_all WHERE i4 > 0 GROUP BY k;
EXPLAIN (COSTS OFF) SELECT k, random() FROM q_all WHERE i4 > 0 ORDER BY n LIMIT 2;
EXPLAIN (COSTS OFF) SELECT count(*) FILTER (WHERE r = 1) FROM (SELECT rank() OVER (ORDER BY k) AS r FROM (SELECT k FROM q_all UNION SELECT id FROM q_few) x) y;
EXPLAIN (COSTS OFF) INSERT INTO q_one (id, k) SELECT f.id, a.k FROM q_few f JOIN q_all a ON a.id = f.id;
EXPLAIN (COSTS OFF) INSERT INTO q_one (id, k) SELECT a.id, a.k FROM q_all a;
-- a whole table is not worth a part
EXPLAIN (COSTS OFF) SELECT k, rank() OVER (ORDER BY k) FROM q_all;
CREATE TABLE q_ranks AS SELECT k, count(*) AS n, rank() OVER (ORDER BY count(*), k) FROM q_all GROUP BY k;
SELECT outcome, reason FROM tqp.query_log WHERE pid = pg_backend_pid() ORDER BY at DESC LIMIT 1;
INSERT INTO q_ranks SELECT k, -count(*), row_number() OVER (ORDER BY k) FROM q_all a JOIN q_few f USING (k) GROUP BY k;
SELECT outcome, reason FROM tqp.query_log WHERE pid = pg_backend_pid() ORDER BY at DESC LIMIT 1;
SELECT count(*), sum(n) < 0 AS less FROM q_ranks;
DROP TABLE q_ranks;
-- a set as key; a subquery in a window's frame
SELECT same('SELECT k, unnest(ARRAY[1, 1, 3]) AS u, count(*) FROM q_all GROUP BY 1, 2');
SELECT same('SELECT k, generate_series(1, 2) AS g, count(*) FROM q_all GROUP BY CUBE (1, g)');
SELECT same('SELECT id, sum(id) OVER (ORDER BY id ROWS (SELECT min(k) + 1 FROM q_few) PRECEDING) FROM q_all WHERE id < 100');
-- a constant key of grouping sets is NULL where its target names it, and only there
SELECT same('SELECT 5 AS y, k, count(*), random() < 0 FROM q_all GROUP BY ROLLUP (y, k)', false);
SELECT same('SELECT 1 + 1 AS y, (1 + 1) * 2, ''q''::text AS z, length(''q''::text), rank() OVER (ORDER BY count(*)) FROM q_all GROUP BY CUBE (y, z)', false);
SELECT same('SELECT 5 AS y, 5 AS z, k, random() < 0 FROM q_all GROUP BY ROLLUP (y), k ORDER BY k LIMIT 50', false);
SELECT y IS NULL, n FROM (SELECT 5 AS y, count(*) AS n FROM q_all GROUP BY ROLLUP (y)) s, (SELECT random() < 0 AS r) r ORDER BY 1;
-- prepared
PREPARE q_halves(int, bigint) AS SELECT k, count(*), lag(k) OVER (ORDER BY k) FROM q_all WHERE id > $1 GROUP BY k ORDER BY k LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE q_halves(4990, 3);
EXECUTE q_halves(0, 2);
RESET plan_cache_mode;
DEALLOCATE q_halves;
-- WHERE CURRENT OF finds the scan of its cursor
BEGIN;
DECLARE c CURSOR FOR SELECT id, random() < 0 FROM q_few WHERE id > 3;
FETCH c;
UPDATE q_few SET id = id WHERE CURRENT OF c;
ROLLBACK;
-- privileges on columns
CREATE ROLE q_split_role;
GRANT SELECT (id, k) ON q_all TO q_split_role;
SET ROLE q_split_role;
SELECT k, rank() OVER (ORDER BY k) FROM q_all WHERE id < 3;
SELECT k, rank() OVER (ORDER BY n) FROM q_all WHERE id < 3;
SELECT k, rank() OVER (ORDER BY k) FROM q_all WHERE n < 3;
RESET ROLE;
DROP OWNED BY q_split_role;
DROP ROLE q_split_role;
RESET tqp.force;
RESET tqp.isa;
RESET tqp.threads;
-- below grouping sets PostgreSQL evaluates a select list before the join that drops its rows
SET tqp.force = on;
SELECT count(*), string_agg(g.t, '') FROM (SELECT f.id, (SELECT a.id FROM q_all a WHERE a.k = f.k) FROM q_few f) x(x0, x1) JOIN q_all g ON g.id = -x.x0 GROUP BY CUBE (g.k, x.x1);
RESET tqp.force;

-- a sort key that is a column of the query around (of a subquery that does not run whole)
SELECT same('SELECT f.id, (SELECT f.k FROM q_all a WHERE a.t ^@ (f.name || a.ctid::text) ORDER BY f.k LIMIT 1) FROM q_one o JOIN q_few f ON o.id = f.id');
