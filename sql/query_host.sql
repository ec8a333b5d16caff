-- HostEval: expressions of one column with few values, evaluated once per value by PostgreSQL.
SELECT same('SELECT upper(t), count(*) FROM q_all GROUP BY 1');
SELECT same('SELECT count(*) FROM q_all WHERE t ~ ''^a''');
SELECT same('SELECT count(*) FROM q_all WHERE t ILIKE ''B%'' OR left(v, 6) = ''item 1'' OR v ~* ''ITEM .*[37]$''');
SELECT same('SELECT to_char(d, ''YYYY-MM'') AS m, count(*), sum(n) FROM q_all GROUP BY 1 ORDER BY 1');
SELECT same('SELECT md5(t), t || ''x'', count(*) FROM q_all GROUP BY 1, 2');
SELECT same('SELECT substring(v from ''[0-9]+$'')::int % 7 AS d, count(*), max(i4) FROM q_all GROUP BY 1');
SELECT same('SELECT coalesce(upper(t), ''none'') AS d, count(*), min(concat(''<'', c, ''>'')) FROM q_all GROUP BY 1');
SELECT same('SELECT sum(length(concat(t, ''!''))), max(cbrt(k)), max(cbrt(abs(i2))), min(ln(k + 1)) FROM q_all');
SELECT same('SELECT nullif(t, ''date'') ~ ''a'' AS x, count(*) FROM q_all GROUP BY 1');
SELECT same('SELECT DISTINCT initcap(t), lower(c) FROM q_all');
SELECT same('SELECT c || ''|'' AS x, count(*) FROM q_all GROUP BY 1 ORDER BY 1');
SELECT same('SELECT id FROM q_all WHERE v::text::varchar(4) = ''item'' AND right(v, 1)::int = 3');
SELECT same('SELECT make_date(1990 + k, 1, 1) AS x, count(*), max(k::text::date) FROM q_all WHERE k > 100 GROUP BY 1');
SELECT same('SELECT make_date(1990 + k, 1, 1) + 1 AS x, count(*), bool_and(starts_with(t, ''a'')) FROM q_all GROUP BY 1');
SELECT same('SELECT count(*) FROM q_all WHERE upper(t) = lower(v)');
SELECT same('SELECT count(*) FROM q_all WHERE md5(id::text) LIKE ''a%''');
SELECT same('SELECT count(*) FROM q_all WHERE t || v = ''a''');
SELECT same('SELECT upper(t), count(*) FROM q_empty GROUP BY 1');
SELECT same('SELECT upper(t), count(*) FROM q_one WHERE t ~ ''.'' GROUP BY 1');
SELECT same('SELECT max(upper(t)), min(reverse(t)), count(DISTINCT left(tc, 2)) FROM q_all');
SELECT same('SELECT age(d) > interval ''1 year'' AS x, count(*) FROM q_all GROUP BY 1');
SELECT same('SELECT count(*) FROM q_all WHERE position(''a'' in t) > 1 AND strpos(t, ''n'') = 3 OR split_part(v, '' '', 2) = ''7''');
SELECT same('SELECT id FROM q_all WHERE 100 / (k + 1) > 20 AND (k::text || ''0'')::int > 20 AND bit_count(k::bit(8)) = 1');
-- stable functions see the session, parameters their value
SET lc_time = 'C';
SELECT same('SELECT to_char(d, ''TMMon'') AS x, count(*) FROM q_all GROUP BY 1');
PREPARE host_matching(text) AS SELECT count(*) FROM q_all WHERE t ~ $1;
SET tqp.force = on;
EXECUTE host_matching('^a');
EXECUTE host_matching('e$');
EXECUTE host_matching(NULL);
SET plan_cache_mode = force_generic_plan;
EXECUTE host_matching('e$');
EXECUTE host_matching('(');
RESET tqp.force;
-- a function that may do more than compute, a result that is not carried, two columns
CREATE FUNCTION host_stable(text) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN length($1); END';
CREATE FUNCTION host_immutable(text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN length($1); END';
SELECT same('SELECT sum(host_stable(t)) FROM q_all');
SELECT same('SELECT sum(host_immutable(t)) FROM q_all');
SELECT same('SELECT max(round(k, 1)) FROM q_all');
-- too many values
CREATE TABLE host_wide AS SELECT i * 1000 AS i FROM generate_series(1, 3000) i;
VACUUM host_wide;
SELECT same('SELECT count(*) FROM host_wide WHERE md5(i::text) ~ ''^a''');
-- no right to call the function
CREATE ROLE regress_tqp_host;
REVOKE EXECUTE ON FUNCTION host_immutable FROM public;
GRANT SELECT ON q_all TO regress_tqp_host;
SET ROLE regress_tqp_host;
SET tqp.force = on;
SELECT sum(host_immutable(t)) FROM q_all;
RESET ROLE;
RESET tqp.force;
DROP TABLE host_wide;
DROP FUNCTION host_stable, host_immutable;
REVOKE ALL ON q_all FROM regress_tqp_host;
DROP ROLE regress_tqp_host;
-- rows that are hidden are not met by functions that could tell of them
CREATE ROLE regress_tqp_host;
CREATE TABLE host_hidden AS SELECT i, CASE WHEN i = 7 THEN 'secret' ELSE i::text END AS s FROM generate_series(1, 10) i;
ALTER TABLE host_hidden ENABLE ROW LEVEL SECURITY;
CREATE POLICY but_seven ON host_hidden USING (i <> 7);
GRANT SELECT ON host_hidden TO regress_tqp_host;
SET ROLE regress_tqp_host;
SELECT same('SELECT sum(s::int) FROM host_hidden');
RESET ROLE;
DROP TABLE host_hidden;
DROP ROLE regress_tqp_host;

-- of several columns, and of one with many values: by rows
SELECT same('SELECT t || v, v || t, count(*), max(t || v), count(DISTINCT t || v) FROM q_all GROUP BY 1, 2', false);
SELECT same('SELECT count(*) FROM q_all a JOIN (SELECT id, k FROM q_all WHERE id < 41) f ON a.k = f.k WHERE a.t || f.id::text LIKE ''%e1%''', false);
SELECT same('SELECT count(*) FROM q_all a JOIN (SELECT id, k FROM q_all WHERE id < 41) f ON a.k = f.k AND a.t || f.id::text LIKE ''%e1%'' WHERE a.n + f.id > 10', false);
SELECT same('SELECT sum(length(md5(id::text || t))), min(cbrt(abs(f8))) FROM q_all', false);
SELECT same('SELECT DISTINCT left(v, k), k FROM q_all WHERE id < 300 ORDER BY 1, 2 LIMIT 20', false);
SELECT same('SELECT x.a, count(*) FROM (SELECT md5(v || t) AS a, id FROM q_all ORDER BY reverse(v || t), id LIMIT 300) x GROUP BY x.a', false);
SELECT same('SELECT id, rn FROM (SELECT id, ntile(3) OVER (ORDER BY t || v, id) AS rn FROM q_all WHERE i4 > 20000) x WHERE rn = 2', false);
SELECT same('SELECT count(*) FROM q_all WHERE to_char(ts, ''HH24:MI'') > ''12:30'' AND age(ts, tz::timestamp) < interval ''1 year''', false);
SELECT same('SELECT CASE WHEN k > 3 THEN t || v ELSE upper(t || v) END AS x, count(*) FROM q_all GROUP BY 1', false);
SELECT same('SELECT count(*) FROM q_all WHERE coalesce(t, v, ''none'') || coalesce(b::text, ''x'') = ''none'' || ''x'' OR (t || v) IS NULL', false);
SELECT same('SELECT count(*), sum(length(upper(t || lower(v)))) FROM q_all WHERE lower(upper(t || lower(v)) || t) > ''b''', false);
SELECT same('SELECT count(*) FROM q_all WHERE width_bucket(f8, -100, 100, 10) = 3 AND i4 / (id - 5000) > 3', false);
SELECT same('SELECT sum(n::numeric(6,1)), sum((n * 3)::numeric(12,3)), sum(f8::numeric(12,2)) FROM q_all', false);
SELECT same('SELECT count(*) FROM q_all WHERE (k, n) < (3, 4) OR row(t, v) IS NULL OR (t, v) IN ((''apple'', ''item 1''), (''date'', ''item 3''))', false);
SELECT same('SELECT count(*) FROM q_all a WHERE EXISTS (SELECT 1 FROM (SELECT id, k FROM q_all WHERE id < 41) f WHERE f.id = a.id AND f.k::text || a.t = ''3date'')', false);
SELECT same('SELECT k, count(*) FILTER (WHERE t || v > ''c''), sum(n) FILTER (WHERE left(v, k) = ''item '') FROM q_all GROUP BY ROLLUP (k)', false);
SELECT same('SELECT t || v FROM q_all WHERE id < 10 UNION SELECT v || t FROM q_all WHERE id < 20', false);
SELECT same('SELECT a.id FROM q_all a, q_empty e WHERE a.t || e.t = ''x''', false);
SELECT same('SELECT t || v, count(*) FROM q_empty GROUP BY 1', false);
SELECT same('SELECT sum(length(t || v)) FROM q_one', false);
SELECT same('SELECT c || t, count(*), max(c::text || t) FROM q_all GROUP BY 1', false);
SELECT same('SELECT count(*) FROM q_all WHERE n::text LIKE ''1%'' AND tz + interval ''1 day'' > ''2004-01-01''');
SELECT same('SELECT count(*) FROM q_all a WHERE a.f8 / 3 < ANY (array_fill(3::float8, ARRAY[1001])) AND a.i8 = ANY (string_to_array(''1,1000000007'', '','')::int8[])');
SELECT same('SELECT max(t || v), min(b::text || ti::text || ts::text || d::text || i2 || i4 || i8), count(f4::text || nw) FROM q_all');
-- PostgreSQL raises, and does not
SELECT same('SELECT count(*) FROM q_all WHERE CASE WHEN id < 1000 THEN ln(id - 1000 + k) END > 3 AND id > 1000', false);
SET tqp.force = on;
SELECT count(*) FROM q_all WHERE substr(t, 1, k - 5) > '';
-- as the key of a join it would make all pairs
SELECT same('SELECT count(*) FROM q_all a JOIN (SELECT id, k FROM q_all WHERE id < 41) f ON a.t || a.v = f.id::text', false);
-- once per different string
CREATE SEQUENCE q_calls;
CREATE FUNCTION host_counts(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''q_calls''); RETURN upper($1); END';
CREATE TABLE q_strings AS SELECT id, repeat(chr(97 + id % 26), 30) || id % 60 AS s FROM generate_series(1, 3000) id;
VACUUM ANALYZE q_strings;
SELECT count(DISTINCT host_counts(s || 'x')) FROM q_strings;
SELECT nextval('q_calls') <= 781 AS few;
DROP TABLE q_strings;
DROP FUNCTION host_counts(text);
DROP SEQUENCE q_calls;
-- in part, where PostgreSQL would make machine code of the rest
SET jit_above_cost = 0;
CREATE TEMP TABLE q_written (k int, n bigint);
INSERT INTO q_written SELECT k, count(*) FROM q_all WHERE concat(t, v) > 'a' AND i8 > length(current_setting('work_mem')) GROUP BY k;
SELECT count(*) > 0 FROM q_written;
DROP TABLE q_written;
RESET jit_above_cost;
-- a cancel inside of a function ends the query
CREATE FUNCTION host_slow(text, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN 1; END';
SET statement_timeout = '100ms';
SELECT sum(host_slow(t, id)) FROM q_all;
RESET statement_timeout;
DROP FUNCTION host_slow(text, int);
SET tqp.isa = scalar;
SET tqp.threads = 1;
EXPLAIN (COSTS OFF) SELECT t || v, count(*) FROM q_all WHERE i4 > 0 AND left(v, k) > 'i' GROUP BY 1;
SELECT tqp.explain('SELECT t || v, count(*) FROM q_all WHERE i4 > 0 AND left(v, k) > ''i'' GROUP BY 1', 'program');
RESET tqp.isa;
RESET tqp.threads;
RESET tqp.force;
-- of both sides of a join whose columns differ in type
SELECT same('SELECT a.b, count(*), max(f.v) FROM q_all a JOIN (SELECT id, v, d, f8 FROM q_all WHERE id < 41) f ON a.id = f.id + 1 AND concat(a.t, f.v) > ''a'' GROUP BY a.b', false);
