-- Steps that are computed once: WITH queries of several references, and left sides of joins whose
-- keys restrict what is built.  q_few is made by query_joins.
SELECT same('WITH x AS (SELECT k, sum(amount) AS s FROM q_few GROUP BY k) SELECT a.k, b.k FROM x a JOIN x b ON a.s < b.s');
SELECT same('WITH x AS (SELECT k, count(*) AS c, max(t) AS m FROM q_all GROUP BY k) SELECT k, m FROM x WHERE c = (SELECT max(c) FROM x) OR m IN (SELECT m FROM x WHERE k < 3)');
SELECT tqp.explain('WITH x AS (SELECT k, count(*) AS c, max(t) AS m FROM q_all GROUP BY k) SELECT k FROM x WHERE c = (SELECT max(c) FROM x)', 'lowered');
SELECT tqp.explain('WITH x AS (SELECT k, count(*) AS c, max(t) AS m FROM q_all GROUP BY k) SELECT k FROM x WHERE c = (SELECT max(c) FROM x)', 'optimised');
-- one reads the other, from all kinds of places
SELECT same('WITH x AS (SELECT k, sum(i4) AS s FROM q_all GROUP BY k), y AS (SELECT x.k, count(*) AS c FROM x JOIN q_few f ON f.k = x.k GROUP BY x.k) SELECT x.k, x.s, y.c, (SELECT max(c) FROM y) FROM x LEFT JOIN y ON x.k = y.k WHERE EXISTS (SELECT 1 FROM x z WHERE z.s > x.s)');
SELECT same('WITH x AS (SELECT DISTINCT k FROM q_all) SELECT k FROM x UNION ALL SELECT k + 1 FROM x UNION ALL SELECT count(*)::int FROM x, x AS z');
SELECT same('WITH x AS (SELECT k, max(id) AS m FROM q_all GROUP BY k) SELECT f.id, (SELECT count(*) FROM x WHERE x.k = f.k), (SELECT min(m) FROM x WHERE x.k > f.k) FROM q_few f');
SELECT same('WITH x AS (SELECT k, count(*) AS c FROM q_all GROUP BY k) SELECT * FROM (WITH y AS (SELECT k FROM x WHERE c > 3) SELECT a.k FROM y a, y b WHERE a.k = b.k) z JOIN x USING (k)');
-- an inner name hides an outer one
SELECT same('WITH x AS (SELECT k, count(*) AS c FROM q_all GROUP BY k) SELECT count(*) FROM x, x AS y, (WITH x AS (SELECT id FROM q_few) SELECT a.id FROM x a, x b WHERE a.id = b.id) z WHERE x.k = y.k AND z.id = x.k');
-- a WITH query that reads a row around it has a copy in each place
SELECT same('SELECT f.id, (WITH c AS (SELECT g.id, g.k FROM q_few g WHERE g.k = f.k) SELECT count(*) FROM c a, c b WHERE a.id < b.id) FROM q_few f');
SELECT same('SELECT f.id FROM q_few f WHERE EXISTS (WITH c AS (SELECT g.k, max(g.id) AS m FROM q_few g GROUP BY g.k) SELECT 1 FROM c a, c b WHERE a.m = f.id AND b.m > a.m)');
-- no rows, no columns, one row, rows of NULLs, values of every kind
SELECT same('WITH x AS (SELECT k, count(*) AS c FROM q_empty GROUP BY k) SELECT count(*), sum(a.c) FROM x a FULL JOIN x b ON a.k = b.k');
SELECT same('WITH x AS (SELECT DISTINCT k FROM q_all) SELECT (SELECT count(*) FROM x), (SELECT count(*) FROM x, x AS y)');
SELECT same('WITH x AS MATERIALIZED (SELECT FROM q_all) SELECT (SELECT count(*) FROM x), (SELECT count(*) FROM x)');
SELECT same('WITH x AS (SELECT sum(n) AS s, max(t) AS m, min(d) AS d, bool_or(b) AS b, avg(f8) AS a FROM q_all) SELECT x.*, y.* FROM x, x AS y WHERE x.s = y.s');
SELECT same('WITH x AS (SELECT t, v, c, tc, d, b, f8, n, max(n / (k + 1)) AS u, max(i8) AS i FROM q_all WHERE id < 900 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) SELECT a.*, z.u FROM x a JOIN x z ON a.v = z.v AND a.c = z.c AND a.i <= z.i');
SELECT same('WITH x AS (SELECT k, max(n / (k + 1)) AS u, sum(n / 3) AS s FROM q_all GROUP BY k) SELECT a.k, a.u, b.s FROM x a, x b WHERE a.k = b.k + 1');
-- an order that is handed on is kept
SELECT same('WITH x AS (SELECT id, k FROM q_few ORDER BY k DESC, id) SELECT id FROM x WHERE k < (SELECT max(k) FROM x)');
SELECT same('WITH x AS (SELECT id, k FROM q_few ORDER BY k DESC, id LIMIT 20) SELECT id, k FROM x WHERE id IN (SELECT id + 1 FROM x)');
-- parameters in it, and plans that are used again
PREPARE shared_with(int, int) AS WITH x AS (SELECT k, sum(i4) AS s FROM q_all WHERE id > $1 GROUP BY k) SELECT a.k, b.s FROM x a, x b WHERE a.s < b.s AND b.k = $2 ORDER BY 1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
SET tqp.force = on;
EXPLAIN (COSTS OFF) EXECUTE shared_with(10, 5);
EXECUTE shared_with(10, 5);
EXECUTE shared_with(4000, 3);
SET tqp.enabled = off;
EXECUTE shared_with(10, 5);
EXECUTE shared_with(4000, 3);
RESET tqp.enabled;
RESET plan_cache_mode;
DEALLOCATE shared_with;
-- PostgreSQL computes it whole: it raises in columns and rows that nobody reads
WITH x AS (SELECT k, 1 / (k - 3) AS q, count(*) AS c FROM q_all GROUP BY k) SELECT count(*) FROM x a, x b WHERE a.k = b.k AND a.k > 5;
WITH x AS (SELECT k, 1 / (k - 3) AS q, count(*) AS c FROM q_all GROUP BY k) SELECT a.c FROM x a WHERE a.c < (SELECT max(c) FROM x);
WITH x AS MATERIALIZED (SELECT k, 1 / (k - 3) AS q, count(*) AS c FROM q_all GROUP BY k) SELECT k FROM x;
SELECT same('WITH x AS (SELECT k, 1 / (k - 3) AS q, count(*) AS c FROM q_all GROUP BY k) SELECT count(*) FROM q_few'); -- nobody reads it
SELECT same('WITH x AS (SELECT k, random() AS r FROM q_few) SELECT count(*) FROM x a, x b WHERE a.r = b.r');
RESET tqp.force;
-- readers that cost less apart: a few rows each of a table
SELECT tqp.explain('WITH x AS (SELECT id, k, t FROM q_all) SELECT a.t, b.t FROM x a, x b WHERE a.id = 3 AND b.id = a.k', 'optimised');
SELECT same('WITH x AS (SELECT id, k, t FROM q_all) SELECT a.t, b.t FROM x a, x b WHERE a.id = 3 AND b.id = a.k');
SELECT same('WITH x AS NOT MATERIALIZED (SELECT k, sum(i4) AS s FROM q_all GROUP BY k) SELECT count(*) FROM x a, x b WHERE a.s < b.s');

