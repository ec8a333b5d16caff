-- GROUP BY, HAVING, DISTINCT, FILTER; avg and other finishing by PostgreSQL's own functions.
SELECT same('SELECT count(*) FROM q_all');
SELECT same('SELECT count(*), count(id), count(b), count(i2), sum(i2), sum(i4), sum(i8), sum(n), sum(n0), sum(nw) FROM q_all');
SELECT same('SELECT avg(i2), avg(i4), avg(i8), avg(n), avg(n0), avg(nw), avg(f4), avg(f8), sum(f4), sum(f8) FROM q_all');
SELECT same('SELECT min(i2), max(i2), min(i4), max(i8), min(f4), max(f8), min(n), max(nw), min(d), max(d), min(ti), max(ts), min(tz) FROM q_all');
SELECT same('SELECT min(t), max(t), min(v), max(v), min(c), max(c), min(tc), max(tc) FROM q_all');
SELECT same('SELECT bool_and(b), bool_or(b), every(b), bool_and(k >= 0) FROM q_all');
SELECT same('SELECT count(*), sum(i4), avg(n), min(d), bool_and(b) FROM q_empty');
SELECT same('SELECT sum(i4), avg(n), max(c), min(t) FROM q_one');
SELECT same('SELECT k, sum(i4) FROM q_empty GROUP BY k');

SELECT same('SELECT k, avg(i2), avg(n), count(DISTINCT t), sum(DISTINCT i2), avg(DISTINCT n0) FROM q_all GROUP BY k ORDER BY k');
SELECT same('SELECT t, c, count(*) FROM q_all GROUP BY t, c');
SELECT same('SELECT t, b, k, d, count(*), sum(n) FROM q_all GROUP BY t, b, k, d');
SELECT same('SELECT f8, count(*) FROM q_all GROUP BY f8');
SELECT same('SELECT id, sum(i4) FROM q_all GROUP BY id');
SELECT same('SELECT nw, count(*), max(t) FROM q_all GROUP BY nw');
SELECT same('SELECT extract(year FROM d) AS y, extract(month FROM ts) AS m, count(*) FROM q_all GROUP BY 1, 2');
SELECT same('SELECT CASE WHEN i4 > 0 THEN ''pos'' ELSE ''other'' END AS sign, count(*) FROM q_all GROUP BY 1');
SELECT same('SELECT k + 1, k * 2 + 1, count(*) FROM q_all GROUP BY k, k + 1');
SELECT same('SELECT v, count(*) FILTER (WHERE b), sum(n) FILTER (WHERE i4 > 0), avg(i2) FILTER (WHERE k = 3) FROM q_all GROUP BY v HAVING count(*) > 40');
SELECT same('SELECT k FROM q_all GROUP BY k HAVING k > 5 AND sum(i4) IS NOT NULL');
SELECT same('SELECT count(*) FROM q_all HAVING count(*) > 10000');
SELECT same('SELECT 1 FROM q_all HAVING true');
SELECT same('SELECT k, sum(n) / count(*) AS r, avg(n) * 2, round(avg(i4), 2), max(t) || ''!'', coalesce(sum(i4), 0) FROM q_all GROUP BY k HAVING avg(n) > 190');
SELECT same('SELECT DISTINCT t, b FROM q_all');
SELECT same('SELECT DISTINCT k % 3 FROM q_all');
SELECT same('SELECT DISTINCT sum(k) FROM q_all GROUP BY k');
SELECT same('SELECT count(DISTINCT d), count(DISTINCT n), count(DISTINCT c), count(DISTINCT f8), count(DISTINCT b), count(DISTINCT tc) FROM q_all');
SELECT same('SELECT sum(n * (1 - n0)), sum(n * (1 - n0) * (1 + n)), sum(i4::int8 * k), sum(CASE WHEN b THEN 1 ELSE 0 END) FROM q_all');

-- left to PostgreSQL, with the reason
SELECT same('SELECT sum(u) FROM q_all');
SELECT same('SELECT upper(t), count(*) FROM q_all GROUP BY 1');
SELECT same('SELECT string_agg(t, '','' ORDER BY id) FROM q_all');
SELECT same('SELECT bit_and(i4) FROM q_all');
SELECT same('SELECT count(*) FROM (SELECT k FROM q_all) x');
SELECT same('WITH x AS MATERIALIZED (SELECT k FROM q_all) SELECT count(*) FROM x');
SELECT same('SELECT count(*) FROM q_all TABLESAMPLE BERNOULLI (100)');
SELECT same('SELECT max(row_number) FROM (SELECT row_number() OVER (ORDER BY id) FROM q_all) x');
SELECT same('SELECT count(*) FROM q_all WHERE t ~ ''^a''');
SELECT same('SELECT max(ctid::text) IS NOT NULL FROM q_all');
