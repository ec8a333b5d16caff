-- More groups and larger builds than the memory limit holds: made in passes, a shard of the keys at a time.
CREATE TABLE m_fact AS
SELECT i AS id, i * 7919 % 150000 AS k, (i::int8 * 7919 % 150000) * 1000000007 AS w,
       CASE WHEN i % 11 > 0 THEN (i::int8 * 31 % 120000) * 1000000007 END AS nw,
       'key ' || i * 13 % 90000 AS t, i % 100 AS s,
       CASE i % 9 WHEN 0 THEN '-0' WHEN 1 THEN 'NaN' WHEN 2 THEN '0' ELSE (i * 17 % 90000)::float8 / 7 END AS f,
       (i % 70000 / 100.0)::numeric(12,2) AS n
  FROM generate_series(1, 200000) i;
CREATE TABLE m_dim AS
SELECT i::int8 * 1000000007 AS w, CASE WHEN i % 17 > 0 THEN i::int8 * 1000000007 END AS nw,
       'key ' || i AS t, i % 7 AS g,
       CASE i % 10000 WHEN 0 THEN '0' WHEN 1 THEN 'NaN' ELSE i::float8 / 7 END AS f,
       (i / 10.0)::numeric(14,3) AS n
  FROM generate_series(1, 120000) i;
VACUUM ANALYZE m_fact, m_dim;
SELECT rows_cached, row_groups FROM tqp.load('m_fact');
SELECT rows_cached, row_groups FROM tqp.load('m_dim');

-- same(), and whether a pipeline ran several times
CREATE FUNCTION in_passes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    found bool := false;
    result text := same(query);
BEGIN
    PERFORM set_config('tqp.enabled', 'on', true), set_config('tqp.force', 'on', true);
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        found := found OR line ~ '; (passes|scans) \d';
    END LOOP;
    PERFORM set_config('tqp.enabled', 'off', true);
    RETURN result || CASE WHEN found THEN ', in passes' ELSE '' END;
END $$;
-- a thread has memory of its own
SET tqp.threads = 1;
SET tqp.memory_limit = '6MB';

-- groups: by ranges of a key, by hash, of strings, with NULL, of several keys, of floats
SELECT in_passes('SELECT count(*), sum(n), sum(s), max(k) FROM (SELECT k, count(*) n, sum(id) s FROM m_fact GROUP BY k) x');
SELECT in_passes('SELECT count(*), sum(n), sum(s), max(w) FROM (SELECT w, count(*) n, sum(id) s FROM m_fact GROUP BY w) x');
SELECT in_passes('SELECT count(*), sum(c), sum(s), max(length(t)) FROM (SELECT t, count(*) c, sum(n) s FROM m_fact GROUP BY t) x');
SELECT in_passes('SELECT count(*), count(nw), sum(c), sum(s) FROM (SELECT nw, count(*) c, sum(id) s FROM m_fact GROUP BY nw) x');
SELECT in_passes('SELECT c, count(*), count(nw), sum(k) FROM (SELECT k, nw, count(*) c FROM m_fact GROUP BY k, nw) x GROUP BY c');
SELECT in_passes('SELECT count(*), sum(c), max(c), max(f), max(k) FROM (SELECT f, k, count(*) c FROM m_fact GROUP BY f, k) x');
SELECT in_passes('SELECT count(*) FROM (SELECT DISTINCT w, s FROM m_fact) x');
SELECT in_passes('SELECT w, count(*), sum(n) FROM m_fact GROUP BY w ORDER BY 2 DESC, 3 DESC, 1 LIMIT 20');
SELECT in_passes('SELECT count(*) FROM (SELECT w FROM m_fact GROUP BY w LIMIT 100000) x');
SELECT in_passes('SELECT g, count(*), sum(c) FROM m_dim d JOIN (SELECT w, count(*) c FROM m_fact GROUP BY w) x USING (w) GROUP BY g');

