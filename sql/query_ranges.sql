-- Joins on inequalities: the build is sorted and a probe finds the stretch between its bounds.
SET tqp.threads = 2;
CREATE TABLE r_a AS
SELECT i AS id, i % 7 AS k,
       CASE WHEN i % 11 = 0 THEN NULL ELSE i * 37 % 1009 - 500 END AS v,
       CASE WHEN i % 13 = 0 THEN NULL ELSE i::int8 * 1000003 % 65537 * 1000000007 END AS w,
       CASE WHEN i % 17 = 0 THEN NULL WHEN i % 19 = 0 THEN 'NaN' WHEN i % 23 = 0 THEN '-0' WHEN i % 29 = 0
            THEN 'Infinity' WHEN i % 31 = 0 THEN '-Infinity' ELSE (i * 31 % 500)::float8 / 8 - 20 END AS f,
       (i * 31 % 500)::float4 / 8 - 20 AS f4,
       CASE WHEN i % 5 = 0 THEN NULL ELSE (i * 7 % 1000)::numeric(12,2) / 10 END::numeric(12,2) AS n,
       date '2000-01-01' + i * 13 % 300 AS d,
       timestamp '2000-01-01' + i * 7919 % 5003 * interval '1 minute' AS ts
  FROM generate_series(1, 400) i;
CREATE TABLE r_b AS
SELECT id, id % 5 AS k, v + id % 3 AS v, w - id AS w, f, f4 + 1 AS f4, (n + 0.05)::numeric(12,2) AS n, d + id % 2 AS d,
       ts - interval '5 minutes' AS ts, ts + id % 50 * interval '10 minutes' AS until, v + id % 40 - 5 AS top
  FROM r_a WHERE id % 2 = 0 OR id < 100;
CREATE TABLE r_none AS SELECT * FROM r_b WHERE false;
CREATE TABLE r_nulls AS SELECT id, k, NULL::int AS v FROM r_b;
CREATE TABLE r_ends AS
SELECT x, i AS id FROM generate_series(1, 30) i,
       unnest('{-9223372036854775808,-9223372036854775807,0,9223372036854775806,9223372036854775807}'::int8[]) x;
VACUUM ANALYZE r_a, r_b, r_none, r_nulls, r_ends;

