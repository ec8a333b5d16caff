-- ORDER BY and LIMIT, by the engine and by the tail.
SELECT same('SELECT id, i4 FROM q_all ORDER BY i4, id');
SELECT same('SELECT id, i4 FROM q_all ORDER BY i4 DESC, id');
SELECT same('SELECT id, i4 FROM q_all ORDER BY i4 NULLS FIRST, id DESC LIMIT 400');
SELECT same('SELECT id, i4 FROM q_all ORDER BY i4 DESC NULLS LAST, id LIMIT 17 OFFSET 3');
SELECT same('SELECT id, n FROM q_all ORDER BY n, t, id LIMIT 100');
SELECT same('SELECT id FROM q_all ORDER BY t, c DESC, tc, v, id');
SELECT same('SELECT id FROM q_all ORDER BY nw DESC, f8, d, ts DESC, tz, ti, b DESC, id');
SELECT same('SELECT id FROM q_all ORDER BY i4 + k, id LIMIT 10');
SELECT same('SELECT t FROM q_all WHERE k = 3 ORDER BY id LIMIT 10 OFFSET 490');
SELECT same('SELECT id FROM q_all ORDER BY id LIMIT 0');
SELECT same('SELECT id FROM q_all ORDER BY id LIMIT NULL OFFSET 4990');
SELECT same('SELECT id FROM q_all ORDER BY id OFFSET 6000');
SELECT same('SELECT id FROM q_all ORDER BY id FETCH FIRST ROW ONLY');
SELECT same('SELECT DISTINCT t, b FROM q_all ORDER BY t, b');
SELECT same('SELECT DISTINCT k FROM q_all ORDER BY k DESC LIMIT 3');
SELECT same('SELECT t, c, count(*) FROM q_all GROUP BY t, c ORDER BY t NULLS FIRST, c DESC');
SELECT same('SELECT v, sum(n) FROM q_all GROUP BY v ORDER BY count(*) DESC, 2 LIMIT 7');
SELECT same('SELECT f8, count(*) FROM q_all GROUP BY f8 ORDER BY f8 NULLS FIRST LIMIT 20');
SELECT same('SELECT t COLLATE "C" AS tt, count(*) FROM q_all GROUP BY 1 ORDER BY 1');
-- the tail sorts, filters, limits
SELECT same('SELECT k, avg(n) AS a FROM q_all GROUP BY k ORDER BY a LIMIT 3');
SELECT same('SELECT k, count(*) FROM q_all GROUP BY k ORDER BY avg(i4) DESC, k OFFSET 2 LIMIT 5');
SELECT same('SELECT k FROM q_all GROUP BY k HAVING avg(i4) < 0 ORDER BY k LIMIT 3');
SELECT same('SELECT id, n / 3 AS x FROM q_all WHERE id < 1000 ORDER BY n / 3, id LIMIT 5');
SELECT same('SELECT id, upper(t) FROM q_all ORDER BY id DESC LIMIT 5');
SELECT same('SELECT id FROM q_all ORDER BY upper(t) COLLATE "C" DESC NULLS LAST, id LIMIT 25');
-- ties
SELECT same('SELECT k FROM q_all ORDER BY k FETCH FIRST 3 ROWS WITH TIES');
SELECT same('SELECT DISTINCT ON (k) k, id FROM q_all ORDER BY k, id');

