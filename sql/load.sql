-- tqp.load, tqp.unload, tqp.verify, tqp.cache: what they do, and how they refuse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tqp;
RESET client_min_messages;
\set VERBOSITY default
CREATE SCHEMA load;
SET search_path = load;

-- one table of every type that has a representation
CREATE TABLE kinds (
    id int, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric(12,2), wide numeric(30,5),
    d date, t time, ts timestamp, tz timestamptz, txt text, v varchar(12), c char(8))
    WITH (autovacuum_enabled = off);
INSERT INTO kinds
SELECT i, i % 3 = 0, i % 100, i * 10000000019, i / 4.0, -i / 3.0, (i % 2001 - 1000) / 100.0,
       i * 123456789012345.00001, date '1990-01-01' + i % 9000, time '00:00' + i * interval '1 s',
       timestamp '2000-01-01' - i * interval '1 min', timestamptz 'epoch' + i * interval '1 day',
       'text ' || i % 50, 'v' || i % 5, 'c' || i % 10
  FROM generate_series(1, 20000) i;
INSERT INTO kinds (id) SELECT NULL FROM generate_series(1, 10);
INSERT INTO kinds (id, f4, f8, d, ts, tz, n, txt) VALUES
    (-1, 'nan', '-0', 'infinity', '-infinity', 'infinity', -9999999999.99, ''),
    (-2, '-inf', 'nan', '-infinity', 'infinity', '-infinity', 9999999999.99, repeat('long ', 400));

-- before VACUUM nothing is all-visible
SELECT rows_cached, blocks_not_visible > 100 AS some_not_visible FROM tqp.load('kinds');
SELECT count(*) FROM tqp.cache WHERE relation = 'kinds'::regclass;
VACUUM kinds;
SELECT rows_cached, row_groups, columns_cached, bytes > 0 AS bytes, blocks_not_visible, seconds >= 0
  FROM tqp.load('kinds');
SELECT column_name, rows_checked, mismatches FROM tqp.verify('kinds');
SELECT relation, column_names, rows, row_groups, stale_share FROM tqp.cache
 WHERE relation = 'kinds'::regclass;

-- a second load has nothing to do; unloading says whether there was something
SELECT rows_cached, columns_cached FROM tqp.load('kinds');
SELECT tqp.unload('kinds');
SELECT tqp.unload('kinds');
SELECT count(*) FROM tqp.verify('kinds');

-- columns one after the other
SELECT rows_cached, columns_cached FROM tqp.load('kinds', '{id}');
SELECT rows_cached, columns_cached FROM tqp.load('kinds', '{txt,n,txt}');
SELECT column_names FROM tqp.cache WHERE relation = 'kinds'::regclass;
SELECT column_name, rows_checked, mismatches FROM tqp.verify('kinds');

-- only what changed is read again; what was appended joins
DELETE FROM kinds WHERE id BETWEEN 100 AND 110;
INSERT INTO kinds (id, txt) SELECT i, 'appended' FROM generate_series(30001, 40000) i;
SELECT stale_share > 0 AS stale FROM tqp.cache WHERE relation = 'kinds'::regclass;
VACUUM kinds;
SELECT rows_cached, columns_cached, blocks_not_visible FROM tqp.load('kinds', '{v}');
SELECT column_name, rows_checked, mismatches FROM tqp.verify('kinds');
SELECT stale_share FROM tqp.cache WHERE relation = 'kinds'::regclass;

-- out of line and compressed values, by both methods
CREATE TABLE toasted (id int, ext text, ext2 text, pglz text, big numeric(1000,2))
    WITH (autovacuum_enabled = off);
ALTER TABLE toasted ALTER ext SET STORAGE EXTERNAL;
INSERT INTO toasted
SELECT i, repeat(md5(i::text), 100 + i % 7), (SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 120) k),
       repeat('pglz ' || i, 300), NULL
  FROM generate_series(1, 300) i;
VACUUM toasted;
SELECT rows_cached, blocks_not_visible FROM tqp.load('toasted');
SELECT column_name, rows_checked, mismatches FROM tqp.verify('toasted');

-- values that have no representation: the column is refused when it is used, not when it is loaded
CREATE TABLE odd (id int, n numeric(10,2), w numeric(60,2)) WITH (autovacuum_enabled = off);
INSERT INTO odd VALUES (1, 'nan', 1), (2, 2.5, 1e50);
VACUUM odd;
SELECT rows_cached, columns_cached FROM tqp.load('odd');
SELECT column_name, rows_checked, mismatches FROM tqp.verify('odd');
SET tqp.force = on;
SELECT n, w FROM odd ORDER BY id;
SELECT sum(id) FROM odd;
RESET tqp.force;

