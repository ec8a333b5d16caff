/* Objects of the extension tqp.  All of them live in the schema tqp. */
\echo Use "CREATE EXTENSION tqp" to load this file. \quit

CREATE SCHEMA tqp;
GRANT USAGE ON SCHEMA tqp TO PUBLIC;

/* ---- installation: later sessions of this database load the library by themselves ---- */

CREATE FUNCTION tqp.preload_add() RETURNS void
    AS 'MODULE_PATHNAME', 'tqp_preload_add' LANGUAGE C;
REVOKE ALL ON FUNCTION tqp.preload_add() FROM PUBLIC;
SELECT tqp.preload_add();

/* ---- what ran where ---- */

CREATE FUNCTION tqp.query_log_entries(
    OUT at timestamptz, OUT datid oid, OUT userid oid, OUT pid int, OUT outcome text,
    OUT reason text, OUT ms float8, OUT "rows" bigint, OUT query_id bigint, OUT query text)
    RETURNS SETOF record AS 'MODULE_PATHNAME', 'tqp_query_log' LANGUAGE C;
CREATE VIEW tqp.query_log AS
    SELECT l.at, d.datname, r.rolname, l.pid, l.outcome, l.reason, l.ms, l."rows", l.query_id,
           l.query
      FROM tqp.query_log_entries() l
           LEFT JOIN pg_catalog.pg_database d ON d.oid = l.datid
           LEFT JOIN pg_catalog.pg_roles r ON r.oid = l.userid;
GRANT SELECT ON tqp.query_log TO PUBLIC;

CREATE FUNCTION tqp.progress_load_entries(
    OUT pid int, OUT datid oid, OUT relid oid, OUT started timestamptz, OUT blocks_total bigint,
    OUT blocks_done bigint, OUT rows_done bigint)
    RETURNS SETOF record AS 'MODULE_PATHNAME', 'tqp_stat_progress_load' LANGUAGE C;
CREATE VIEW tqp.stat_progress_load AS
    SELECT p.pid, d.datname, p.relid,
           CASE WHEN p.datid = (SELECT oid FROM pg_catalog.pg_database
                                 WHERE datname = pg_catalog.current_database())
                THEN p.relid::pg_catalog.regclass END AS relation,
           p.started, p.blocks_total, p.blocks_done, p.rows_done
      FROM tqp.progress_load_entries() p
           LEFT JOIN pg_catalog.pg_database d ON d.oid = p.datid;
GRANT SELECT ON tqp.stat_progress_load TO PUBLIC;

/* ---- the cache: loading, what it holds, whether it is right ---- */

CREATE FUNCTION tqp.load(relation regclass, columns text[] DEFAULT NULL,
    vacuum boolean DEFAULT false,
    OUT rows_cached bigint, OUT row_groups int, OUT columns_cached int, OUT bytes bigint,
    OUT blocks_not_visible bigint, OUT seconds float8)
    AS 'MODULE_PATHNAME', 'tqp_load' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION tqp.load(regclass, text[], boolean) IS
    'bring the cache of a table up to date and add the named columns, or all that can be cached';

CREATE FUNCTION tqp.unload(relation regclass) RETURNS boolean
    AS 'MODULE_PATHNAME', 'tqp_unload' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION tqp.unload(regclass) IS 'remove the cache of a table; was there one?';

CREATE FUNCTION tqp.verify(relation regclass,
    OUT column_name text, OUT blocks_checked bigint, OUT rows_checked bigint,
    OUT mismatches bigint)
    RETURNS SETOF record AS 'MODULE_PATHNAME', 'tqp_verify' LANGUAGE C STRICT VOLATILE
    PARALLEL UNSAFE;
COMMENT ON FUNCTION tqp.verify(regclass) IS
    'compare every valid cached block with the table';

CREATE FUNCTION tqp.cache_entries(
    OUT relid oid, OUT column_names text[], OUT "rows" bigint, OUT row_groups int,
    OUT bytes bigint, OUT blocks bigint, OUT blocks_fresh bigint, OUT stale_share float8)
    RETURNS SETOF record AS 'MODULE_PATHNAME', 'tqp_cache_list' LANGUAGE C VOLATILE
    PARALLEL UNSAFE;
CREATE VIEW tqp.cache AS
    SELECT relid::pg_catalog.regclass AS relation, column_names, "rows", row_groups, bytes, blocks,
           blocks_fresh, stale_share
      FROM tqp.cache_entries();
GRANT SELECT ON tqp.cache TO PUBLIC;

CREATE FUNCTION tqp.uncached_entries(
    OUT relid oid, OUT filenode oid, OUT attnums smallint[], OUT uses bigint, OUT cost float8,
    OUT last_use timestamptz, OUT last_failure timestamptz)
    RETURNS SETOF record AS 'MODULE_PATHNAME', 'tqp_uncached_list' LANGUAGE C VOLATILE;
CREATE VIEW tqp.uncached AS
    SELECT u.relid::pg_catalog.regclass AS relation,
           ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
                  WHERE a.attrelid = u.relid AND a.attnum = ANY (u.attnums) AND NOT a.attisdropped
                  ORDER BY a.attnum) AS column_names,
           u.uses, u.cost, u.last_use, u.last_failure
      FROM tqp.uncached_entries() u
           JOIN pg_catalog.pg_class c ON c.oid = u.relid
     WHERE pg_catalog.pg_relation_filenode(c.oid) = u.filenode;
GRANT SELECT ON tqp.uncached TO PUBLIC;

/* ---- what finishes aggregates above the engine ---- */

CREATE FUNCTION tqp.variance(count bigint, sum numeric, squares numeric, sample boolean,
    root boolean)
    RETURNS numeric AS 'MODULE_PATHNAME', 'tqp_variance' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tqp.variance(bigint, numeric, numeric, boolean, boolean) IS
    'variance, or its root, of so many numbers of this sum and sum of squares; of a sample or all';

/* ---- seeing how a query runs ---- */

CREATE FUNCTION tqp.explain(sql text, stage text DEFAULT 'optimised') RETURNS text
    AS 'MODULE_PATHNAME', 'tqp_explain_query' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION tqp.explain(text, text) IS
    'a query as tensor IR (stages lowered, optimised) or as the program that it binds to now';