-- one bound, either way round
SELECT same('SELECT count(*), sum(a.id * b.id) FROM r_a a JOIN r_b b ON a.v < b.v');
SELECT same('SELECT count(*), sum(a.id * b.id) FROM r_a a JOIN r_b b ON b.v <= a.v AND a.id <> b.id');
SELECT same('SELECT a.id, b.id FROM r_a a, r_b b WHERE a.w >= b.w AND a.id + b.id < 90');
SELECT same('SELECT count(*), sum(a.id * b.id) FROM r_a a JOIN r_b b ON a.f > b.f');
SELECT same('SELECT count(*), sum(a.id * b.id) FROM r_a a JOIN r_b b ON a.f <= b.f');
-- intervals: of one column, with arithmetic on either side, with lo > hi
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.v BETWEEN a.v AND a.v + 3');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON a.v < b.v AND a.v > b.v - 10');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON a.v BETWEEN b.v - 2 AND b.v + 2');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.v BETWEEN a.v AND a.v - 1');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.v > a.v AND b.v < a.id');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.f BETWEEN a.f AND a.f + 0.25');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.f4 >= a.f4 AND b.f4 < a.f4 + 0.5');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.n BETWEEN a.n - 0.05 AND a.n + 0.1');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.d BETWEEN a.d - 1 AND a.d');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON b.ts > a.ts AND b.ts <= a.ts + interval ''20 minutes''');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON a.ts > b.ts - interval ''20 minutes'' AND a.ts <= b.ts');
-- a value within intervals of the build, overlapping intervals
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON a.ts BETWEEN b.ts AND b.until');
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON a.v BETWEEN b.v AND b.top');
SELECT same('SELECT count(*) FROM r_b a JOIN r_b b ON a.ts <= b.until AND a.until >= b.ts AND a.id <> b.id');
SELECT same('SELECT id FROM r_a a WHERE EXISTS (SELECT FROM r_b b WHERE a.v BETWEEN b.v AND b.top)');
SELECT same('SELECT id FROM r_a a WHERE NOT EXISTS (SELECT FROM r_b b WHERE a.v BETWEEN b.v AND b.top)');
SELECT same('SELECT id FROM r_a a WHERE NOT EXISTS (SELECT FROM r_b b WHERE a.ts BETWEEN b.ts AND b.until AND a.id <> b.id)');
SELECT same('SELECT id, EXISTS (SELECT FROM r_b b WHERE b.v <= a.v AND b.top > a.v) FROM r_a a');
-- with equal keys
SELECT same('SELECT a.id, b.id FROM r_a a JOIN r_b b ON a.k = b.k AND b.v BETWEEN a.v - 20 AND a.v');
SELECT same('SELECT a.id, b.id FROM r_a a LEFT JOIN r_b b ON a.k = b.k AND b.f > a.f');
SELECT same('SELECT id FROM r_a a WHERE EXISTS (SELECT FROM r_b b WHERE a.k = b.k AND a.v BETWEEN b.v AND b.top)');
SELECT same('SELECT id FROM r_a a WHERE NOT EXISTS (SELECT FROM r_b b WHERE a.k = b.k AND b.w < a.w)');
-- outer joins, rows without a match, empty sides, nothing but NULLs
SELECT same('SELECT a.id, b.id FROM r_a a LEFT JOIN r_b b ON b.v BETWEEN a.v AND a.v + 1');
SELECT same('SELECT a.id, b.id FROM r_a a LEFT JOIN r_b b ON a.ts BETWEEN b.ts AND b.until');
SELECT same('SELECT a.id, b.id FROM r_b b RIGHT JOIN r_a a ON b.v > a.v + 480');
SELECT same('SELECT a.id, b.id FROM r_a a LEFT JOIN r_none b ON b.v > a.v');
SELECT same('SELECT a.id, b.id FROM r_none a LEFT JOIN r_b b ON b.v > a.v');
SELECT same('SELECT a.id, b.id FROM r_a a LEFT JOIN r_nulls b ON b.v > a.v');
SELECT same('SELECT count(*) FROM r_a a WHERE NOT EXISTS (SELECT FROM r_nulls b WHERE b.v > a.v)');
-- ANY and ALL, where NULL counts
SELECT same('SELECT id, v > ANY (SELECT v FROM r_b) FROM r_a');
SELECT same('SELECT id, v >= ALL (SELECT v FROM r_b) FROM r_a');
SELECT same('SELECT id, v >= ALL (SELECT v FROM r_b WHERE v IS NOT NULL) FROM r_a');
SELECT same('SELECT id, f < ALL (SELECT f FROM r_b WHERE f > 0) FROM r_a');
SELECT same('SELECT id, v < ANY (SELECT v FROM r_none) FROM r_a');
SELECT same('SELECT id, v < ANY (SELECT v FROM r_nulls) FROM r_a');
SELECT same('SELECT id FROM r_a a WHERE v > ALL (SELECT v FROM r_b b WHERE b.k = a.k)');
-- the ends of int8
SELECT same('SELECT a.x, count(*) FROM r_ends a JOIN r_ends b ON a.x < b.x GROUP BY a.x ORDER BY 1');
SELECT same('SELECT a.x, count(*) FROM r_ends a JOIN r_ends b ON a.x >= b.x GROUP BY a.x ORDER BY 1');
SELECT same('SELECT a.x, count(*) FROM r_ends a JOIN r_ends b ON b.x > a.x AND b.x <= a.id GROUP BY a.x ORDER BY 1');
-- a scalar subquery may find one row, not two
SELECT same('SELECT id, (SELECT b.id FROM r_b b WHERE b.w = a.w - a.id AND b.v > a.v + 1) FROM r_a a');
SELECT same('SELECT id, (SELECT b.id FROM r_b b WHERE b.v > a.v) FROM r_a a');
-- errors: what stands before a bound that raises is still asked first, and it raises as before
SELECT same('SELECT count(*) FROM r_a a JOIN r_b b ON b.v > a.v AND 100 / (b.v - a.v) > 2');
SELECT same('SELECT count(*) FROM r_a a JOIN r_b b ON 100 / (b.id - a.id) > 2 AND b.v > a.v');
SELECT same('SELECT count(*) FROM r_ends a JOIN r_ends b ON b.x > a.x + 1');
SELECT same('SELECT count(*) FROM r_ends a JOIN r_ends b ON b.x - 1 > a.x');
SELECT same('SELECT count(*) FROM r_ends a JOIN r_ends b ON b.x + 1 > a.id AND b.x < 5 AND b.x > -5');

-- which map is built and how it is probed: small builds stay nested, and so do keys with few rows
CREATE FUNCTION probes(query text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT trim(regexp_replace(regexp_replace(line, '\(r\d+ [^)]*\)', '(...)', 'g'), ' r\d+.* =| live.*', '', 'g'))
      FROM regexp_split_to_table(tqp.explain(query, 'program'), '\n') line WHERE line ~ ' map '
$$;
SET tqp.force = on;
SELECT probes('SELECT count(*) FROM r_a a JOIN r_b b ON a.v < b.v AND a.v > b.v - 10');
SELECT probes('SELECT count(*) FROM r_a a WHERE NOT EXISTS (SELECT FROM r_b b WHERE a.ts BETWEEN b.ts AND b.until)');
SELECT probes('SELECT count(*) FROM r_a a JOIN r_b b ON a.ts BETWEEN b.ts AND b.until');
SELECT probes('SELECT count(*) FROM r_a a JOIN r_b b ON a.k = b.k AND b.f > a.f');
SELECT probes('SELECT count(*) FROM r_a a JOIN r_b b ON a.ts = b.ts AND b.f > a.f');
SELECT probes('SELECT count(*) FROM r_a a JOIN (SELECT * FROM r_b LIMIT 40) b ON a.v < b.v');
SELECT probes('SELECT count(*) FROM r_a a JOIN r_b b ON 100 / (b.id - a.id) > 2 AND b.v > a.v');
RESET tqp.force;
DROP FUNCTION probes;
DROP TABLE r_a, r_b, r_none, r_nulls, r_ends;
RESET tqp.threads;
