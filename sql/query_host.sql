-- HostEval: expressions of one column with few values, evaluated once per value by PostgreSQL.
SELECT same('SELECT upper(t), count(*) FROM q_all GROUP BY 1');
SELECT same('SELECT count(*) FROM q_all WHERE t ~ ''^a''');
SELECT same('SELECT count(*) FROM q_all WHERE t ILIKE ''B%'' OR left(v, 6) = ''item 1'' OR v ~* ''ITEM .*[37]$''');
SELECT same('SELECT to_char(d, ''YYYY-MM'') AS m, count(*), sum(n) FROM q_all GROUP BY 1 ORDER BY 1');
SELECT same('SELECT md5(t), t || ''x'', count(*) FROM q_all GROUP BY 1, 2');
SELECT same('SELECT substring(v from ''[0-9]+$'')::int % 7 AS d, count(*), max(i4) FROM q_all GROUP BY 1');
SELECT same('SELECT coalesce(upper(t), ''none'') AS d, count(*), min(concat(''<'', c, ''>'')) FROM q_all GROUP BY 1');
SELECT same('SELECT sum(length(concat(t, ''!''))), max(sqrt(k)), max(sqrt(abs(i2))), min(ln(k + 1)) FROM q_all');
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
