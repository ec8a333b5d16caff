-- tqp.auto_load: which queries fill the cache, which do not wait for that, what is counted
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tqp;
RESET client_min_messages;
CREATE SCHEMA auto_load;
SET search_path = auto_load;
SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0;

-- cached: rows of a query from the cache and the heap, or why PostgreSQL ran it
CREATE FUNCTION cached(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    seen text := 'not offloaded';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || q LOOP
        IF line ~ 'Blocks From Cache' THEN
            seen := CASE WHEN line ~ ': 0$' THEN 'heap' ELSE 'cache' END;
        ELSIF line ~ 'Blocks From Heap' AND seen = 'cache' AND line !~ ': 0$' THEN
            seen := 'cache and heap';
        ELSIF line ~ 'Cache Loaded' THEN
            seen := seen || ', loaded by it';
        ELSIF line ~ 'Replayed' THEN
            seen := substring(line FROM 'Replayed.*');
        END IF;
    END LOOP;
    RETURN seen;
END $$;
CREATE FUNCTION same(q text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    off text;
    onn text;
BEGIN
    SET LOCAL tqp.enabled = off;
    EXECUTE 'SELECT string_agg(x::text, ''; '') FROM (' || q || ') x' INTO off;
    SET LOCAL tqp.enabled = on;
    EXECUTE 'SELECT string_agg(x::text, ''; '') FROM (SELECT * FROM (' || q || ') y OFFSET 0) x' INTO onn;
    RETURN off IS NOT DISTINCT FROM onn;
END $$;

-- 1,200 blocks
CREATE TABLE t (id int PRIMARY KEY, k int, v numeric(10,2), s text, pad char(60))
    WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, i % 100, i / 4.0, 's' || i % 9, '' FROM generate_series(1, 88000) i;
CREATE INDEX t_k ON t (k);
SELECT pg_relation_size('t') / 8192 BETWEEN 1024 AND 1600 AS large;

-- not all-visible: nothing can be loaded, but the use counts
SELECT cached('SELECT sum(v) FROM t');
SELECT relation, column_names, uses, last_failure FROM tqp.uncached;
SELECT tqp.unload('t');
VACUUM ANALYZE t;

-- a plan that reads less than the table does not wait; the sum of such plans is what a load may cost
SET tqp.min_cost = 0;
SELECT cached('SELECT sum(v), max(s) FROM t WHERE id BETWEEN 5 AND 100');
SELECT relation, column_names, uses, cost > 0 AS cost FROM tqp.uncached;
SELECT count(*) FROM tqp.cache WHERE relation = 't'::regclass;
SELECT cached('SELECT sum(v), max(s) FROM t WHERE id BETWEEN 5 AND 100') FROM generate_series(1, 3) GROUP BY 1;
SELECT tqp.unload('t');
SELECT count(*) FROM tqp.uncached;
DO $$
DECLARE
    n int := 0;
BEGIN
    WHILE n < 1000 AND cached('SELECT sum(v), max(s) FROM t WHERE id BETWEEN 5 AND 1000') LIKE 'Replayed%' LOOP
        n := n + 1;
    END LOOP;
    RAISE NOTICE 'loaded after several: %', n BETWEEN 2 AND 200;
END $$;
SELECT column_names FROM tqp.cache WHERE relation = 't'::regclass;
SELECT cached('SELECT sum(v), max(s) FROM t WHERE k < 3');
SELECT count(*) AS counted FROM tqp.uncached;
-- a LIMIT over the table is such a plan too
SELECT tqp.unload('t');
SELECT cached('SELECT id, v FROM t WHERE v > 3 LIMIT 5');

-- one that reads the table fills the cache on its way, with what it reads
SELECT cached('SELECT sum(v) FROM t');
SELECT column_names FROM tqp.cache WHERE relation = 't'::regclass;
SELECT cached('SELECT k, sum(v) FROM t GROUP BY k');
SELECT cached('SELECT k, sum(v) FROM t GROUP BY k');
SELECT column_names FROM tqp.cache WHERE relation = 't'::regclass;
SELECT count(*) AS counted FROM tqp.uncached;
SELECT sum(mismatches) FROM tqp.verify('t');
SELECT tqp.unload('t');
SET tqp.auto_load = off;
SELECT cached('SELECT sum(v) FROM t');
SELECT count(*) AS counted FROM tqp.uncached;
SET tqp.auto_load = on;

-- two tables: what both plans read counts
CREATE TABLE u (id int PRIMARY KEY, w int, pad char(100)) WITH (autovacuum_enabled = off);
INSERT INTO u SELECT i, i % 7, '' FROM generate_series(1, 70000) i;
VACUUM ANALYZE u;
SELECT cached('SELECT sum(t.v), sum(u.w) FROM t JOIN u USING (id) WHERE t.id < 50');
SELECT relation, column_names, uses FROM tqp.uncached ORDER BY 1;
SELECT cached('SELECT sum(t.v), sum(u.w) FROM t JOIN u USING (id)');
SELECT relation, column_names FROM tqp.cache WHERE relation IN ('t'::regclass, 'u'::regclass) ORDER BY 1;
-- one of them is cached: only the other counts
SELECT tqp.unload('u');
SELECT cached('SELECT sum(t.v), sum(u.w) FROM t JOIN u USING (id) WHERE u.w < 3');
SELECT tqp.unload('t'), tqp.unload('u');

-- no room: the load stops, the query does not fail, and no other attempt follows at once
SET tqp.cache_size = 0;
SELECT cached('SELECT sum(v) FROM t');
SELECT cached('SELECT sum(v) FROM t');
RESET tqp.cache_size;
SELECT cached('SELECT sum(v) FROM t');
SELECT relation, uses, last_failure IS NOT NULL AS failed FROM tqp.uncached;
SELECT count(*) FROM tqp.cache WHERE relation = 't'::regclass;
-- another table is not affected, and a load on request begins anew
SELECT cached('SELECT sum(w) FROM u');
SELECT rows_cached FROM tqp.load('t', '{v}');
SELECT count(*) AS counted FROM tqp.uncached;
SELECT cached('SELECT sum(v) FROM t');

-- own uncommitted rows, savepoints: the cache holds what was all-visible, the query sees its own
SELECT tqp.unload('t');
BEGIN;
INSERT INTO t SELECT i, 1, 1000, 'own', '' FROM generate_series(100001, 100100) i;
UPDATE t SET v = v + 1 WHERE id % 1000 = 0;
SAVEPOINT a;
DELETE FROM t WHERE id < 500;
SELECT cached('SELECT count(*), sum(v) FROM t');
SELECT same('SELECT count(*), sum(v), min(id) FROM t') AS deleted;
ROLLBACK TO a;
SELECT same('SELECT count(*), sum(v), min(id) FROM t') AS undone;
SAVEPOINT b;
SELECT tqp.unload('t');
SELECT cached('SELECT count(*), sum(v) FROM t') LIKE 'cache and heap, loaded%' AS loaded_in_subtransaction;
ROLLBACK TO b;
SELECT same('SELECT count(*), sum(v) FROM t') AS after_its_rollback;
ROLLBACK;
SELECT same('SELECT count(*), sum(v), max(id) FROM t') AS rolled_back;
SELECT sum(mismatches) FROM tqp.verify('t');

-- an older snapshot, SERIALIZABLE, a cursor that is not run to its end
SELECT tqp.unload('t');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cached('SELECT sum(v) FROM t') LIKE '%loaded by it' AS serializable_loads;
SELECT same('SELECT count(*), sum(v) FROM t');
COMMIT;
SELECT tqp.unload('t');
BEGIN;
DECLARE c CURSOR FOR SELECT v, count(*) FROM t GROUP BY v ORDER BY v DESC;
FETCH 2 FROM c;
SELECT column_names FROM tqp.cache WHERE relation = 't'::regclass;
CLOSE c;
COMMIT;
SELECT tqp.unload('t');
BEGIN;
DECLARE c CURSOR FOR SELECT v, count(*) FROM t GROUP BY v ORDER BY v DESC;
SAVEPOINT a;
FETCH 1 FROM c;
ROLLBACK TO a;
FETCH 1 FROM c;
ROLLBACK;
SELECT cached('SELECT v, count(*) FROM t GROUP BY v');

-- a statement that fails after its load: what was published stays, and is right
SELECT tqp.unload('t');
SELECT sum(v) / (count(*) - count(*)) FROM t;
SELECT cached('SELECT sum(v) FROM t');

-- made or rewritten in this transaction, unlogged, temporary: nothing is loaded nor counted
BEGIN;
TRUNCATE t;
INSERT INTO t SELECT i, i % 100, i / 4.0, 's' || i % 9, '' FROM generate_series(1, 88000) i;
SELECT cached('SELECT sum(v) FROM t') LIKE 'Replayed: columns are not in the cache%' AS rewritten;
SELECT same('SELECT sum(v) FROM t');
ROLLBACK;
BEGIN;
CREATE TABLE n AS SELECT i, repeat('x', 100) AS p FROM generate_series(1, 88000) i;
SELECT cached('SELECT sum(i) FROM n') LIKE 'Replayed: columns are not in the cache%' AS new;
ROLLBACK;
CREATE UNLOGGED TABLE un AS SELECT i, repeat('x', 100) AS p FROM generate_series(1, 88000) i;
CREATE TEMP TABLE te AS SELECT i, repeat('x', 100) AS p FROM generate_series(1, 88000) i;
VACUUM un, te;
SELECT same('SELECT sum(i) FROM un'), same('SELECT sum(i) FROM te');
SELECT count(*) AS counted FROM tqp.uncached;

-- a cache of which a part has changed: an index does not wait for that part either, and what a query
-- does not read is not read anew for it, but would be by a worker
CREATE TABLE w (id int PRIMARY KEY, k int, v int, pad char(100)) WITH (autovacuum_enabled = off);
INSERT INTO w SELECT i, i % 10, i % 7, '' FROM generate_series(1, 150000) i;
VACUUM ANALYZE w;
SELECT columns_cached FROM tqp.load('w');
DELETE FROM w WHERE id % 20 = 0 AND id < 66000;
SELECT cached('SELECT sum(v) FROM w WHERE id BETWEEN 5 AND 100');
SELECT cached('SELECT k, sum(v) FROM w GROUP BY k');
SELECT count(*) AS counted FROM tqp.uncached;
VACUUM w;
SELECT cached('SELECT sum(v) FROM w WHERE id BETWEEN 5 AND 100');
SELECT relation, column_names, uses FROM tqp.uncached;
SELECT cached('SELECT k, sum(v) FROM w GROUP BY k');
SELECT column_names FROM tqp.cache WHERE relation = 'w'::regclass;
SELECT count(*) AS counted FROM tqp.uncached;
-- all of it
UPDATE w SET v = v + 1;
VACUUM w;
SELECT cached('SELECT sum(v) FROM w WHERE id BETWEEN 5 AND 100');
SELECT cached('SELECT k, sum(v) FROM w GROUP BY k');
SELECT column_names FROM tqp.cache WHERE relation = 'w'::regclass;
SELECT relation, column_names, uses FROM tqp.uncached;
SELECT same('SELECT k, sum(v), count(*) FROM w GROUP BY k ORDER BY k');
SELECT sum(mismatches) FROM tqp.verify('w');

-- a small table is read from the heap three times, then loaded; a tiny one never
CREATE TABLE small WITH (autovacuum_enabled = off) AS
    SELECT i AS a, i % 5 AS b, repeat('x', 50) AS pad FROM generate_series(1, 5000) i;
CREATE TABLE tiny WITH (autovacuum_enabled = off) AS SELECT i AS a FROM generate_series(1, 100) i;
VACUUM ANALYZE small, tiny;
SELECT cached('SELECT b, sum(a) FROM small GROUP BY b') FROM generate_series(1, 5);
SELECT cached('SELECT sum(a) FROM tiny') FROM generate_series(1, 5) GROUP BY 1;
SELECT same('SELECT b, sum(a) FROM small GROUP BY b ORDER BY b');

-- asking for VACUUM: the owner may, in a database that writes
CREATE TABLE fresh AS SELECT i AS a, i % 5 AS b FROM generate_series(1, 20000) i;
ALTER TABLE fresh SET (autovacuum_enabled = off);
CREATE ROLE regress_tqp_auto;
GRANT USAGE ON SCHEMA auto_load TO regress_tqp_auto;
GRANT SELECT ON fresh TO regress_tqp_auto;
SET ROLE regress_tqp_auto;
SELECT tqp.load('fresh', vacuum => true);
RESET ROLE;
BEGIN;
SELECT rows_cached FROM tqp.load('fresh', '{b}', vacuum => true);
SELECT pg_sleep(0.3);
SELECT count(*) AS waits_for_us FROM tqp.cache WHERE relation = 'fresh'::regclass;
COMMIT;
DO $$
BEGIN
    FOR i IN 1..300 LOOP
        PERFORM pg_sleep(0.1);
        EXIT WHEN (SELECT sum(rows) FROM tqp.cache WHERE relation = 'fresh'::regclass) = 20000;
    END LOOP;
END $$;
SELECT column_names, rows, stale_share FROM tqp.cache WHERE relation = 'fresh'::regclass;
-- nothing to do, nothing started
SELECT rows_cached, blocks_not_visible FROM tqp.load('fresh', vacuum => true);
SELECT rows_cached, columns_cached FROM tqp.load('fresh', NULL, NULL);

SET client_min_messages = warning;
DROP SCHEMA auto_load CASCADE;
DROP ROLE regress_tqp_auto;
