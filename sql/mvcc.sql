-- cached blocks against every way in which a table changes: each answer is compared with
-- PostgreSQL's own, and the blocks' origin is shown where it is what matters
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tqp;
CREATE SCHEMA mvcc;
SET search_path = mvcc;
SET tqp.force = on;
SET tqp.auto_load = off;

-- The engine's answer with the blocks that it took from the cache and from the heap; PostgreSQL's
-- answer too when they differ.
CREATE FUNCTION same(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours record;
    theirs record;
    line text;
    origin text := 'not offloaded';
BEGIN
    SET LOCAL tqp.enabled = off;
    EXECUTE q INTO theirs;
    SET LOCAL tqp.enabled = on;
    EXECUTE q INTO ours;
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || q LOOP
        IF line ~ 'Blocks From Cache' THEN
            origin := CASE WHEN line ~ ': 0$' THEN 'heap' ELSE 'cache' END;
        ELSIF line ~ 'Blocks From Heap' AND origin = 'cache' AND line !~ ': 0$' THEN
            origin := 'cache and heap';
        END IF;
    END LOOP;
    IF ours IS DISTINCT FROM theirs THEN
        RETURN format('DIFFERENT: %s instead of %s (%s)', ours, theirs, origin);
    END IF;
    RETURN format('%s (%s)', ours, origin);
END $$;

CREATE TABLE t (id int, n numeric(10,2), s text COLLATE "C") WITH (autovacuum_enabled = off, fillfactor = 90);
INSERT INTO t SELECT i, i / 4.0, 's' || i % 10 FROM generate_series(1, 20000) i;
\set q 'SELECT count(*), sum(id), sum(n), min(s), max(s) FROM t'

SELECT same(:'q') AS never_loaded;
SELECT rows_cached FROM tqp.load('t');
SELECT same(:'q') AS nothing_visible;
VACUUM t;
SELECT rows_cached FROM tqp.load('t');
SELECT same(:'q') AS loaded;

-- own writes, also those of a subtransaction; rollback
BEGIN;
UPDATE t SET n = n + 1 WHERE id % 5000 = 0;
SELECT same(:'q') AS own_update;
SAVEPOINT a;
DELETE FROM t WHERE id <= 10;
INSERT INTO t VALUES (-1, 9.99, 'zzz'), (-2, NULL, NULL);
SELECT same(:'q') AS own_insert_and_delete;
ROLLBACK TO a;
SELECT same(:'q') AS after_rollback_to;
ROLLBACK;
SELECT same(:'q') AS after_rollback;

-- committed, then vacuumed: the map's LSN moves, blocks that did not change are proved by their own
DELETE FROM t WHERE id BETWEEN 101 AND 200;
SELECT same(:'q') AS deleted;
VACUUM t;
SELECT same(:'q') AS vacuumed;
SELECT same(:'q') AS restamped;
SELECT sum(mismatches) FROM tqp.verify('t');

-- a cleared bit that is set again: the row was replaced by another of the same size in the same place
BEGIN;
DELETE FROM t WHERE id = 15000;
COMMIT;
VACUUM t;
INSERT INTO t VALUES (15001, 0.01, 's0');
VACUUM t;
SELECT same(:'q') AS replaced;
SELECT rows_cached FROM tqp.load('t');
SELECT same(:'q') AS reloaded;
SELECT sum(mismatches) FROM tqp.verify('t');

-- a transaction that was rolled back leaves its bits cleared until VACUUM
BEGIN;
UPDATE t SET s = 'rolled back' WHERE id = 1000;
ROLLBACK;
SELECT same(:'q') AS rolled_back;
VACUUM t;
SELECT same(:'q') AS rolled_back_vacuumed;

-- row locks clear no all-visible bit
BEGIN;
SELECT count(*) FROM (SELECT 1 FROM t WHERE id < 100 FOR UPDATE) x;
SELECT same(:'q') AS locked;
COMMIT;

-- a cursor keeps its snapshot, and sees its transaction's earlier writes only
BEGIN;
INSERT INTO t VALUES (-5, 5, 'before');
DECLARE c CURSOR FOR SELECT count(*), sum(id) FROM t;
INSERT INTO t VALUES (-6, 6, 'after');
UPDATE t SET id = 0 WHERE id = 7;
FETCH ALL FROM c;
SELECT same('SELECT count(*), sum(id) FROM t') AS now;
ROLLBACK;

-- a holdable cursor outlives the rows
BEGIN;
DECLARE h CURSOR WITH HOLD FOR SELECT count(*), sum(id) FROM t;
COMMIT;
DELETE FROM t WHERE id > 19000;
FETCH ALL FROM h;
CLOSE h;
SELECT same(:'q') AS after_hold;

-- prepared: each execution binds anew
PREPARE p(int) AS SELECT count(*), sum(n) FROM t WHERE id < $1;
EXECUTE p(100);
INSERT INTO t SELECT i, 1000000, 'grown' FROM generate_series(50001, 52000) i;
EXECUTE p(60000);
DELETE FROM t WHERE id > 50000;
EXECUTE p(60000);
DEALLOCATE p;

-- the relation grows, is cut, is rewritten; FREEZE waits for pages that the checkpointer writes
VACUUM (FREEZE) t;
SELECT rows_cached FROM tqp.load('t');
INSERT INTO t SELECT i, i, 'tail' FROM generate_series(100001, 110000) i;
SELECT same(:'q') AS grown;
DELETE FROM t WHERE id > 100000;
VACUUM t;
SELECT same(:'q') AS truncated_by_vacuum;
SELECT rows_cached FROM tqp.load('t');
VACUUM FULL t;
SELECT same(:'q') AS rewritten;
SELECT count(*) FROM tqp.cache WHERE relation = 't'::regclass;
VACUUM t;
SELECT rows_cached FROM tqp.load('t');
SELECT same(:'q') AS loaded_again;
BEGIN;
TRUNCATE t;
SELECT same(:'q') AS truncated;
INSERT INTO t VALUES (1, 1, 'one');
SELECT same(:'q') AS truncated_and_filled;
ROLLBACK;
SELECT same(:'q') AS truncate_rolled_back;

-- COPY FREEZE appends to all-visible pages, in the transaction that made the file only
BEGIN;
CREATE TABLE frozen (a int) WITH (autovacuum_enabled = off);
COPY frozen FROM stdin WITH (FREEZE);
1
2
\.
SELECT same('SELECT count(*), sum(a) FROM frozen') AS frozen;
COPY frozen FROM stdin WITH (FREEZE);
3
\.
SELECT same('SELECT count(*), sum(a) FROM frozen') AS frozen_twice;
COMMIT;
SELECT rows_cached FROM tqp.load('frozen');
SELECT same('SELECT count(*), sum(a) FROM frozen') AS frozen_loaded;

-- columns: added with and without a default, dropped, changed in type, in typmod, in collation
SELECT rows_cached FROM tqp.load('t');
ALTER TABLE t ADD COLUMN extra int DEFAULT 42, ADD COLUMN empty text;
SELECT same('SELECT count(*), sum(extra), count(empty) FROM t') AS added;
UPDATE t SET extra = 43, empty = 'x' WHERE id = 50;
VACUUM t;
SELECT columns_cached FROM tqp.load('t');
SELECT same('SELECT count(*), sum(extra), count(empty), max(empty) FROM t') AS added_and_loaded;
ALTER TABLE t DROP COLUMN empty;
SELECT same('SELECT count(*), sum(extra), sum(id) FROM t') AS dropped;
ALTER TABLE t ALTER COLUMN n TYPE numeric(14,2);
SELECT same(:'q') AS wider_numeric;
ALTER TABLE t ALTER COLUMN s TYPE varchar(40);
SELECT same('SELECT count(*), min(s), max(s) FROM t') AS varchar;
ALTER TABLE t ALTER COLUMN id TYPE bigint;
SELECT same(:'q') AS bigint;
VACUUM t;
SELECT columns_cached FROM tqp.load('t');
SELECT same(:'q') AS all_loaded;
SELECT sum(mismatches) FROM tqp.verify('t');

-- auto_load: loads what is missing, refreshes what has gone stale
SELECT tqp.unload('t');
SET tqp.auto_load = on;
SELECT same(:'q') AS auto_loaded;
SELECT column_names FROM tqp.cache WHERE relation = 't'::regclass;
UPDATE t SET extra = 1 WHERE id % 40 = 0;
VACUUM t;
SELECT same(:'q') AS refreshed;
SELECT stale_share FROM tqp.cache WHERE relation = 't'::regclass;

-- tables that the cache cannot serve
CREATE TEMP TABLE temporary AS SELECT i FROM generate_series(1, 100) i;
SELECT same('SELECT count(*), sum(i) FROM temporary') AS temporary;
CREATE UNLOGGED TABLE unlogged AS SELECT i FROM generate_series(1, 100) i;
SELECT same('SELECT count(*), sum(i) FROM unlogged') AS unlogged;
CREATE TABLE nothing (i int);
SELECT same('SELECT count(*), sum(i) FROM nothing') AS empty;

DROP SCHEMA mvcc CASCADE;
