-- Corners of PostgreSQL's semantics: each query with tqp off and on, compared to the letter: the rows
-- or the error; and the columns that CREATE TABLE AS makes.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tqp;
CREATE COLLATION s_en (provider = icu, locale = 'en-US');
CREATE COLLATION s_number (provider = icu, locale = 'en-u-kn-true');
CREATE COLLATION s_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
RESET client_min_messages;

/* The rows of a query as text, or the error that it raises. */
CREATE FUNCTION s_answer(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    r record;
    found text[] := '{}';
BEGIN
    FOR r IN EXECUTE query LOOP
        found := found || r::text;
    END LOOP;
    IF query NOT ILIKE '%order by%' THEN
        found := ARRAY(SELECT x FROM unnest(found) x ORDER BY x COLLATE "C");
    END IF;
    RETURN found;
EXCEPTION WHEN OTHERS THEN
    RETURN ARRAY[SQLSTATE || ' ' || SQLERRM];
END $$;

CREATE FUNCTION s_same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
    off_lines text[];
    on_lines text[];
BEGIN
    PERFORM set_config('tqp.enabled', 'off', true);
    off_lines := s_answer(query);
    PERFORM set_config('tqp.enabled', 'on', true), set_config('tqp.force', 'on', true);
    on_lines := s_answer(query);
    PERFORM set_config('tqp.enabled', 'off', true);
    SELECT l.outcome INTO outcome FROM tqp.query_log l
     WHERE pid = pg_backend_pid() AND l.query = s_same.query ORDER BY at DESC LIMIT 1;
    RETURN coalesce(outcome, 'not seen')
        || CASE WHEN cardinality(off_lines) = 1 AND off_lines[1] ~ '^[0-9A-Z]{5} ' THEN ', ' || off_lines[1]
                ELSE format(', %s rows', cardinality(off_lines)) END
        || CASE WHEN off_lines IS DISTINCT FROM on_lines THEN ', DIFFERENT' ELSE '' END;
END $$;

CREATE TABLE s_text (id int, s text, sc text COLLATE "C", sn text COLLATE s_number, b bool,
                     c char(5), c3 char(3), v varchar(10));
INSERT INTO s_text
SELECT i, (ARRAY['a','B','b','A','é','E','e','Z','z','a10','a2','_x','%x','',' ','aa  ','\x'])[i % 17 + 1],
       (ARRAY['a','B','b','A','é','e','a10','a2'])[i % 8 + 1],
       (ARRAY['a','B','b','A','é','e','a10','a2','a9'])[i % 9 + 1],
       CASE i % 4 WHEN 0 THEN NULL ELSE i % 4 = 1 END,
       (ARRAY['a','b ','  c','dé','eeeee',''])[i % 6 + 1], (ARRAY['a','b ','  c','d'])[i % 4 + 1],
       CASE WHEN i % 13 > 0 THEN 'item ' || i % 23 END
  FROM generate_series(1, 500) i;
CREATE TABLE s_number (k int, i2 int2, i4 int4, i8 int8, n numeric(10,2), z int, nothing int);
INSERT INTO s_number (k, i2, i4, i8, n, z) VALUES
    (1, -32768, -2147483648, -9223372036854775808, 99999999.99, 0),
    (2, 32767, 2147483647, 9223372036854775807, -99999999.99, 1), (3, 0, 0, 0, 0, -1),
    (4, -1, -1, -1, -0.01, 2), (5, NULL, NULL, NULL, NULL, NULL), (6, -7, -7, -7, 0.5, 7), (7, 7, 7, 7, -2.5, -7);
CREATE TABLE s_float (k int, f4 float4, f8 float8);
INSERT INTO s_float VALUES
    (1, 'NaN', 'NaN'), (2, 'inf', 'inf'), (3, '-inf', '-inf'), (4, 0, 0), (6, 0.1, 0.1), (7, 1e38, 1e308),
    (8, -1e38, -1e308), (9, NULL, NULL), (10, 1e-45, 5e-324), (12, 1, 1);
CREATE TABLE s_date (k int, d date, ts timestamp);
INSERT INTO s_date VALUES
    (1, '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC'), (2, '0001-01-01', '0001-01-01'),
    (3, '0101-01-01 BC', '0101-01-01 BC'), (4, '1900-02-28', '1900-02-28 12:00'),
    (5, '2000-02-29', '2000-02-29 23:59:59.999999'), (6, '1969-12-31', '1969-12-31 23:59:59.999999'),
    (7, NULL, NULL), (8, '2024-12-31', '2024-12-31 12:34:56.7'), (9, '2001-01-31', '2001-01-31'),
    (10, '294276-12-31', '294276-12-31 23:59:59.999999');
VACUUM ANALYZE s_text, s_number, s_float, s_date;

-- COLLATE where only the order or the equality shows it
SELECT s_same('SELECT id, s FROM s_text ORDER BY s COLLATE "C", id');
SELECT s_same('SELECT id, s FROM s_text ORDER BY s COLLATE s_en, id');
SELECT s_same('SELECT id, sn FROM s_text ORDER BY sn, id');
SELECT s_same('SELECT id, sn FROM s_text ORDER BY sn COLLATE "C" DESC, id');
SELECT s_same('SELECT id, sc FROM s_text ORDER BY sc COLLATE s_en, id LIMIT 9');
SELECT s_same('SELECT sn, count(*) FROM s_text GROUP BY sn ORDER BY sn COLLATE "C"');
SELECT s_same('SELECT id, CASE WHEN b THEN ''a3'' ELSE sn END z FROM s_text ORDER BY z, id');
SELECT s_same('SELECT DISTINCT coalesce(CASE WHEN b THEN ''a3'' END, sn) z FROM s_text ORDER BY z');
SELECT s_same('SELECT min(sn), max(sn), min(sn COLLATE "C"), max(s COLLATE s_en) FROM s_text');
SELECT s_same('SELECT id FROM s_text WHERE sn > ''a5'' AND sn COLLATE "C" < ''b''');
SELECT s_same('SELECT s COLLATE s_nocase, count(*) FROM s_text GROUP BY 1');
SELECT s_same('SELECT DISTINCT s COLLATE s_nocase FROM s_text');
SELECT s_same('SELECT count(DISTINCT s COLLATE s_nocase) FROM s_text');
SELECT s_same('SELECT count(*) FROM s_text WHERE s COLLATE s_nocase IN (''a'', ''b'')');
-- char(n), varchar(n), LIKE
SELECT s_same('SELECT id, c || ''|'', length(c), octet_length(c), c::char(3), c3::char(5), c::varchar, v::varchar(3) FROM s_text');
SELECT s_same('SELECT id FROM s_text WHERE c = c3 OR c = ''b    '' OR c::text = ''b ''');
SELECT s_same('SELECT id FROM s_text WHERE c LIKE ''_____'' AND c NOT LIKE ''a'' OR c::text LIKE ''  c''');
SELECT s_same('SELECT c3, min(c), max(c) || ''|'', count(DISTINCT c) FROM s_text GROUP BY c3 HAVING max(c) > ''b''');
SELECT s_same('SELECT id FROM s_text WHERE s LIKE ''#_x'' ESCAPE ''#'' OR s LIKE ''\%x'' OR s LIKE ''\\%'' OR s LIKE ''_''');
SELECT s_same('SELECT id FROM s_text WHERE s LIKE NULL OR s NOT LIKE NULL');
SELECT s_same('SELECT id FROM s_text WHERE s LIKE ''a\''');
-- integers at their limits
SELECT s_same('SELECT k, -i4 FROM s_number');
SELECT s_same('SELECT k, abs(i8) FROM s_number');
SELECT s_same('SELECT k, i2 / (-1)::int2 FROM s_number');
SELECT s_same('SELECT k, i8 % -1, i4 % -3, i2 % 2::int2, i4 = 3000000000, i2 > 40000, i8 < 9223372036854775808 FROM s_number');
SELECT s_same('SELECT k, i2 * i4 FROM s_number');
SELECT s_same('SELECT sum(i2), sum(i4), sum(i8), avg(i8), sum(i8) + 1, max(i8), count(nothing), sum(nothing), avg(nothing) FROM s_number');
SELECT s_same('SELECT k FROM s_number WHERE i2 IN (-32768, 7, 100000) OR i8 NOT IN (0, 7)');
SELECT s_same('SELECT k, CASE WHEN z <> 0 THEN 10 / z END, 10 / nullif(z, 0), coalesce(z, 1 / z) FROM s_number');
SELECT s_same('SELECT k FROM s_number WHERE z <> 0 AND 10 / z > 1 OR z = 0');
SELECT s_same('SELECT k FROM s_number WHERE 10 / z > 1 AND z <> 0');
-- NULL in lists, empty arrays
SELECT s_same('SELECT k, z IN (1, NULL), z NOT IN (1, NULL), z = ANY (''{}''), z <> ALL (''{}''), z <> ALL (''{1,NULL}''), z < ANY (''{NULL}''), z = ANY (NULL::int[]) FROM s_number');
SELECT s_same('SELECT k, n = ANY (''{0.5,2.345,-2.5}''), n <> ALL (''{2.3456,0.5}''), n = ALL (''{2.3456}''), n <> ANY (''{2.3456,0.5}''), n IS DISTINCT FROM 2.345, n < ''NaN'', n > ''-inf'' FROM s_number');
-- numeric: display scales and rounding
SELECT s_same('SELECT k, n::int, (n * 10)::int8, n::numeric(9,1), n::numeric, n::numeric(12,4), n % 0.7, n * n, n + 0.0001, -n, abs(n) FROM s_number WHERE k > 2');
SELECT s_same('SELECT n::numeric(5,2) FROM s_number');
SELECT s_same('SELECT sum(n), avg(n), sum(n * 0.5), avg(n)::numeric(10,3), sum(DISTINCT n), min(n * n), sum(n) / count(*) FROM s_number');
SELECT s_same('SELECT sum(n), avg(n), max(n), count(n), avg(i4), sum(i8) FROM s_number WHERE k > 100');
-- floats
SELECT s_same('SELECT k, f4 = 0.1, f4 = 0.1::float4, f4 = f8, f8 > ''inf'', f8 = ''NaN'', f8 IN (''NaN'', 0), -f8, abs(f4) FROM s_float');
SELECT s_same('SELECT k FROM s_float ORDER BY f8 DESC NULLS LAST, k');
SELECT s_same('SELECT min(f4), max(f8), count(DISTINCT f8) FROM s_float');
SELECT s_same('SELECT sum(f8), avg(f8) FROM s_float WHERE k IN (2, 3)');
SELECT s_same('SELECT f8 * f8 FROM s_float WHERE k = 10');
SELECT s_same('SELECT avg(f8) FROM s_float WHERE k IN (7, 8)');
-- dates
SELECT s_same('SELECT k, extract(year FROM d), extract(century FROM ts), extract(decade FROM d), extract(week FROM ts), extract(isoyear FROM d), extract(second FROM ts), extract(ms FROM ts) FROM s_date');
SELECT s_same('SELECT k, extract(epoch FROM d), extract(epoch FROM ts) FROM s_date WHERE k < 10');
SELECT s_same('SELECT k, extract(epoch FROM ts) FROM s_date');
SELECT s_same('SELECT k, d + interval ''1 month'', ts - interval ''1 year'', d - date ''2000-01-01'', d + 30 FROM s_date WHERE k < 10');
SELECT s_same('SELECT k, ts + interval ''1 month'' FROM s_date');
SELECT s_same('SELECT k, d + 2147483647 FROM s_date');
SELECT s_same('SELECT k, d - interval ''3 days'' FROM s_date WHERE k < 10');
SELECT s_same('SELECT k, d + 1 - interval ''3 days'' FROM s_date WHERE k = 10');
SELECT s_same('SELECT k, date_trunc(''century'', ts), date_trunc(''week'', ts), ts::date, ts::time FROM s_date WHERE k BETWEEN 4 AND 9');
SELECT s_same('SELECT k FROM s_date WHERE d < ''infinity'' AND ts > ''-infinity'' AND d <> timestamp ''2001-01-31 12:00''');
-- what LIMIT and OFFSET skip is evaluated as PostgreSQL does
SELECT s_same('SELECT (10 / (id - 400))::text FROM s_text ORDER BY id LIMIT 1');
SELECT s_same('SELECT (10 / (id - 1))::text FROM s_text OFFSET 500');
SELECT s_same('SELECT id::text FROM s_text ORDER BY id LIMIT 3 OFFSET 2');
SELECT s_same('SELECT id FROM s_text ORDER BY id LIMIT 9223372036854775807 OFFSET 497');
SELECT s_same('SELECT id FROM s_text LIMIT -1');
SELECT s_same('SELECT id FROM s_text ORDER BY id LIMIT NULL OFFSET NULL');
CREATE SEQUENCE s_sequence;
SET tqp.force = on;
SELECT 10 / (id - 1) FROM s_text ORDER BY id LIMIT nextval('s_sequence');
SELECT last_value FROM s_sequence; -- 1: not called again by a replay
RESET tqp.force;
-- grouping without keys, constant and repeated keys
SELECT s_same('SELECT 1 AS one FROM s_text HAVING count(*) > 5');
SELECT s_same('SELECT 1 AS one FROM s_text HAVING 1 > 2');
SELECT s_same('SELECT k % 2, k % 2, count(*) FROM s_number GROUP BY k % 2, 1 ORDER BY 2');
SELECT s_same('SELECT count(*), 1 FROM s_text GROUP BY ''x''::text');
-- which conjunct a row meets first is PostgreSQL's choice, and decides whether there is an error: by
-- cost, equalities last, HAVING without aggregates in front of the grouping
SELECT s_same('SELECT k FROM s_number WHERE 10 / z > 0 AND k > 1 ORDER BY k');
SELECT s_same('SELECT k FROM s_number WHERE k IN (2, 3, 4, 6, 7) AND 10 / z > 0 ORDER BY k');
SELECT s_same('SELECT k FROM s_number WHERE k IN (2, 3, 4, 6, 7, 8, 9, 10, 11, 12) AND 10 / z > 0 ORDER BY k');
SELECT s_same('SELECT k FROM s_number WHERE 10 / z = 5 AND abs(k) > 1 ORDER BY k');
SELECT s_same('SELECT k FROM s_number WHERE 10 / z = 10 / z AND abs(k) > 1 ORDER BY k');
SELECT s_same('SELECT k FROM s_number WHERE abs(k) > 1 AND 10 / z = 10 / (z + 0) ORDER BY k');
SELECT s_same('SELECT k FROM s_number WHERE (k > 1 AND 10 / z > 0) OR (10 / z > 0 AND k < 9) ORDER BY k');
SELECT s_same('SELECT z, count(*) FROM s_number WHERE k IN (2, 3, 4, 6, 7) GROUP BY z HAVING 10 / z > 0');
SELECT s_same('SELECT z, sum(i2) FROM s_number GROUP BY z HAVING 10 / z > 0 AND z <> 0');
SELECT s_same('SELECT z, upper(z::text) FROM s_number GROUP BY z HAVING 10 / z > 0 AND upper(z::text) > ''0''');
SELECT s_same('SELECT z, sum(k) FROM s_number GROUP BY z HAVING sum(k) IN (2, 3, 4, 6, 7) AND 10 / min(z) > 0');
SELECT s_same('SELECT z, sum(k) FROM s_number GROUP BY z HAVING 10 / min(z) > 0 AND sum(k) <> 1');
SELECT s_same('SELECT z, avg(k) FROM s_number GROUP BY z HAVING round(avg(k), min(z)) < 3 AND 10 / min(z) > 0 AND max(k) IN (2, 3, 4, 6, 7)');
SELECT s_same('SELECT k FROM s_number WHERE 10 / z > 0 AND n::float4 NOT IN (1::float8, 2.5::float8, 3, 4, 5, 6, NULL)');
-- names, types, typmods and collations of columns
SET tqp.force = on;
CREATE TEMP TABLE s_columns AS
    SELECT c, v AS "V", sn, max(c3) AS m, sn COLLATE "C" AS sx, count(*), avg(id), sum(id) / 2.50 AS q,
           id % 2 = 0 AS even
      FROM s_text GROUP BY c, v, sn, id % 2 = 0;
RESET tqp.force;
SELECT attname, format_type(atttypid, atttypmod), collname
  FROM pg_attribute LEFT JOIN pg_collation c ON c.oid = attcollation
 WHERE attrelid = 's_columns'::regclass AND attnum > 0 ORDER BY attnum;
-- groups that no row of a join asks for meet their errors; those of averages are none
CREATE TABLE s_group AS SELECT i % 1000 AS k, i AS m FROM generate_series(1, 20000) i;
CREATE TABLE s_key AS SELECT i AS id, i * 3 AS k, i % 5 AS p FROM generate_series(1, 30) i;
ANALYZE s_group, s_key;
SELECT s_same('SELECT l.id, x.s FROM s_key l JOIN (SELECT k, max(10 / (k - 999)) AS s FROM s_group GROUP BY k) x ON x.k = l.k WHERE l.p = 1');
SELECT s_same('SELECT l.id, x.s FROM s_key l JOIN (SELECT k, count(*) FILTER (WHERE 10 / (k - 999) > -5) AS s FROM s_group GROUP BY k) x ON x.k = l.k WHERE l.p = 1');
SELECT s_same('SELECT l.id FROM s_key l JOIN (SELECT k, sum(m) AS s FROM s_group GROUP BY k HAVING 10 / (max(k) - 999) > -50) x ON x.k = l.k WHERE l.p = 1');
SELECT s_same('SELECT l.id, x.s FROM s_key l LEFT JOIN (SELECT k, sum(10 / (k - 999)) AS s FROM s_group GROUP BY k) x ON x.k = l.k WHERE l.k < 10');
SELECT s_same('SELECT l.id, x.s FROM s_key l JOIN (SELECT k, avg(m) AS s FROM s_group GROUP BY k HAVING avg(m) > 9000) x ON x.k = l.k WHERE l.k < 10');
DROP TABLE s_group, s_key;

-- functions keep their privileges and their messages
CREATE ROLE regress_s_reader;
GRANT SELECT ON s_number TO regress_s_reader;
REVOKE EXECUTE ON FUNCTION sum(int4) FROM PUBLIC;
SET ROLE regress_s_reader;
SET tqp.force = on;
SELECT sum(i4) FROM s_number;
EXPLAIN SELECT sum(i4) FROM s_number;
RESET tqp.force;
RESET ROLE;
GRANT EXECUTE ON FUNCTION sum(int4) TO PUBLIC;
REVOKE SELECT ON s_number FROM regress_s_reader;
DROP ROLE regress_s_reader;

DROP SEQUENCE s_sequence;
DROP TABLE s_columns, s_text, s_number, s_float, s_date;
DROP FUNCTION s_same, s_answer;
DROP COLLATION s_en, s_number, s_nocase;
