#!/bin/bash
# The background workers: they reload what went stale, remove orphans, follow their settings, leave
# databases without caches alone, and die and come back without hurting the server.
. "$(dirname "$0")/lib.sh"
start_cluster "fsync = off" "autovacuum = off" "shared_preload_libraries = 'tqp'" \
    "tqp.worker_naptime = 1s"
mark=$(wc -c <"$dir/log")
fresh robust_workers
cache=$dir/data/pgsql_tmp_tqp

# until WHAT SQL WANTED: polls for 20 seconds
until_is() {
    local got i
    for i in $(seq 100); do
        got=$(q "$2")
        [ "$got" = "$3" ] && break
        sleep 0.2
    done
    is "$1" "$got" "$3"
}
gone() {
    local i
    for i in $(seq 100); do
        [ -e "$2" ] || break
        sleep 0.2
    done
    is "$1" "$([ -e "$2" ] && echo there || echo gone)" gone
}

is "the launcher runs" "$(q "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'tqp launcher'")" 1
q "CREATE TABLE t AS SELECT g AS a, 'v' || g % 7 AS c FROM generate_series(1, 100000) g" "VACUUM t" \
    "SELECT tqp.load('t')" >/dev/null
q "UPDATE t SET a = a + 1 WHERE a > 50000" "VACUUM t" >/dev/null
until_is "a stale cache is loaded again" "SELECT stale_share < 0.1 FROM tqp.cache" t
is "with the columns that it had" "$(q "SELECT column_names FROM tqp.cache")" "{a,c}"
is "tqp.verify" "$(q "SELECT sum(mismatches) FROM tqp.verify('t')")" 0
is "right" "$(q "SET tqp.force = on" "SELECT count(*), sum(a) FROM t")" "100000|5000100000"