-- Orders that one of few suppliers was late with: the late rows of these suppliers are computed
-- once, and their orders restrict both of the lists that are built of all rows.
CREATE TABLE q_line WITH (autovacuum_enabled = off) AS
    SELECT i / 2 AS ok, i * 7 % 1000 AS sk, i % 3 = 0 AS late, CASE WHEN i % 101 = 0 THEN NULL ELSE i / 2 END AS nk
      FROM generate_series(1, 450000) i;
CREATE TABLE q_supp WITH (autovacuum_enabled = off) AS
    SELECT i AS sk, i % 40 AS nation, 'supplier ' || i AS name FROM generate_series(0, 999) i;
VACUUM ANALYZE q_line, q_supp;
SELECT rows_cached FROM tqp.load('q_line');
SELECT rows_cached FROM tqp.load('q_supp');
CREATE FUNCTION late_orders(key text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT s.name, count(*), min(a.%1$s) FROM q_supp s, q_line a
                    WHERE s.sk = a.sk AND a.late AND s.nation = 7
                      AND EXISTS (SELECT 1 FROM q_line b WHERE b.%1$s = a.%1$s AND b.sk <> a.sk)
                      AND NOT EXISTS (SELECT 1 FROM q_line c WHERE c.%1$s = a.%1$s AND c.sk <> a.sk AND c.late)
                    GROUP BY s.name', key) $$;
SELECT tqp.explain(late_orders('ok'), 'optimised');
SELECT same(late_orders('ok'));
SELECT same(late_orders('nk'));
SET tqp.threads = 1;
SELECT same(late_orders('ok'));
RESET tqp.threads;
SET tqp.disabled_passes = 'group_restriction';
SELECT same(late_orders('ok'));
RESET tqp.disabled_passes;
-- groups that the joined left side asks for
SELECT count(*) AS readers FROM regexp_matches(tqp.explain('SELECT s.name, a.ok FROM q_supp s, q_line a WHERE s.sk = a.sk AND s.nation = 7 AND a.sk > (SELECT max(b.sk) FROM q_line b WHERE b.ok = a.ok AND b.late)', 'optimised'), 'shared 0', 'g');
SELECT same('SELECT s.name, count(*), sum(m) FROM q_supp s JOIN q_line a ON s.sk = a.sk JOIN (SELECT ok, max(sk) AS m FROM q_line WHERE late GROUP BY ok) b ON b.ok = a.ok WHERE s.nation = 7 AND a.sk > m GROUP BY s.name');
SELECT same('SELECT s.name, count(*), sum(m) FROM (q_supp s JOIN q_line a ON s.sk = a.sk AND s.nation = 7) LEFT JOIN (SELECT ok, max(sk) AS m FROM q_line WHERE late GROUP BY ok) b ON b.ok = a.ok GROUP BY s.name');
-- the result is held within the memory limit, else PostgreSQL runs the query
SET tqp.memory_limit = '1MB';
SELECT same(late_orders('ok'));
RESET tqp.memory_limit;
DROP TABLE q_line, q_supp;
DROP FUNCTION late_orders;

-- only keys of relations that go late: no rows are no group
CREATE TABLE q_group AS SELECT i % 1000 AS k, i AS m FROM generate_series(1, 20000) i;
CREATE TABLE q_key AS SELECT i AS id, i * 3 AS k, i % 5 AS p FROM generate_series(1, 30) i;
CREATE TABLE q_name (id int PRIMARY KEY, name text);
INSERT INTO q_name SELECT i, 'n' || i FROM generate_series(0, 999) i;
ANALYZE q_group, q_key, q_name;
SELECT same('SELECT s.x, s.y, sum(g.m) FROM q_group g JOIN q_name n ON n.id = g.k, (SELECT max(id) AS x, min(p) AS y FROM q_key) s WHERE g.m % 1000 = g.k + 1 GROUP BY s.x, s.y');
SELECT same('SELECT s.x, s.y, sum(g.m) FROM q_group g JOIN q_name n ON n.id = g.k, (SELECT max(id) AS x, min(p) AS y FROM q_key) s WHERE g.m % 1000 = g.k GROUP BY s.x, s.y');
-- each reference to what reads a row around it is a copy: a chain of them is not lowered without end
SELECT same(format('SELECT l.id, (WITH c0 AS MATERIALIZED (SELECT n.id FROM q_name n WHERE n.id = l.k)%s SELECT count(*) FROM c%s) FROM q_key l',
                   string_agg(format(', c%s AS MATERIALIZED (SELECT a.id FROM c%s a JOIN c%s b ON a.id = b.id)', i, i - 1, i - 1), '' ORDER BY i), max(i)))
  FROM generate_series(1, 8) i;
-- groups that find no match are computed where one may raise (semantics.sql), which an average does not
SELECT same('SELECT l.id, x.s FROM q_key l JOIN (SELECT k, avg(m) AS s FROM q_group GROUP BY k HAVING avg(m) > 9000) x ON x.k = l.k WHERE l.p = 1');
SELECT tqp.explain('SELECT l.id, x.s FROM q_key l JOIN (SELECT k, avg(m) AS s FROM q_group GROUP BY k HAVING avg(m) > 9000) x ON x.k = l.k WHERE l.p = 1', 'optimised');
DROP TABLE q_group, q_key, q_name;
