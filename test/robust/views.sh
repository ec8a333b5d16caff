#!/bin/bash
# tqp.query_log shows a role its own statements, and all to pg_read_all_stats; pg_stat_statements and
# auto_explain see every statement once, with its calls and rows, however it was run.
. "$(dirname "$0")/lib.sh"
start_cluster "fsync = off" "shared_preload_libraries = 'pg_stat_statements, auto_explain, tqp'" \
    "auto_explain.log_min_duration = 0" "auto_explain.log_analyze = on" \
    "auto_explain.log_nested_statements = on" "pg_stat_statements.track = all" \
    "compute_query_id = on"
mark=$(wc -c <"$dir/log")
fresh robust_views
q "CREATE EXTENSION pg_stat_statements"
q "CREATE TABLE t AS SELECT g AS a, g % 10 AS k, md5(g::text) AS s FROM generate_series(1, 50000) g" \
    "VACUUM ANALYZE t" "SELECT tqp.load('t')" "GRANT SELECT ON t TO PUBLIC" >/dev/null
for role in robust_alice robust_bob robust_stats; do
    q -d postgres "DROP ROLE IF EXISTS $role" "CREATE ROLE $role LOGIN" >/dev/null
done
q "GRANT pg_read_all_stats TO robust_stats"
as() { PGUSER=$1 q "${@:2}"; }

# ---- the query log ----
as robust_alice "SET tqp.force = on" "SELECT sum(a) AS alices FROM t" >/dev/null
as robust_bob "SET tqp.force = on" "SELECT sum(a) AS bobs FROM t" >/dev/null
seen="SELECT string_agg(DISTINCT substring(query from 'AS ([a-z]+) FROM'), ',' ORDER BY
      substring(query from 'AS ([a-z]+) FROM')) FROM tqp.query_log WHERE query LIKE '%s FROM t'"
is "alice sees her own" "$(as robust_alice "$seen")" alices
is "bob sees his own" "$(as robust_bob "$seen")" bobs
is "pg_read_all_stats sees both" "$(as robust_stats "$seen")" alices,bobs
is "a superuser sees both" "$(q "$seen")" alices,bobs
q "GRANT robust_alice TO robust_bob"
is "a member of a role sees that role's" "$(as robust_bob "$seen")" alices,bobs
q "CREATE FUNCTION secret() RETURNS bigint LANGUAGE sql SECURITY DEFINER
   AS 'SELECT sum(a) AS secrets FROM public.t'" "ALTER FUNCTION secret() SET tqp.force = on"
as robust_alice "SELECT secret()" >/dev/null
is "a SECURITY DEFINER function's statements are not its caller's" "$(as robust_alice "$seen")" alices
is "outcome, database and role" "$(q "SELECT DISTINCT outcome, datname, rolname FROM tqp.query_log
    WHERE query LIKE '%alices%' AND query NOT LIKE '%query_log%'")" "offloaded|robust_views|robust_alice"
is "rows are those returned" "$(q "SET tqp.force = on" "SELECT a FROM t WHERE k = 3" \
    "SELECT rows FROM tqp.query_log WHERE query = 'SELECT a FROM t WHERE k = 3'" | tail -1)" 5000
q "SET tqp.force = on" "SELECT sum(1 / (a - 7)) FROM t" >/dev/null 2>&1
is "a replay has its reason" "$(q "SELECT outcome, reason IS NOT NULL FROM tqp.query_log
    WHERE query = 'SELECT sum(1 / (a - 7)) FROM t'")" "replayed|t"
q "SET tqp.force = on" "SELECT sum(a) OVER () FROM t" >/dev/null
is "a declined query has its reason" "$(q "SELECT DISTINCT outcome, reason IS NOT NULL FROM tqp.query_log
    WHERE query LIKE 'SELECT sum(a) OVER%'")" "declined|t"
