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
