#!/bin/bash
# A base backup leaves the cache out; a hot standby loads and answers rightly while the primary
# writes and vacuums; after a promotion caches of the old timeline are judged by its history.
. "$(dirname "$0")/lib.sh"
bindir=$("${PG_CONFIG:-pg_config}" --bindir)
standby=$dir-standby
rm -rf "$standby"
start_cluster "fsync = off" "autovacuum = off" "wal_level = replica" "max_wal_senders = 4" \
    "wal_keep_size = '256MB'" "hot_standby = on" "max_standby_streaming_delay = 5s"
mark=$(wc -c <"$dir/log")
fresh robust_standby
q "CREATE TABLE t AS SELECT g AS a, g % 100 AS k, 'v' || g % 13 AS c FROM generate_series(1, 200000) g"
q "VACUUM t" "SELECT tqp.load('t')" >/dev/null
primary_host=$PGHOST primary_port=$PGPORT
standby_port=$((PGPORT + 1))

# The standby lives beside the primary's folder, owned by the same user.
mkdir -p "$standby" && chown --reference="$dir" "$standby"
as_owner "$bindir/pg_basebackup" -h "$PGHOST" -p "$PGPORT" -U postgres -D "$standby/data" -R -X stream \
    -c fast >/dev/null 2>&1 || fail "pg_basebackup"
is "the backup leaves the cache out" "$(ls "$standby/data" | grep -c tqp$)" 0
printf "port = %s\nunix_socket_directories = '%s'\nlisten_addresses = ''\n" "$standby_port" "$standby" |
    as_owner tee -a "$standby/data/tqp-cluster.conf" >/dev/null
start_standby() {
    as_owner "$bindir/pg_ctl" -D "$standby/data" -l "$standby/log" -w -s start || {
        tail -5 "$standby/log"
        fail "the standby starts"
        finish
    }
}
stop_standby() { as_owner "$bindir/pg_ctl" -D "$standby/data" -m fast -w -s stop; }
trap 'stop_standby 2>/dev/null; rm -rf "$standby"' EXIT
start_standby

on_primary() { PGHOST=$primary_host PGPORT=$primary_port q "$@"; }
on_standby() { PGHOST=$standby PGPORT=$standby_port q "$@"; }
catch_up() {
    local lsn
    lsn=$(on_primary "SELECT pg_current_wal_flush_lsn()")
    for _ in $(seq 200); do
        [ "$(on_standby "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" = t ] && return
        sleep 0.05
    done
    fail "the standby catches up"
}
query="SELECT count(*), sum(a), sum(a * k), min(c), max(c), count(DISTINCT k) FROM t"
groups="SELECT c, count(*), sum(a) FROM t GROUP BY c ORDER BY c"
# same WHAT: off and forced on agree, in one snapshot
same() {
    local off on
    off=$(on_standby "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL tqp.enabled = off; $query" "$query" "$groups" "COMMIT" 2>&1)
    on=$(on_standby "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL tqp.force = on; $query" "$query" "$groups" "COMMIT" 2>&1)
    is "$1" "$on" "$off"
}
from_cache() {
    on_standby "SET tqp.force = on" "EXPLAIN (ANALYZE) SELECT sum(a) FROM t" |
        sed -n 's/.*rows from cache \([0-9]*\), from heap \([0-9]*\).*/\1 \2/p'
}

is "the standby is one" "$(on_standby "SELECT pg_is_in_recovery()")" t
is "load on the standby" "$(on_standby "SELECT (tqp.load('t')).rows_cached")" 200000
same "right on the standby"
is "from the cache on the standby" "$(from_cache)" "200000 0"
is "VACUUM cannot be asked for on the standby" "$(on_standby "SELECT tqp.load('t', vacuum => true)" |
    grep -c 'cannot execute tqp.load(vacuum => true) during recovery')" 1
