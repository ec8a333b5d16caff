-- Variances, standard deviations, covariances and regressions, against PostgreSQL's own.
SET extra_float_digits = -2; -- sums of floats may come in another order

-- integers and numerics: exact, with PostgreSQL's digits
SELECT same('SELECT stddev(i2), stddev_samp(i2), stddev_pop(i2), variance(i2), var_samp(i2), var_pop(i2) FROM q_all');
SELECT same('SELECT stddev(i4), stddev_samp(i4), stddev_pop(i4), variance(i4), var_samp(i4), var_pop(i4) FROM q_all');
SELECT same('SELECT stddev(i8), stddev_samp(i8), stddev_pop(i8), variance(i8), var_samp(i8), var_pop(i8) FROM q_all');
SELECT same('SELECT stddev(n), stddev_samp(n), stddev_pop(n), variance(n), var_samp(n), var_pop(n) FROM q_all');
SELECT same('SELECT stddev(n0), var_pop(n0), var_pop(nw - nw) FROM q_all');
SELECT same('SELECT stddev(nw) FROM q_all');
SELECT same('SELECT stddev(n / 8) FROM q_all');
SELECT same('SELECT k, stddev(i2), stddev_pop(n), variance(i8), var_pop(i4), stddev(n0), count(*) FROM q_all GROUP BY k ORDER BY k');
SELECT same('SELECT id % 3000 AS g, stddev(i2), stddev_pop(i2), variance(n), var_pop(n), stddev(i8), stddev(n), stddev_pop(n0) FROM q_all GROUP BY 1');
SELECT same('SELECT id % 700 AS g, stddev(i4), stddev(i4 / 10), stddev(i4 / 100), stddev(i4 / 1000), stddev_pop(i4 * 10::int8), stddev_pop(i4 * 1000::int8) FROM q_all GROUP BY 1');
-- roots of what was rounded, where sqrt() has more digits than the aggregates show
SELECT same('SELECT id / 2 AS g, stddev(i4), stddev(i8 % 20000), stddev(i8 % 300000), stddev(i8 % 1000000007), stddev_pop(n * 100), stddev_pop(n * 1000), stddev(n0 * n) FROM q_all GROUP BY 1');
-- scales that depend on the row
SELECT same('SELECT k, stddev(CASE WHEN b THEN n ELSE n0 END), var_pop(CASE WHEN b THEN n ELSE n * n END), stddev(CASE WHEN b THEN 1.500 ELSE 1.5 END) FROM q_all GROUP BY k');

-- floats: PostgreSQL's recurrence, in its order where one thread sees the rows
SELECT same('SELECT stddev(f8), stddev_samp(f8), stddev_pop(f8), variance(f8), var_samp(f8), var_pop(f8) FROM q_all');
SELECT same('SELECT stddev(f4), stddev_samp(f4), stddev_pop(f4), variance(f4), var_samp(f4), var_pop(f4) FROM q_all');
SELECT same('SELECT corr(f8, f4), covar_pop(f8, i4), covar_samp(f4, f8), regr_count(f8, f4), regr_sxx(f8, i2), regr_syy(f8, i2), regr_sxy(f8, i2), regr_avgx(f8, i2), regr_avgy(f8, i2), regr_r2(f8, i2), regr_slope(f8, i2), regr_intercept(f8, i2) FROM q_all');
SELECT same('SELECT k, t, stddev(f8), corr(f8, f4), regr_slope(f4, f8), regr_intercept(f8, i8), regr_count(f8, n) FROM q_all GROUP BY k, t');
SELECT same('SELECT id / 2 AS g, stddev(f8), var_pop(f4), corr(f8, f4), covar_samp(f8, i4), regr_r2(f4, f8), regr_avgx(i2, f8) FROM q_all GROUP BY 1');
SELECT same('SELECT k, sqrt(f8 + 100), |/ (f8 * f8), power(f8, 2) FROM q_all WHERE id < 300');
SELECT same('SELECT sqrt(f8) FROM q_all WHERE f8 >= 0 AND sqrt(f8) < 3');

