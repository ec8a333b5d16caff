-- Set operations; q_few is made by query_joins.
SELECT same('SELECT k FROM q_one UNION SELECT k FROM q_all');
SELECT same('SELECT k, t FROM q_all WHERE id < 50 UNION ALL SELECT id, name FROM q_few');
SELECT same('SELECT k FROM q_few UNION SELECT id FROM q_few WHERE id < 20 ORDER BY 1 DESC LIMIT 7');
SELECT same('SELECT k FROM q_few INTERSECT SELECT k FROM q_all WHERE k > 3');
SELECT same('SELECT k FROM q_few EXCEPT SELECT k FROM q_all WHERE k > 3');
SELECT same('SELECT k, id FROM q_few EXCEPT SELECT k, id FROM q_all WHERE k IS NOT NULL ORDER BY 2');
SELECT same('SELECT k FROM q_few INTERSECT ALL SELECT k FROM q_all');
SELECT same('SELECT k FROM q_few EXCEPT ALL SELECT k FROM q_all');
SELECT same('(SELECT k FROM q_few UNION ALL SELECT k FROM q_one) EXCEPT (SELECT 3 UNION SELECT 4)');
SELECT same('SELECT amount FROM q_few UNION ALL SELECT n FROM q_all WHERE id < 40');
SELECT same('SELECT amount FROM q_few UNION SELECT 3 UNION SELECT 4.5');
SELECT same('SELECT sum(x), max(x) FROM (SELECT amount AS x FROM q_few UNION ALL SELECT n FROM q_all WHERE id < 40) s');
SELECT same('SELECT k, count(*) FROM (SELECT k FROM q_few UNION ALL SELECT k FROM q_all) x GROUP BY k ORDER BY k');
SELECT same('SELECT count(*) FROM q_few f WHERE f.k IN (SELECT k FROM q_one UNION SELECT i2 FROM q_all WHERE i2 > 0)');
SELECT same('SELECT f.id, (SELECT max(x) FROM (SELECT f.k AS x UNION ALL SELECT g.id FROM q_few g WHERE g.k = f.k) u) FROM q_few f');
SELECT same('SELECT name FROM q_few UNION SELECT t FROM q_all UNION SELECT NULL ORDER BY 1 NULLS FIRST');
SELECT same('SELECT c FROM q_all UNION SELECT ''x''::char(3)');
SELECT same('WITH x AS (SELECT k FROM q_few UNION SELECT id FROM q_one) SELECT a.k FROM x a JOIN x b USING (k)');
SELECT tqp.explain('SELECT k FROM q_few INTERSECT SELECT id FROM q_all', 'lowered');
SELECT same('SELECT id FROM q_few UNION SELECT f4 FROM q_all UNION ALL SELECT i8 FROM q_one');
SELECT same('SELECT d FROM q_all UNION SELECT ts FROM q_all UNION SELECT tz FROM q_one');

-- Grouping sets
SELECT same('SELECT k, count(*) FROM q_all GROUP BY ROLLUP (k)');
SELECT same('SELECT k, b, sum(n), avg(i4), grouping(k, b), grouping(b) FROM q_all GROUP BY CUBE (k, b) ORDER BY 5, 1, 2');
SELECT same('SELECT k + 1, b, count(*) FROM q_all GROUP BY GROUPING SETS ((k + 1), (b), (b, k + 1), ()) HAVING count(*) > 100');
SELECT same('SELECT b FROM q_all GROUP BY ROLLUP (b)');
SELECT same('SELECT n0, coalesce(n0, -1), sum(n0) FROM q_all WHERE id < 100 GROUP BY GROUPING SETS (n0, ())');
SELECT same('SELECT name, k, sum(amount) FROM q_few GROUP BY ROLLUP (name, k) ORDER BY name, k, 3 LIMIT 9');
SELECT same('SELECT DISTINCT b FROM q_all GROUP BY GROUPING SETS (k, b)');
SELECT same('SELECT x.k, x.s FROM (SELECT k, sum(i4) AS s FROM q_all GROUP BY CUBE (k)) x WHERE x.k IS NULL');
-- ALL: each row as often as it comes on the sides, NULLs and scales included
SELECT same('SELECT k, b FROM q_all INTERSECT ALL SELECT k, b FROM q_all WHERE id % 3 = 0');
SELECT same('SELECT t, f8 FROM q_all EXCEPT ALL SELECT t, f8 FROM q_all WHERE id % 2 = 0 ORDER BY 1, 2');
SELECT same('SELECT k FROM q_all EXCEPT ALL (SELECT k FROM q_few INTERSECT ALL SELECT k FROM q_all)');
SELECT same('SELECT x, count(*) FROM (SELECT amount AS x FROM q_few EXCEPT ALL SELECT n FROM q_all) s GROUP BY x');
SELECT same('SELECT v.x FROM (VALUES (1), (1), (1), (NULL), (NULL)) v(x), q_one WHERE id = 1 EXCEPT ALL SELECT w.x FROM (VALUES (1), (NULL)) w(x)');
SELECT same('SELECT v.x FROM (VALUES (1), (1), (NULL), (NULL), (2)) v(x), q_one INTERSECT ALL SELECT w.x FROM (VALUES (1), (1), (1), (NULL), (3)) w(x)');
SELECT same('SELECT k FROM q_empty INTERSECT ALL SELECT k FROM q_all');

-- Equality that is not that of the bytes: 1 month is 30 days
CREATE TABLE q_spans AS SELECT i AS id, (ARRAY['1 mon','30 days','720 hours'])[i % 3 + 1]::interval AS span
  FROM generate_series(1, 30) i;
VACUUM ANALYZE q_spans;
SELECT same('SELECT span = interval ''1 mon'' FROM (SELECT span FROM q_spans UNION SELECT span FROM q_spans) x');
SELECT same('SELECT count(*) FROM (SELECT span FROM q_spans WHERE id % 3 = 0 EXCEPT SELECT span FROM q_spans WHERE id % 3 = 1) x');
SELECT same('SELECT count(*) FROM (SELECT span FROM q_spans WHERE id % 3 = 0 INTERSECT SELECT span FROM q_spans WHERE id % 3 = 1) x');
SELECT same('SELECT count(*) FROM (SELECT DISTINCT span FROM q_spans) x');
DROP TABLE q_spans;
