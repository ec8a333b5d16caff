-- Ways to run a query: prepared statements, cursors, functions, COPY, CREATE TABLE AS, SPI.
SET tqp.force = on;
SET tqp.isa = 'scalar';
SET tqp.threads = 1;

-- custom and generic plans; the value of a parameter is never part of the plan
PREPARE p1(int, numeric, date, text) AS
    SELECT count(*), sum(n) FROM q_all WHERE k = $1 AND n < $2 AND d >= $3 AND tc LIKE $4;
EXECUTE p1(3, 100.005, '1996-01-01', '%e%');
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE p1(3, 100.005, '1996-01-01', '%e%');
EXECUTE p1(3, 100.005, '1996-01-01', '%e%');
EXECUTE p1(3, 'NaN', '-infinity', '%');
EXECUTE p1(3, '-Infinity', '-infinity', '%');
EXECUTE p1(NULL, 1, '1996-01-01', '%');
SET tqp.enabled = off;
EXECUTE p1(3, 100.005, '1996-01-01', '%e%');
EXECUTE p1(3, 'NaN', '-infinity', '%');
SET tqp.enabled = on;
PREPARE p2(bigint, bigint) AS SELECT id FROM q_all ORDER BY id LIMIT $1 OFFSET $2;
EXECUTE p2(3, 10);
EXECUTE p2(NULL, 4997);
EXECUTE p2(-1, 0);
PREPARE p3(numeric) AS SELECT count(*) FROM q_all WHERE n = $1;
EXECUTE p3(-299.93);
EXECUTE p3(-299.930);
EXECUTE p3(-299.931);
-- the table grows past every range that an earlier execution proved
CREATE TABLE q_grow AS SELECT i AS a, (i % 3)::smallint AS s, 'x' || i % 4 AS t FROM generate_series(1, 1000) i;
PREPARE p4 AS SELECT s, t, count(*), sum(a::bigint * a), max(a) FROM q_grow GROUP BY s, t ORDER BY s, t;
EXECUTE p4;
INSERT INTO q_grow VALUES (2000000000, 32767, 'a new string'), (-2000000000, -32768, NULL);
EXECUTE p4;
ALTER TABLE q_grow ALTER a TYPE numeric(20,2);
PREPARE p5 AS SELECT sum(a), min(t) FROM q_grow;
EXECUTE p5;
DEALLOCATE ALL;
RESET plan_cache_mode;

-- a scan of the cache is counted as PostgreSQL counts its own
SET tqp.enabled = off;
SELECT pg_stat_force_next_flush();
SELECT seq_scan AS scans, seq_tup_read AS read FROM pg_stat_user_tables WHERE relname = 'q_all' \gset
SET tqp.enabled = on;
SELECT count(*) FROM q_all WHERE k = 3;
SELECT count(*) FROM q_all WHERE n * n * 1e33 < 0; -- replayed
CREATE TABLE q_heap AS SELECT i FROM generate_series(1, 10) i;
SELECT sum(i) FROM q_heap; -- no block is visible to all: read from the heap
SET tqp.enabled = off;
SELECT pg_stat_force_next_flush();
SELECT seq_scan - :scans AS scans, seq_tup_read - :read AS read FROM pg_stat_user_tables WHERE relname = 'q_all';
SELECT seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'q_heap';
DROP TABLE q_heap;
SET tqp.enabled = on;

-- cursors: backward, rescanned, held, and a positioned one
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT k, sum(i4) FROM q_all GROUP BY k ORDER BY k;
FETCH 2 FROM c;
FETCH ABSOLUTE 9 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH LAST FROM c;
FETCH NEXT FROM c;
FETCH PRIOR FROM c;
FETCH FIRST FROM c;
FETCH PRIOR FROM c;
FETCH NEXT FROM c;
DECLARE a SCROLL CURSOR FOR SELECT k, avg(i4) FROM q_all GROUP BY k ORDER BY k;
FETCH ABSOLUTE 3 FROM a;
FETCH RELATIVE -2 FROM a;
DECLARE h CURSOR WITH HOLD FOR SELECT count(*) FROM q_all;
COMMIT;
FETCH h;
CLOSE h;
BEGIN;
EXPLAIN (COSTS OFF, VERBOSE) DECLARE v CURSOR FOR SELECT a FROM q_grow WHERE s = 1;
DECLARE w CURSOR FOR SELECT a FROM q_grow WHERE t = 'a new string';
FETCH w;
UPDATE q_grow SET s = 7 WHERE CURRENT OF w;
SELECT s FROM q_grow WHERE t = 'a new string';
ROLLBACK;

-- own uncommitted changes, savepoints
BEGIN;
SELECT count(*), sum(k) FROM q_all;
DELETE FROM q_all WHERE k = 9;
SELECT count(*), sum(k) FROM q_all;
SAVEPOINT s;
INSERT INTO q_all (id, k, n) VALUES (-1, 1000000, 99999.99);
SELECT count(*), sum(k), max(n) FROM q_all;
ROLLBACK TO s;
SELECT count(*), sum(k), max(n) FROM q_all;
ROLLBACK;
SELECT count(*), sum(k) FROM q_all;

-- PL/pgSQL, SQL functions
CREATE FUNCTION q_count(limit_k int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    result bigint;
BEGIN
    SELECT count(*) INTO result FROM q_all WHERE k < limit_k;
    RETURN result;
END $$;
SELECT q_count(3), q_count(5), q_count(NULL);
SELECT i, q_count(i) FROM generate_series(1, 8) i WHERE i % 2 = 0;
CREATE FUNCTION q_sum(limit_k int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT sum(i4) FROM q_all WHERE k < limit_k';
SELECT q_sum(3);
DO $$
DECLARE
    r record;
    total bigint := 0;
BEGIN
    FOR r IN SELECT k, count(*) AS c FROM q_all GROUP BY k LOOP
        total := total + r.c;
    END LOOP;
    RAISE NOTICE 'rows: %', total;
    SELECT sum(k) INTO STRICT total FROM q_all WHERE id <= 10;
    RAISE NOTICE 'sum: %', total;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'error: %', SQLERRM;
END $$;

-- COPY, CREATE TABLE AS, INSERT SELECT, materialised views
COPY (SELECT k, sum(n), max(tc) FROM q_all GROUP BY k ORDER BY k LIMIT 2) TO STDOUT;
CREATE TABLE q_as AS SELECT k, avg(n) AS a, max(c) AS c FROM q_all GROUP BY k;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
 WHERE attrelid = 'q_as'::regclass AND attnum > 0 ORDER BY attnum;
INSERT INTO q_as SELECT 100, sum(n), min(c) FROM q_all;
SELECT count(*), max(k) FROM q_as;
CREATE MATERIALIZED VIEW q_view AS SELECT k, count(*) AS c FROM q_all GROUP BY k;
REFRESH MATERIALIZED VIEW q_view;
SELECT sum(c) FROM q_view;
DROP MATERIALIZED VIEW q_view;
DROP TABLE q_as, q_grow;
DROP FUNCTION q_count, q_sum;
-- the rows that were deleted and inserted above cleared the map: the next files read the cache again
VACUUM q_all;
SELECT rows_cached, blocks_not_visible FROM tqp.load('q_all');
