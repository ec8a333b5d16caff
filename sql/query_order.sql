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
-- left to PostgreSQL
SELECT same('SELECT k FROM q_all ORDER BY k FETCH FIRST 3 ROWS WITH TIES');
SELECT same('SELECT DISTINCT ON (k) k, id FROM q_all ORDER BY k, id');
