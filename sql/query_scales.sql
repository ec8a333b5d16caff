-- Numeric alternatives of different display scales: the result shows the scale that PostgreSQL shows.
SELECT same('SELECT k, sum(CASE WHEN b THEN n ELSE 0 END) FROM q_all GROUP BY k');
SELECT same('SELECT sum(CASE WHEN k > 100 THEN n ELSE 0 END), sum(CASE WHEN k > 100 THEN n * n ELSE n0 END), sum(CASE WHEN b THEN n * (1 - n) ELSE 0 END) FROM q_all');
SELECT same('SELECT t, avg(CASE WHEN b THEN n WHEN k = 3 THEN nw ELSE 0 END), sum(coalesce(n, 0)), sum(coalesce(n, nw, 0) * 1.5), avg(greatest(n, 1.5, n0)), sum(least(n, nw, 0.000)) FROM q_all GROUP BY t');
SELECT same('SELECT k, min(CASE WHEN b THEN n ELSE 0 END), max(CASE WHEN b THEN n ELSE nw END), max(-coalesce(nw, n)), min(-coalesce(nw, n0)) FROM q_all GROUP BY k');
SELECT same('SELECT CASE WHEN b THEN n0 ELSE 0.00 END, count(*), sum(n) FROM q_all GROUP BY 1');
SELECT same('SELECT k, 100.00 * sum(CASE WHEN t LIKE ''a%'' THEN n * (1 - n0) ELSE 0 END) / nullif(sum(n * (1 - n0)), 0) FROM q_all GROUP BY k');
SELECT same('SELECT k, sum(coalesce(n, 0)) + 1, -sum(coalesce(n, 0)) FROM q_all GROUP BY k HAVING sum(coalesce(n, 0)) < 5.001 ORDER BY sum(coalesce(n, 0)) DESC, k LIMIT 5');
SELECT same('SELECT sum(CASE WHEN b THEN n ELSE 0 END) FILTER (WHERE k = 1), sum(DISTINCT CASE WHEN b THEN n ELSE 0 END), count(DISTINCT CASE WHEN b THEN n ELSE 0 END), avg(coalesce(n,0)) FILTER (WHERE k > 50) FROM q_all');
SELECT same('SELECT sum(coalesce(n, 0)), avg(coalesce(n, 0)), min(coalesce(n, 0)) FROM q_empty');
SELECT same('SELECT sum(nullif(coalesce(n, 0), 5)), sum(abs(-coalesce(n, 0))), sum(coalesce(n, 0) % 7) FROM q_all');
SELECT same('SELECT id FROM q_all ORDER BY CASE WHEN b THEN n ELSE 0 END, id');
SELECT same('SELECT DISTINCT CASE WHEN b THEN n ELSE 0 END FROM q_all');
-- a tie of GREATEST and LEAST shows the scale of the first
SELECT same('SELECT k, sum(greatest(n0, n0 + 0.000)), sum(least(n0 + 0.0, n0)), max(greatest(nw, n0)) FROM q_all GROUP BY k');
-- a scale that no row has shown, and a group without a value
SELECT same('SELECT k, sum(CASE WHEN k = 1 THEN n0 WHEN k = 2 THEN n WHEN k = 3 THEN NULL ELSE nw * 0 END) FROM q_all GROUP BY k');
-- the values themselves
SELECT sum(CASE WHEN k = 1 THEN n ELSE 0 END) FILTER (WHERE k <> 1) AS zero, avg(CASE WHEN k = 1 THEN 1.50 ELSE 1 END) FILTER (WHERE k = 1) AS average,
       min(CASE WHEN k = 1 THEN 1.50 ELSE 2 END) AS least, max(CASE WHEN k = 1 THEN 1.50 ELSE 2 END) AS greatest FROM q_all;
