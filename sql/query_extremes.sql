-- Extremes of every type: infinities, NaN, -0, least and greatest values, empty strings, one row, none.
CREATE TABLE q_ext (id int, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(18,4), d date,
                    ts timestamp, tz timestamptz, ti time, t text COLLATE "C", c char(3));
INSERT INTO q_ext VALUES
    (1, -32768, -2147483648, -9223372036854775808, '-Infinity', '-Infinity', -99999999999999.9999, '-infinity', '-infinity', '-infinity', '00:00', '', ''),
    (2, 32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 99999999999999.9999, 'infinity', 'infinity', 'infinity', '24:00', 'a', 'abc'),
    (3, 0, 0, 0, 'NaN', 'NaN', 0, '4713-01-01 BC', '4713-01-01 00:00 BC', '4713-01-01 00:00+00 BC', '12:34:56.789012', ' ', ' a'),
    (4, -1, -1, -1, '-0', '-0', -0.0001, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59+00', '23:59:59.999999', 'é', 'é'),
    (5, 1, 1, 1, 0, 0, 0.0001, '2000-02-29', '2000-02-29 23:59:59.999999', '2000-02-29 00:00+00', '00:00:00.000001', 'a ', 'a'),
    (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (7, 7, 7, 7, 1e-40, 5e-324, 1, '1999-12-31', '1999-12-31 23:59:59', '1999-12-31 23:59:59+00', '01:02:03', E'tab\tand\nline', 'xyz');
VACUUM q_ext;
SELECT same('SELECT * FROM q_ext');
SELECT same('SELECT * FROM q_ext ORDER BY f8, f4, id');
SELECT same('SELECT * FROM q_ext ORDER BY d DESC, ts, id');
SELECT same('SELECT * FROM q_ext ORDER BY i8 DESC NULLS LAST');
SELECT same('SELECT id FROM q_ext ORDER BY t NULLS FIRST, c');
SELECT same('SELECT min(i2), max(i2), min(i4), max(i4), min(i8), max(i8), min(f4), max(f4), min(f8), max(f8), min(n), max(n) FROM q_ext');
SELECT same('SELECT min(d), max(d), min(ts), max(ts), min(tz), max(tz), min(ti), max(ti), min(t), max(t), min(c), max(c) FROM q_ext');
SELECT same('SELECT sum(i2), sum(i4), sum(i8), sum(n), avg(i8), avg(n), sum(f4), sum(f8), avg(f8) FROM q_ext');
SELECT same('SELECT sum(f8), avg(f4), count(f8) FROM q_ext WHERE id IN (3, 4, 5)');
SELECT same('SELECT f8 IS NULL, count(*) FROM q_ext GROUP BY 1');
SELECT same('SELECT count(*), count(DISTINCT f8), count(DISTINCT f4), count(DISTINCT d), count(DISTINCT i8), count(DISTINCT t) FROM q_ext');
SELECT same('SELECT id, f8 > 1, f8 = ''NaN'', f8 >= ''Infinity'', f4 < f8, f8 <> 0, f4 = -0.0 FROM q_ext');
SELECT same('SELECT id FROM q_ext WHERE f8 > 1e300 OR f4 < -1e30');
SELECT same('SELECT id, d < timestamp ''2000-01-01 12:00'', d > timestamp ''infinity'', d <= timestamp ''-infinity'', ts >= date ''2000-01-01'', ts = date ''infinity'' FROM q_ext');
SELECT same('SELECT id FROM q_ext WHERE d = timestamp ''2000-02-29 00:00'' OR d <> timestamp ''1999-12-31 00:01''');
SELECT same('SELECT id, n > 99999999999999.99985, n < 1e40, n = -0.00010, n >= -0.00005, n <> 0.0000 FROM q_ext');
SELECT same('SELECT id, i4 > 3000000000, i2 < -40000, i8 >= 9223372036854775807, i4 = 2147483647::int8 FROM q_ext');
SELECT same('SELECT id, i8::numeric, i4::float8, i2::int8, i8::float4, f4::float8 FROM q_ext');
SELECT same('SELECT id, n * n, n + n, n - 0.00005, -n, abs(n), n % 3 FROM q_ext');
SELECT same('SELECT id, i8::numeric * i8, i8::numeric + 1 FROM q_ext');
SELECT same('SELECT id, f8 + 1, f8 * 0, f8 - f8, -f8, abs(f8), f8 / 2 FROM q_ext WHERE id <> 7');
SELECT same('SELECT id, extract(year FROM d), extract(epoch FROM ts), extract(century FROM ts), date_part(''week'', ts) FROM q_ext WHERE id > 2');
SELECT same('SELECT id, extract(year FROM d), extract(month FROM d), extract(epoch FROM ts), date_part(''dow'', ts) FROM q_ext');
SELECT same('SELECT id, date_trunc(''year'', ts), ts::date FROM q_ext WHERE id <> 4');
SELECT same('SELECT id, d + 1, d - 1, d::timestamp FROM q_ext WHERE id NOT IN (3, 4)');
SELECT same('SELECT id, d - date ''2000-01-01'' FROM q_ext WHERE id > 2');
SELECT same('SELECT id, length(t), length(c), substring(t, 0, 2), t LIKE ''%a%'', c LIKE ''_  '', c LIKE '' a_'' FROM q_ext');
SELECT same('SELECT id, c = ''a'', c || ''|'', t = ''a'', t > '''', c <> ''b'' FROM q_ext');
SELECT same('SELECT t, c, count(*) FROM q_ext GROUP BY t, c ORDER BY 1, 2');
SELECT same('SELECT DISTINCT n FROM q_ext ORDER BY n');
-- sums of nothing but -0 are -0, averages are not
CREATE TABLE q_zero AS SELECT i, i % 3 AS k, i % 100 AS m, 'key ' || i % 7 AS s, '-0'::float8 AS f8,
    '-0'::float4 AS f4, CASE WHEN i % 4 = 0 THEN '-0'::float8 END AS fn FROM generate_series(1, 2000) i;
VACUUM q_zero;
SELECT same('SELECT sum(f8), sum(f4), sum(fn), avg(f8), avg(f4), avg(fn), sum(f8) FILTER (WHERE i < 0), avg(f4) FILTER (WHERE i < 0) FROM q_zero');
SELECT same('SELECT k, sum(f8), sum(f4), sum(fn), avg(f8), avg(f4), sum(f8) FILTER (WHERE k = 1) FROM q_zero GROUP BY k');
SELECT same('SELECT m, s, sum(f8), sum(f4), sum(fn), avg(fn), sum(fn) FILTER (WHERE i % 4 = 1) FROM q_zero GROUP BY m, s');
SELECT same('SELECT i, sum(f8), sum(f4), avg(fn) FROM q_zero GROUP BY i');
SELECT same('SELECT sum(a), sum(b), sum(c), avg(a) FROM (SELECT sum(f8) a, sum(f4) b, avg(f8) c FROM q_zero GROUP BY k, s) g');
SELECT same('SELECT a, b::text FROM (SELECT sum(f8) a, avg(f8) b, avg(f4) c FROM q_zero GROUP BY m) g WHERE b < 1 AND c = 0');
SELECT same('SELECT sum(f8 + i) - sum(i::float8), sum(f8 * 0), sum(-f8), avg(-f4) FROM q_zero WHERE i < 9');
DROP TABLE q_zero;
-- sums beyond 128 bits
CREATE TABLE q_huge AS SELECT i, i % 3 AS k, CASE WHEN i % 3 < 2 THEN 9e36 ELSE -9e36 END::numeric(37,0) AS n FROM generate_series(1, 100) i;
VACUUM q_huge;
SELECT same('SELECT sum(n) FROM q_huge WHERE k = 1');
SELECT same('SELECT sum(n), avg(n) FROM q_huge WHERE k = 2');
SELECT same('SELECT sum(n) FROM q_huge WHERE i < 24');
SELECT same('SELECT k, sum(n) FROM q_huge GROUP BY k');
SELECT same('SELECT k, sum(n) FROM q_huge WHERE i <= 54 GROUP BY k');
SELECT same('SELECT n, sum(n) FROM q_huge GROUP BY n');
SELECT same('SELECT sum(s) FROM (SELECT i, sum(n) AS s FROM q_huge WHERE k <> 2 GROUP BY i) g');
DROP TABLE q_huge;
-- these raise: the error is PostgreSQL's
SET tqp.force = on;
SELECT abs(i4) FROM q_ext;
SELECT -i2 FROM q_ext;
SELECT i8 / -1 FROM q_ext;
SELECT i8 + 1 FROM q_ext;
SELECT f4 * f4 FROM q_ext;
SELECT f8 * 1e-10 FROM q_ext WHERE id = 7;
SELECT i4::int2 FROM q_ext;
SELECT f8::int4 FROM q_ext;
SELECT d - date '2000-01-01' FROM q_ext;
SELECT d::timestamp FROM q_ext;
SELECT n::int4 FROM q_ext;
SELECT ts + interval '1 month' FROM q_ext WHERE id = 4;
DROP TABLE q_ext;