-- where they stand
SELECT same('SELECT k, power(corr(f8, f4), 2) AS r2, stddev(i4) / nullif(avg(i4), 0), round(variance(n), 3) FROM q_all GROUP BY k HAVING stddev(f8) > 1 AND stddev(n) > 1 ORDER BY stddev(f8) DESC, k LIMIT 7');
SELECT same('SELECT k, stddev(i4) FILTER (WHERE b), variance(f8) FILTER (WHERE i2 > 0), corr(f8, f4) FILTER (WHERE n > 0), covar_pop(f8, f4) FILTER (WHERE false) FROM q_all GROUP BY k');
SELECT same('SELECT k, stddev(DISTINCT i2), variance(DISTINCT n), var_pop(DISTINCT f8), stddev_pop(DISTINCT f4), stddev(DISTINCT -abs(i2)), avg(DISTINCT f8) FROM q_all GROUP BY k');
SELECT same('SELECT stddev(DISTINCT k), stddev(DISTINCT i2 % 3), variance(DISTINCT f8) FILTER (WHERE b) FROM q_all');
SELECT same('SELECT k, corr(DISTINCT f8, f4) FROM q_all GROUP BY k');
SELECT same('SELECT k, b, stddev(f8), stddev(n), regr_slope(f8, f4) FROM q_all GROUP BY GROUPING SETS ((k), (b), ())');
SELECT same('SELECT max(s), min(c), count(*) FROM (SELECT k, stddev(f8) AS s, corr(f8, f4) AS c FROM q_all GROUP BY k) x WHERE s > 1');
SELECT same('SELECT q.k, q.id FROM q_all q JOIN (SELECT k, avg(f8) + stddev(f8) AS top FROM q_all GROUP BY k) x ON x.k = q.k AND q.f8 > top');
SELECT same('SELECT x.k, x.s, x.v FROM (SELECT k, stddev(i4) AS s, var_pop(n) AS v FROM q_all GROUP BY k) x JOIN q_one ON x.k >= q_one.k');
SELECT same('SELECT id FROM q_all a WHERE id % 40 = 0 AND f8 > (SELECT avg(f8) + 1.5 * stddev(f8) FROM q_all b WHERE b.k = a.k)');
SELECT same('SELECT id FROM q_all WHERE i4 > (SELECT 1.5 * stddev(i4) FROM q_all)');

-- no row, one row, NULLs, constants
SELECT same('SELECT stddev(i4), var_pop(n), stddev(f8), var_pop(f4), corr(f8, f4), regr_count(f8, f4), covar_samp(f8, f4), regr_r2(f8, f4), regr_sxx(f8, f4) FROM q_empty');
SELECT same('SELECT k, stddev(i4), corr(f8, f4) FROM q_empty GROUP BY k');
SELECT same('SELECT stddev(i4), stddev_pop(i4), variance(n), var_pop(n), stddev(f8), stddev_pop(f8), variance(f4), var_pop(f4), corr(f8, f4), regr_count(f8, f4), covar_samp(f8, f4), covar_pop(f8, f4), regr_r2(f8, f4), regr_sxx(f8, f4), regr_avgy(f8, f4) FROM q_one');
SELECT same('SELECT stddev(NULL::int4), var_pop(NULL::numeric), stddev(NULL::float8), corr(NULL, f8), corr(f8, NULL), regr_count(f8, NULL) FROM q_all');
SELECT same('SELECT k, stddev(k), stddev_pop(k * 1.50), var_pop(k::float8), stddev(k::float4), corr(k, f8), regr_r2(k, f8), regr_r2(f8, k), regr_slope(f8, k), regr_intercept(f8, k) FROM q_all GROUP BY k');
SELECT same('SELECT stddev(7), variance(1.50), stddev(2.5::float8), corr(1, 2) FROM q_all');

-- extremes
CREATE TABLE v_ext (id int, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(18,4));
INSERT INTO v_ext VALUES
    (1, -32768, -2147483648, -9223372036854775808, '-Infinity', '-Infinity', -99999999999999.9999),
    (2, 32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 99999999999999.9999),
    (3, 0, 0, 0, 'NaN', 'NaN', 0),
    (4, -1, -1, -1, '-0', '-0', -0.0001),
    (5, 1, 1, 1, 0, 0, 0.0001),
    (6, NULL, NULL, NULL, NULL, NULL, NULL),
    (7, 7, 7, 7, 1e-40, 5e-324, 1);