-- builds
SELECT in_passes('SELECT count(*), sum(g), sum(id) FROM m_fact f JOIN m_dim d ON f.w = d.w');
SELECT in_passes('SELECT count(*), sum(g), sum(id) FROM m_fact f JOIN m_dim d ON f.t = d.t');
SELECT in_passes('SELECT count(*), sum(g), sum(id) FROM m_fact f JOIN m_dim d ON f.f = d.f');
SELECT in_passes('SELECT count(*), sum(g), sum(id) FROM m_fact f JOIN m_dim d ON f.n = d.n AND f.t = d.t');
SELECT in_passes('SELECT count(*), sum(g), sum(id), max(length(d.t)), min(d.t) FROM m_fact f LEFT JOIN m_dim d ON f.nw = d.nw AND f.s > 3');
SELECT in_passes('SELECT count(*), sum(g), sum(id) FROM m_fact f JOIN m_dim d ON f.nw IS NOT DISTINCT FROM d.nw AND f.w = d.w');
SELECT in_passes('SELECT count(*), sum(id) FROM m_fact f WHERE EXISTS (SELECT FROM m_dim d WHERE d.w = f.w AND d.g > f.s)');
SELECT in_passes('SELECT count(*), sum(id) FROM m_fact f WHERE NOT EXISTS (SELECT FROM m_dim d WHERE d.nw = f.nw)');
SELECT in_passes('SELECT count(*), sum(id) FROM m_fact f WHERE (f.w IN (SELECT w FROM m_dim)) IS DISTINCT FROM (s > 50)');
SELECT in_passes('SELECT count(*), sum(d.g), sum(e.g) FROM m_fact f JOIN m_dim d ON f.w = d.w LEFT JOIN m_dim e ON e.t = f.t');
SELECT in_passes('SELECT f.id, d.t FROM m_fact f JOIN m_dim d ON f.w = d.w ORDER BY f.id DESC, d.t LIMIT 30');

-- again, with another parameter, and a cursor
SET tqp.enabled = on;
SET plan_cache_mode = force_generic_plan;
PREPARE groups(int) AS SELECT count(*), sum(n), sum(s), max(w) FROM (SELECT w, count(*) n, sum(id) s FROM m_fact WHERE s < $1 GROUP BY w) x;
EXECUTE groups(100);
EXECUTE groups(50);
EXECUTE groups(100);
RESET plan_cache_mode;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT w, count(*) FROM m_fact GROUP BY w ORDER BY 2 DESC, 1 LIMIT 5;
FETCH 3 c;
FETCH BACKWARD 2 c;
FETCH 10 c;
COMMIT;
RESET tqp.enabled;

-- what cannot be in passes: IN whose answer may be NULL, one set of distinct values, sums of floats over groups, a large result
SELECT in_passes('SELECT count(*), sum(id) FROM m_fact f WHERE nw NOT IN (SELECT nw FROM m_dim)');
SELECT in_passes('SELECT count(*), sum(id) FROM m_fact f WHERE nw NOT IN (SELECT nw FROM m_dim WHERE nw IS NOT NULL)');
SELECT in_passes('SELECT count(DISTINCT w), count(DISTINCT t) FROM m_fact');
SELECT in_passes('SELECT count(*), round(sum(x)) FROM (SELECT w, sum(s::float8) x FROM m_fact GROUP BY w) x');
SELECT in_passes('SELECT count(*), count(w), count(s), sum(c) FROM (SELECT w, s, count(*) c FROM m_fact GROUP BY GROUPING SETS ((w), (s), (w, s), ())) x');
SELECT in_passes('SELECT count(*), sum(g), sum(id), count(f.id), count(d.w) FROM m_fact f FULL JOIN m_dim d ON f.w = d.w');
SELECT in_passes('SELECT f.id, f.w, f.s, f.n, d.g, d.n FROM m_fact f JOIN m_dim d ON f.w = d.w');
RESET tqp.memory_limit;
RESET tqp.threads;
DROP FUNCTION in_passes;
DROP TABLE m_fact, m_dim;