-- columns that came and went
CREATE TABLE altered (a int, gone text, b int) WITH (autovacuum_enabled = off);
INSERT INTO altered SELECT i, 'gone', i FROM generate_series(1, 1000) i;
ALTER TABLE altered DROP COLUMN gone;
ALTER TABLE altered ADD COLUMN later numeric(8,2) DEFAULT 7.25, ADD COLUMN txt text DEFAULT 'missing',
    ADD COLUMN nothing int;
INSERT INTO altered SELECT i, i, i / 4.0, 'there', i FROM generate_series(1001, 2000) i;
VACUUM altered;
SELECT rows_cached, columns_cached FROM tqp.load('altered');
SELECT column_name, rows_checked, mismatches FROM tqp.verify('altered');

-- a column without a representation: left out, or refused when named
CREATE TABLE other (id int, j jsonb, free numeric, neg numeric(5,-2), nm name, iv interval)
    WITH (autovacuum_enabled = off);
INSERT INTO other SELECT i, '{}', i, i, 'n', '1 day' FROM generate_series(1, 10) i;
VACUUM other;
SELECT rows_cached, columns_cached FROM tqp.load('other');
SELECT tqp.load('other', '{id,free}');
SELECT tqp.load('other', '{free}');

-- refusals
\set VERBOSITY sqlstate
SELECT tqp.load('kinds', '{id,nosuch}');
SELECT tqp.load('pg_class');
SELECT tqp.load('other', '{neg}');
\set VERBOSITY default
SELECT tqp.load('kinds', '{id,nosuch}');
SELECT tqp.load('kinds', '{"ID"}');
SELECT tqp.load('kinds', '{}');
SELECT tqp.load('kinds', '{NULL}');
SELECT tqp.load('kinds', '{ctid}');
SELECT tqp.load('nosuch');
SELECT tqp.load(0);
SELECT tqp.load(NULL);
CREATE VIEW v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW mv AS SELECT i FROM generate_series(1, 100) i;
CREATE TABLE part (a int) PARTITION BY RANGE (a);
CREATE UNLOGGED TABLE unlogged (a int);
CREATE TEMP TABLE temporary (a int);
CREATE SEQUENCE seq;
CREATE INDEX kinds_id ON kinds (id);
CREATE FOREIGN DATA WRAPPER load_fdw;
CREATE SERVER load_server FOREIGN DATA WRAPPER load_fdw;
CREATE FOREIGN TABLE ft (a int) SERVER load_server;
SELECT tqp.load('v');
SELECT tqp.load('part');
SELECT tqp.load('ft');
SELECT tqp.load('seq');
SELECT tqp.load('kinds_id');
SELECT tqp.load('unlogged');
SELECT tqp.load('temporary');
SELECT tqp.load('pg_class');
SELECT tqp.unload('v');
SELECT tqp.verify('v');
VACUUM mv;
SELECT rows_cached FROM tqp.load('mv');
BEGIN;
CREATE TABLE fresh (a int);
SELECT tqp.load('fresh');
ROLLBACK;
BEGIN;
TRUNCATE odd;
SELECT tqp.load('odd');
ROLLBACK;

-- rights: SELECT to load and verify, ownership to unload
CREATE ROLE regress_tqp_load;
GRANT USAGE ON SCHEMA load TO regress_tqp_load;
SET ROLE regress_tqp_load;
SELECT tqp.load('kinds');
SELECT tqp.verify('kinds');
SELECT tqp.unload('kinds');
RESET ROLE;
GRANT SELECT (id) ON kinds TO regress_tqp_load;
SET ROLE regress_tqp_load;
SELECT rows_cached > 0 AS loaded FROM tqp.load('kinds', '{id}');
SELECT tqp.load('kinds', '{id,n}');
RESET ROLE;
GRANT SELECT ON kinds TO regress_tqp_load;
SET ROLE regress_tqp_load;
SELECT rows_cached > 0 AS loaded FROM tqp.load('kinds', '{n}');
SELECT sum(mismatches) FROM tqp.verify('kinds');
SELECT tqp.unload('kinds');
RESET ROLE;

-- the budget
SELECT tqp.unload('kinds');
SET tqp.cache_size = 0;
SELECT tqp.load('kinds');
RESET tqp.cache_size;
SELECT count(*) FROM tqp.cache WHERE relation = 'kinds'::regclass;