-- Numbers of rows: DISTINCT ON, WITH TIES, LIMIT of a correlated subquery (duplicates in ORDER BY are told apart)
SELECT same('SELECT DISTINCT ON (k) k, id, t FROM q_all ORDER BY k, i4 DESC NULLS LAST, id');
SELECT same('SELECT DISTINCT ON (t COLLATE "C", b) t, b, id FROM q_all ORDER BY t COLLATE "C" DESC, b, id DESC LIMIT 7 OFFSET 2');
SELECT same('SELECT DISTINCT ON (k) id + 1 AS x FROM q_all WHERE id < 500 ORDER BY k DESC, d NULLS FIRST, id');
SELECT same('SELECT DISTINCT ON (f8) f8, min(id) FROM q_all GROUP BY f8, k % 2 ORDER BY f8, 2');
SELECT same('SELECT count(*), sum(x.id) FROM (SELECT DISTINCT ON (v, c) v, c, id FROM q_all ORDER BY v, c, id) x');
SELECT same('SELECT x.id, y.id FROM (SELECT DISTINCT ON (k) k, id FROM q_all ORDER BY k, id) x JOIN (SELECT DISTINCT ON (k) k, id FROM q_all ORDER BY k, id DESC) y USING (k)');
SELECT same('SELECT DISTINCT ON (x.k) x.s, x.k FROM (SELECT k, CASE WHEN b THEN n ELSE 0 END AS s FROM q_all) x ORDER BY x.k, x.s');
SELECT same('SELECT DISTINCT ON (1) 1 AS one, max(id) FROM q_all');
SELECT same('SELECT DISTINCT ON (id) id FROM q_empty');
SELECT same('SELECT count(*), sum(x.k) FROM (SELECT k, count(*) FROM q_all GROUP BY k ORDER BY count(*) FETCH FIRST 3 ROWS WITH TIES) x');
SELECT same('SELECT count(*), sum(x.id), sum(x.i4) FROM (SELECT id, i4 FROM q_all WHERE id < 200 ORDER BY b, i4 > 0 FETCH FIRST 1 ROW WITH TIES) x');
SELECT same('SELECT f4, k FROM q_all ORDER BY f4, k FETCH FIRST 2 ROWS WITH TIES');
SELECT same('SELECT b, count(*) FROM (SELECT b, k FROM q_all ORDER BY k DESC, b NULLS FIRST OFFSET 3 FETCH FIRST 30 ROWS WITH TIES) x GROUP BY b');
SELECT same('SELECT k FROM q_all ORDER BY k OFFSET 5 FETCH FIRST 0 ROWS WITH TIES');
SELECT same('SELECT n FROM q_all ORDER BY n DESC FETCH FIRST 100000 ROWS WITH TIES');
SELECT same('SELECT f.id, l.id FROM q_few f, LATERAL (SELECT a.id FROM q_all a WHERE a.k = f.k ORDER BY a.id DESC LIMIT 3 OFFSET 1) l ORDER BY 1, 2');
SELECT same('SELECT f.id, (SELECT a.id FROM q_all a WHERE a.k = f.k AND a.id > f.id ORDER BY a.i4, a.id LIMIT 1) FROM q_few f ORDER BY 1');
SELECT same('SELECT f.id, (SELECT a.t FROM q_all a WHERE a.id > f.id ORDER BY a.id LIMIT 1) FROM q_few f ORDER BY 1');
SELECT same('SELECT count(*) FROM q_few f WHERE f.id IN (SELECT g.k FROM q_few g WHERE g.name = f.name ORDER BY g.id LIMIT 3)');
SELECT same('SELECT f.id, l.x FROM q_few f, LATERAL (SELECT DISTINCT ON (a.b) a.id AS x FROM q_all a WHERE a.k = f.k ORDER BY a.b, a.id) l ORDER BY 1, 2');
SELECT tqp.explain('SELECT DISTINCT ON (k) k, id FROM q_all ORDER BY k, i4 DESC', 'lowered');
SELECT tqp.explain('SELECT k FROM q_few EXCEPT ALL SELECT k FROM q_all', 'lowered');

-- order and limit by PostgreSQL over the engine's rows: the sort keeps no more of them than are wanted
SELECT same('SELECT id, upper(t) FROM q_all ORDER BY sqrt(k), upper(t) DESC NULLS FIRST, id LIMIT 7');
SELECT same('SELECT id, upper(t) FROM q_all ORDER BY sqrt(k), upper(t), id OFFSET 20 LIMIT 7');
SELECT same('SELECT id FROM q_all ORDER BY sqrt(k), id LIMIT 0');
SELECT same('SELECT id FROM q_all WHERE id < 9 ORDER BY sqrt(k), id OFFSET 3 LIMIT 9223372036854775807');
SELECT same('SELECT id FROM q_all WHERE id < 9 ORDER BY sqrt(k), id LIMIT 3 OFFSET 9223372036854775807');