is "the log is bounded" "$(q "SET tqp.force = on" \
    "DO \$\$ BEGIN FOR i IN 1..1500 LOOP PERFORM count(*) FROM t WHERE k = 1; END LOOP; END \$\$" \
    "SELECT count(*) <= 1024 FROM tqp.query_log" | tail -1)" t
is "progress is empty when nothing loads" "$(q "SELECT count(*) FROM tqp.stat_progress_load")" 0
is "what is cached" "$(q "SELECT relation, rows, column_names, stale_share FROM tqp.cache")" "t|50000|{a,k,s}|0"

# ---- pg_stat_statements ----
q "SELECT pg_stat_statements_reset()" >/dev/null
stats() { q "SELECT sum(calls), sum(rows) FROM pg_stat_statements WHERE query LIKE '$1%'"; }
q "SET tqp.force = on" "SELECT k, sum(a) AS first FROM t GROUP BY k" \
    "SELECT k, sum(a) AS first FROM t GROUP BY k" >/dev/null
is "an offloaded statement: calls and rows" "$(stats 'SELECT k, sum(a) AS first')" "2|20"
q "SET tqp.force = on" "PREPARE p(int) AS SELECT k, count(*) AS prepared FROM t WHERE a > \$1 GROUP BY k" \
    "EXECUTE p(1)" "EXECUTE p(2)" "EXECUTE p(49995)" >/dev/null
is "a prepared one" "$(stats 'PREPARE p')" "3|25"
q "SET tqp.force = on" "SET tqp.memory_limit = '1MB'" \
    "SELECT s, count(*) AS replayed FROM t GROUP BY s" >/dev/null
is "a replayed one, counted once" "$(stats 'SELECT s, count(\*) AS replayed')" "1|50000"
q "SET tqp.force = on" "BEGIN" "DECLARE c CURSOR FOR SELECT a AS cursors FROM t WHERE k = 2" \
    "FETCH 10 FROM c" "COMMIT" >/dev/null
is "a cursor" "$(stats 'FETCH' )" "1|10"
q "SET tqp.force = on" "CREATE TABLE made AS SELECT k, sum(a) FROM t GROUP BY k" >/dev/null
is "CREATE TABLE AS" "$(stats 'CREATE TABLE made')" "1|10"
q "SET tqp.force = on" "COPY (SELECT a FROM t WHERE k = 9) TO STDOUT" >/dev/null
is "COPY" "$(q "SELECT calls, rows FROM pg_stat_statements
    WHERE query LIKE 'COPY (SELECT a%' AND toplevel")" "1|5000"
is "every top level statement once" "$(q "SELECT max(calls) FROM pg_stat_statements
    WHERE query LIKE 'SELECT s, count%' OR query LIKE 'CREATE TABLE made%'")" 1

# ---- auto_explain ----
plans() { tail -c +$((mark + 1)) "$dir/log" | grep -c "Query Text: $1"; }
is "auto_explain: an offloaded statement twice" "$(plans 'SELECT k, sum(a) AS first')" 2
is "auto_explain shows the node" "$(tail -c +$((mark + 1)) "$dir/log" |
    grep -A3 'Query Text: SELECT k, sum(a) AS first' | grep -c 'Custom Scan (TqpScan).*rows=10')" 2
is "auto_explain: a replayed one once" "$(plans 'SELECT s, count(\*) AS replayed')" 1
is "EXPLAIN (BUFFERS)" "$(q "SET tqp.force = on" "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) SELECT sum(a) FROM t" | grep -c TqpScan)" 1
is "EXPLAIN (FORMAT JSON)" "$(q "SET tqp.force = on" "EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) SELECT k, sum(a) FROM t GROUP BY k" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["Plan"]["Custom Plan Provider"])')" TqpScan
is "no crash" "$(tail -c +$((mark + 1)) "$dir/log" | grep -c -e 'terminated by signal' -e PANIC)" 0
q -d postgres "DROP DATABASE robust_views WITH (FORCE)" "DROP ROLE robust_alice, robust_bob, robust_stats" >/dev/null
finish