is "verify on the standby" "$(on_standby "SELECT sum(mismatches) FROM tqp.verify('t')")" 0
on_primary "UPDATE t SET a = a + 1 WHERE k = 7"
catch_up
same "after updates on the primary"
on_primary "VACUUM t" >/dev/null
catch_up
same "after VACUUM on the primary"
on_primary "DELETE FROM t WHERE a > 190000" "VACUUM t" >/dev/null
catch_up
same "after the end was cut off"
on_primary "INSERT INTO t SELECT g, g % 100, 'w' FROM generate_series(1, 20000) g" >/dev/null
catch_up
same "after the table grew"
on_primary "BEGIN; UPDATE t SET a = 0; ROLLBACK" >/dev/null
catch_up
same "after a rollback on the primary"
on_primary "VACUUM FULL t" >/dev/null
catch_up
same "after VACUUM FULL: another file"
on_primary "VACUUM t" >/dev/null
catch_up
on_standby "SELECT tqp.load('t')" >/dev/null
same "loaded again"

# Readers on the standby while the primary writes.
rounds=$([ "$quick" = 1 ] && echo 5 || echo 40)
(for i in $(seq $((rounds * 2))); do
    on_primary "UPDATE t SET a = a + 1 WHERE k = $((i % 100))" >/dev/null
    on_primary "VACUUM t" >/dev/null
done) &
writer=$!
wrong=0
for _ in $(seq "$rounds"); do
    text=$(on_standby "BEGIN ISOLATION LEVEL REPEATABLE READ" "SET LOCAL tqp.enabled = off" "$query" \
        "SET LOCAL tqp.enabled = on" "SET LOCAL tqp.force = on" "$query" "COMMIT")
    # A recovery conflict may cancel it, as it would without tqp.
    case $text in *ERROR*) continue ;; esac
    [ "$(echo "$text" | sort -u | wc -l)" = 1 ] || wrong=$((wrong + 1))
done
wait $writer
is "right in $rounds snapshots under replay" "$wrong" 0

# ---- promotion ----
on_primary "VACUUM t" >/dev/null
catch_up
left=$(on_standby "SELECT (tqp.load('t')).blocks_not_visible" | tail -1)
before=$(on_standby "$query")
rows=$(on_standby "SELECT count(*) FROM t")
cached=$(from_cache)
if [ "$left" = 0 ]; then
    is "all rows from the cache before the promotion" "$cached" "$rows 0"
else
    is "rows from the cache before the promotion, $left blocks left out by VACUUM" \
        "$([ "${cached% *}" -gt 0 ] && echo some)" some
fi
as_owner "$bindir/pg_ctl" -D "$standby/data" -w -s promote
is "promoted" "$(on_standby "SELECT pg_is_in_recovery()")" f
is "right after the promotion" "$(on_standby "SET tqp.force = on" "$query")" "$before"
same "right after the promotion, off and on"
held=$(on_standby "SET tqp.auto_load = off" "SET tqp.force = on" "EXPLAIN (ANALYZE) SELECT sum(a) FROM t" |
    sed -n 's/.*rows from cache \([0-9]*\), from heap \([0-9]*\).*/\1 \2/p')
# queries since may have cached more, where VACUUM had left blocks out
is "the cache of before the promotion still holds" "$([ "${held% *}" -ge "${cached% *}" ] && echo yes)" yes
on_standby "UPDATE t SET a = a + 1 WHERE k = 3" "VACUUM t" >/dev/null
same "after writes on the new timeline"
on_standby "SELECT tqp.load('t')" >/dev/null
same "loaded on the new timeline"
is "verify on the new timeline" "$(on_standby "SELECT sum(mismatches) FROM tqp.verify('t')")" 0

# The old primary is made a standby of nothing: a cache directory of the new timeline copied over it
# (a file copy of the whole data directory, say) is not of its history.
oid=$(on_primary "SELECT oid FROM pg_database WHERE datname = current_database()")
on_primary "SELECT tqp.unload('t')" >/dev/null
node=$(on_primary "SELECT pg_relation_filenode('t')")
other=$(on_standby "SELECT pg_relation_filenode('t')")
if [ "$node" = "$other" ]; then
    on_primary "UPDATE t SET a = a + 100" "VACUUM t" >/dev/null
    as_owner cp -r "$standby/data/pgsql_tmp_tqp/$oid/." "$dir/data/pgsql_tmp_tqp/$oid/"
    is "a cache of another timeline is not believed" \
        "$(on_primary "SET tqp.force = on" "$query")" "$(on_primary "SET tqp.enabled = off" "$query")"
fi
stop_standby
start_standby
same "after a restart of the promoted server"
is "no crash" "$(tail -c +$((mark + 1)) "$dir/log" | cat - "$standby/log" | grep -c -e 'terminated by signal' -e PANIC)" 0
finish