VACUUM v_ext;
SELECT same('SELECT f8 IS NULL, stddev(i2), stddev(i4), variance(i2), var_pop(i4) FROM v_ext GROUP BY 1');
SELECT same('SELECT stddev(f8), var_pop(f4), corr(f8, f4), regr_sxx(f8, f4), regr_avgx(f8, f4), regr_count(f8, f4) FROM v_ext');
SELECT same('SELECT id, stddev(f8), var_pop(f8), var_pop(f4), corr(f8, f4), regr_sxx(f8, f4), regr_syy(f8, f4), regr_sxy(f8, f4), regr_avgx(f8, f4), regr_avgy(f8, f4), avg(f8) FROM v_ext GROUP BY id');
SELECT same('SELECT id / 2, stddev(f8), var_pop(f8), covar_pop(f8, f4), regr_sxx(f8, f4), regr_avgx(f8, f4) FROM v_ext GROUP BY 1');
SELECT same('SELECT avg(f8), stddev(f8), regr_avgy(f8, f8), regr_avgx(f4, f4) FROM v_ext WHERE id = 4');
SELECT same('SELECT var_pop(f8) FROM v_ext WHERE id IN (4, 5, 7)');
SELECT same('SELECT stddev(i8) FROM v_ext WHERE id IN (1, 2)');
SELECT same('SELECT stddev(i8) FROM v_ext');
SELECT same('SELECT stddev(n) FROM v_ext');
SELECT same('SELECT stddev(i8::numeric(30,10)) FROM v_ext');

-- what cancels: values far from 0
CREATE TABLE v_far AS SELECT i % 4 AS g, 1e15::float8 + i % 7 AS x, -1e15::float8 + i % 5 AS y, 1000000000000000 + i % 7 AS n,
                             (1000000000000000 + i % 7)::numeric(20,2) AS m FROM generate_series(1, 2000) i;
-- what overflows, or comes near
CREATE TABLE v_huge AS SELECT i AS g, (i * 10 ^ (150 + i % 4))::float8 AS x, (10 ^ (131 + i))::float8 AS y,
                              8e307::float8 * (i % 3) AS z FROM generate_series(1, 6) i;
VACUUM v_far, v_huge;
SELECT same('SELECT g, stddev(n), var_pop(m), stddev(m) FROM v_far GROUP BY g');
SELECT same('SELECT stddev(n), var_pop(m) FROM v_far');
SELECT same('SELECT g, var_pop(x)::numeric(20,1), covar_pop(x, y)::numeric(20,1) FROM v_far GROUP BY g');
SELECT same('SELECT stddev(x)::numeric(20,1), regr_sxx(y, x)::numeric(20,0) FROM v_far');
SELECT same('SELECT avg(y) FROM v_huge WHERE g < 2');
SELECT same('SELECT avg(y), max(y) FROM v_huge');
SELECT same('SELECT avg(x) FROM v_huge WHERE g < 3');
SELECT same('SELECT avg(DISTINCT x) FROM v_huge WHERE g < 3');
SELECT same('SELECT g, avg(x), avg(z) FROM v_huge GROUP BY g');
SELECT same('SELECT var_pop(x) FROM v_huge WHERE g <> 3');
SELECT same('SELECT g % 2, corr(y, y) FROM v_huge GROUP BY 1');
SELECT same('SELECT corr(x, 1 / x) FROM v_huge WHERE g < 3');
SELECT corr(z, y) FROM v_huge;
SELECT stddev(x) FROM v_huge;
SELECT avg(z) FROM v_huge;
SELECT g, variance(z) FROM v_huge GROUP BY g ORDER BY g;
SELECT sqrt(y - 1e132) FROM v_huge ORDER BY 1;

-- the function that finishes: of nothing, of one, of what cannot be
SELECT tqp.variance(0, NULL, NULL, true, true), tqp.variance(1, 5, 25, true, false), tqp.variance(1, 5, 25, false, true),
       tqp.variance(4, 10, 30, true, false), tqp.variance(4, 10, 30, false, true), tqp.variance(2, 10, 1, false, true);

SET tqp.force = on;
SET tqp.isa = scalar;
SET tqp.threads = 1;
EXPLAIN (COSTS OFF) SELECT k, stddev(f8), corr(f8, f4), var_pop(n) FROM q_all GROUP BY k;
EXPLAIN (COSTS OFF) SELECT max(s) FROM (SELECT k, stddev(f8) AS s FROM q_all GROUP BY k) x;
RESET tqp.force;
RESET tqp.isa;
RESET tqp.threads;
SELECT tqp.explain('SELECT k, stddev(f8), regr_slope(f8, f4) FROM q_all GROUP BY k');
SELECT tqp.explain('SELECT k, var_pop(DISTINCT i2) FROM q_all GROUP BY k');
DROP TABLE v_ext, v_far, v_huge;
RESET extra_float_digits;