# A held lock: the worker passes by, and nobody waits for it.
path=$cache/$(q "SELECT d.oid || '/' || coalesce(nullif(reltablespace, 0), dattablespace) || '_' || pg_relation_filenode(c.oid)
    FROM pg_class c, pg_database d WHERE c.oid = 't'::regclass AND datname = current_database()")
is "its files" "$([ -e "$path/manifest" ] && echo there)" there
q "BEGIN" "LOCK TABLE t" "SELECT pg_sleep(3)" "COMMIT" >/dev/null
is "no worker waits for a table's lock" "$(tail -c +$((mark + 1)) "$dir/log" | grep -c 'lock timeout')" 0

q "TRUNCATE t" >/dev/null
gone "the cache of a relation file that is gone is removed" "$path"
q "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 1000) g" "VACUUM t" "SELECT tqp.load('t')" >/dev/null
oid=$(q "SELECT oid FROM pg_database WHERE datname = current_database()")

# A damaged file makes noise in the log at most.
for f in "$cache/$oid"/*/manifest; do printf 'rubbish' >"$f"; done
sleep 2.5
is "the server lives with a damaged manifest" "$(q "SET tqp.force = on" "SELECT count(*) FROM t")" 1000

# Killed, it comes back with the server; turned off, it sleeps.
pid=$(q "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tqp launcher'")
q "SELECT pg_terminate_backend($pid, 5000)" >/dev/null
is "terminated: queries go on" "$(q "SET tqp.force = on" "SELECT count(*) FROM t")" 1000
start_cluster "fsync = off" "autovacuum = off" "shared_preload_libraries = 'tqp'" \
    "tqp.worker_naptime = 0"
q "SELECT tqp.load('t')" >/dev/null
q "UPDATE t SET a = a + 1" "VACUUM t" >/dev/null
sleep 2
is "tqp.worker_naptime = 0: nothing is refreshed" "$(q "SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'tqp cache worker'")" 0
echo "tqp.worker_naptime = 1s" | as_owner tee -a "$dir/data/tqp-cluster.conf" >/dev/null
q "SELECT pg_reload_conf()" >/dev/null
until_is "a reload of the configuration wakes it up" "SELECT stale_share < 0.1 FROM tqp.cache" t

# ---- what queries used more than once without a cache ----
q "CREATE TABLE used AS SELECT g AS a, g % 10 AS b, repeat('x', 80) AS pad FROM generate_series(1, 100000) g" \
    "CREATE INDEX ON used (a)" "VACUUM ANALYZE used" >/dev/null
one_use() { q "SET tqp.min_cost = 0" "SELECT sum(b) FROM used WHERE a BETWEEN 7 AND 20"; }
is "an index finds the rows" "$(one_use)" 69
is "counted" "$(q "SELECT relation, column_names, uses FROM tqp.uncached")" "used|{a,b}|1"
sleep 2.5
is "one use is not enough" "$(q "SELECT count(*) FROM tqp.cache WHERE relation = 'used'::regclass")" 0
is "used again" "$(one_use)" 69
until_is "loaded by a worker" "SELECT column_names FROM tqp.cache WHERE relation = 'used'::regclass" "{a,b}"
is "not counted any more" "$(q "SELECT count(*) FROM tqp.uncached")" 0
is "the log says so" "$(tail -c +$((mark + 1)) "$dir/log" | grep -c 'tqp: loaded "used", which 2 queries used: 2 columns, 100000 rows')" 1
is "from the cache" "$(one_use)" 69
is "tqp.verify of it" "$(q "SELECT sum(mismatches) FROM tqp.verify('used')")" 0

# Another rewritten meanwhile, and one that there is no room for: the worker lives.
q "SELECT tqp.unload('used')" >/dev/null
echo "tqp.cache_size = 0" | as_owner tee -a "$dir/data/tqp-cluster.conf" >/dev/null
q "SELECT pg_reload_conf()" >/dev/null
sleep 0.2
one_use >/dev/null
one_use >/dev/null
sleep 2.5
is "no room: not loaded" "$(q "SELECT count(*) FROM tqp.cache WHERE relation = 'used'::regclass")" 0
is "no room: still counted" "$(q "SELECT uses FROM tqp.uncached")" 2
echo "tqp.cache_size = 1GB" | as_owner tee -a "$dir/data/tqp-cluster.conf" >/dev/null
q "VACUUM FULL used" "SELECT pg_reload_conf()" >/dev/null
sleep 2.5
is "rewritten: what was counted is forgotten" "$(q "SELECT count(*) FROM tqp.uncached")-$(q \
    "SELECT count(*) FROM tqp.cache WHERE relation = 'used'::regclass")" 0-0
q "ALTER DATABASE robust_workers SET tqp.auto_load = off" "VACUUM used" >/dev/null
PGOPTIONS="-c tqp.auto_load=on" one_use >/dev/null
PGOPTIONS="-c tqp.auto_load=on" one_use >/dev/null
sleep 2.5
is "tqp.auto_load = off for the database: its worker loads nothing" "$(q \
    "SELECT count(*) FROM tqp.cache WHERE relation = 'used'::regclass")" 0
q "ALTER DATABASE robust_workers RESET tqp.auto_load" >/dev/null
until_is "on again: it does" "SELECT column_names FROM tqp.cache WHERE relation = 'used'::regclass" "{a,b}"

# ---- VACUUM on request ----
q "CREATE TABLE asked (a int, b text)" "INSERT INTO asked SELECT g, 'v' FROM generate_series(1, 50000) g" >/dev/null
q "SELECT rows_cached FROM tqp.load('asked', vacuum => true)" >/dev/null
until_is "vacuumed and loaded" "SELECT column_names, rows, stale_share FROM tqp.cache WHERE relation = 'asked'::regclass" "{a,b}|50000|0"
q "BEGIN" "INSERT INTO asked SELECT g, 'w' FROM generate_series(1, 20000) g" \
    "SELECT tqp.load('asked', vacuum => true)" "ROLLBACK" >/dev/null
until_is "asked in a transaction that is rolled back" "SELECT rows, stale_share FROM tqp.cache WHERE relation = 'asked'::regclass" "50000|0"
q "BEGIN" "INSERT INTO asked SELECT g, 'w' FROM generate_series(1, 20000) g" \
    "SELECT tqp.load('asked', vacuum => true)" "SELECT pg_sleep(0.5)" "DROP TABLE asked" "COMMIT" >/dev/null
text=$(q "CREATE TABLE m1 AS SELECT 1 AS a" "CREATE TABLE m2 AS SELECT 1 AS a" "CREATE TABLE m3 AS SELECT 1 AS a" \
    "CREATE TABLE m4 AS SELECT 1 AS a" "BEGIN" \
    "SELECT tqp.load(r, vacuum => true) FROM unnest('{m1,m2,m3,m4}'::regclass[]) r" "COMMIT")
is "one session starts three workers of eight" "$(grep -c WARNING <<<"$text")" 1
until_is "which do their work" "SELECT count(*) FROM tqp.cache WHERE relation::text ~ '^m[123]'" 3
until_is "and of a table that is dropped" "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'tqp vacuum worker'" 0

q -d postgres "DROP DATABASE robust_workers WITH (FORCE)" >/dev/null
gone "the caches of a dropped database are removed" "$cache/$oid"
is "no crash" "$(tail -c +$((mark + 1)) "$dir/log" | grep -c -e 'terminated by signal' -e PANIC)" 0
finish