CREATE TABLE kinds2 AS SELECT * FROM kinds;
VACUUM kinds, kinds2;
SET tqp.cache_size = '4MB';
SELECT rows_cached > 0 AS loaded FROM tqp.load('kinds');
SELECT rows_cached > 0 AS loaded, bytes BETWEEN 2100000 AND 4100000 AS fits FROM tqp.load('kinds2');
SELECT relation FROM tqp.cache WHERE relation::text LIKE 'kinds%';
RESET tqp.cache_size;
SELECT rows_cached > 0 AS loaded FROM tqp.load('kinds');

-- a rewritten or dropped table's files go with the next load or unload
SELECT pg_relation_filenode('kinds2') AS node2, pg_relation_filenode('kinds') AS node,
       'pgsql_tmp_tqp/' || oid AS dir FROM pg_database WHERE datname = current_database() \gset
SELECT count(*) FROM pg_ls_dir(:'dir', true, false) f WHERE f ~ ('_' || :node || '$') OR f ~ ('_' || :node2 || '$');
DROP TABLE kinds2;
VACUUM FULL kinds;
VACUUM kinds;
SELECT tqp.unload('mv') IS NOT NULL AS tidied; -- whether eviction left it is not the point
SELECT count(*) FROM pg_ls_dir(:'dir', true, false) f WHERE f ~ ('_' || :node || '$') OR f ~ ('_' || :node2 || '$');

-- a cancelled load leaves nothing behind
SELECT count(*) FROM tqp.stat_progress_load;
SET statement_timeout = '1ms';
SELECT tqp.load('kinds') FROM generate_series(1, 1000);
RESET statement_timeout;
SELECT count(*) FROM tqp.stat_progress_load;
SELECT tqp.unload('kinds') IS NOT NULL AS unloaded;
SELECT rows_cached > 0 AS loaded FROM tqp.load('kinds');
SELECT sum(mismatches) FROM tqp.verify('kinds');

-- a database whose extension was created by an older script
CREATE FUNCTION old_load(relation regclass, OUT rows_cached bigint, OUT row_groups int, OUT columns_cached int,
    OUT bytes bigint, OUT blocks_not_visible bigint, OUT seconds float8) AS '$libdir/tqp', 'tqp_load' LANGUAGE C STRICT;
CREATE FUNCTION old_load(relation regclass, columns text[], OUT rows_cached bigint, OUT row_groups int, OUT columns_cached int,
    OUT bytes bigint, OUT blocks_not_visible bigint, OUT seconds float8) AS '$libdir/tqp', 'tqp_load' LANGUAGE C STRICT;
CREATE FUNCTION old_unload() RETURNS boolean AS '$libdir/tqp', 'tqp_unload' LANGUAGE C;
CREATE FUNCTION old_explain(sql text) RETURNS text AS '$libdir/tqp', 'tqp_explain_query' LANGUAGE C STRICT;
CREATE FUNCTION old_verify(relation regclass, OUT column_name text, OUT blocks_checked bigint)
    RETURNS SETOF record AS '$libdir/tqp', 'tqp_verify' LANGUAGE C STRICT;
CREATE FUNCTION old_uncached(OUT relid oid, OUT attnums smallint[], OUT uses bigint, OUT cost float8,
    OUT last_use timestamptz, OUT last_failure timestamptz)
    RETURNS SETOF record AS '$libdir/tqp', 'tqp_uncached_list' LANGUAGE C;
CREATE FUNCTION old_cache(OUT relid oid, OUT "rows" bigint) RETURNS SETOF record AS '$libdir/tqp', 'tqp_cache_list' LANGUAGE C;
CREATE FUNCTION old_log(OUT at timestamptz, OUT query text) RETURNS SETOF record AS '$libdir/tqp', 'tqp_query_log' LANGUAGE C;
CREATE FUNCTION old_progress(OUT pid int) RETURNS SETOF int AS '$libdir/tqp', 'tqp_stat_progress_load' LANGUAGE C;
CREATE FUNCTION old_preload(database oid) RETURNS void AS '$libdir/tqp', 'tqp_preload_add' LANGUAGE C;
SELECT old_load('kinds');
\set VERBOSITY sqlstate
SELECT old_load('kinds', '{id}');
SELECT old_unload();
SELECT old_explain('SELECT 1');
SELECT old_verify('kinds');
SELECT * FROM old_uncached();
SELECT * FROM old_cache();
SELECT * FROM old_log();
SELECT * FROM old_progress();
SELECT old_preload(0);
\set VERBOSITY default

DROP SCHEMA load CASCADE;
DROP FOREIGN DATA WRAPPER load_fdw CASCADE;
DROP ROLE regress_tqp_load;
SELECT count(*) FROM tqp.cache WHERE relation::text LIKE 'load.%';
