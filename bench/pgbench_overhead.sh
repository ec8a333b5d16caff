#!/bin/bash
# How many more instructions a transaction of one backend costs with tqp preloaded: pgbench,
# select-only and tpcb-like, with and without. Exits non-zero above the limit.
#
# usage: bench/pgbench_overhead.sh
# Environment: TQP_PRELOAD (tqp), the library to preload; TQP_EXTENSION (the same; empty for none),
# what CREATE EXTENSION gets; LIMIT (1.01); PG_CONFIG.
#
# Instructions are counted by the processor where perf can (a hypervisor often hides the counters),
# else by valgrind. Either way what counts is (long run - short run) / (difference in transactions)
# of one backend, so that connecting, catalog caches and the first plans drop out.
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd -P)
cluster=$bench/../test/cluster.sh
preload=${TQP_PRELOAD:-tqp}
extension=${TQP_EXTENSION-$preload}
limit=${LIMIT:-1.01}
short=200
long=1200
bindir=$("${PG_CONFIG:-pg_config}" --bindir)
dir=$("$cluster" place bench/data/pg-overhead)

die() {
    echo "pgbench_overhead.sh: $*" >&2
    exit 1
}

counter=valgrind
if perf stat -x, -e instructions:u true 2>&1 | grep -q '^[0-9]'; then counter=perf; fi
command -v "$counter" >/dev/null || die "neither perf's counters nor valgrind are there"

# shellcheck disable=SC2317  # called by the trap
finish() {
    "$cluster" remove "$dir"
}
trap finish EXIT

# start_server LIBRARY: the server to count on. Under valgrind a backend writes its count on exit.
start_server() {
    if [ "$counter" = valgrind ]; then
        export TQP_CLUSTER_WRAP="valgrind --tool=cachegrind --cache-sim=no --branch-sim=no \
--cachegrind-out-file=$dir/counts/%p --log-file=$dir/counts/log"
    fi
    "$cluster" start "$dir" "shared_preload_libraries = '$1'" "autovacuum = off" "fsync = off" \
        "checkpoint_timeout = 1h" "max_wal_size = 4GB" "max_parallel_workers_per_gather = 0" \
        "shared_buffers = 64MB"
}

# Without valgrind: a fresh, filled database for each library, from the same steps.
make_database() {
    unset TQP_CLUSTER_WRAP
    "$cluster" remove "$dir"
    "$cluster" start "$dir" "shared_preload_libraries = '$1'"
    eval "$("$cluster" env "$dir")"
    psql -X -q -c 'CREATE DATABASE overhead'
    export PGDATABASE=overhead
    if [ -n "$1" ] && [ -n "$extension" ]; then psql -X -q -c "CREATE EXTENSION $extension"; fi
    "$bindir/pgbench" -i -q -s 1 >/dev/null 2>&1
    psql -X -q -c 'VACUUM (FREEZE, ANALYZE)'
    psql -X -q -c 'CHECKPOINT'
    "$cluster" stop "$dir"
    mkdir -p "$dir/counts"
    chmod 0777 "$dir/counts"
}

# count_run SCRIPT TRANSACTIONS: user instructions of the backends that served one pgbench run.
# There are two, a short one that asks for the scale and the one that works. The seed makes both
# sides touch the same rows.
count_run() {
    local pgbench=("$bindir/pgbench" -n -c 1 -j 1 --random-seed=7 -b "$1" -t "$2")
    rm -f "$dir"/counts/*
    if [ "$counter" = perf ]; then
        # The counter of the postmaster is inherited by the backends that it forks meanwhile.
        local postmaster
        postmaster=$(head -n 1 "$dir/data/postmaster.pid")
        perf stat -x, -e instructions:u -o "$dir/counts/perf" -p "$postmaster" -- "${pgbench[@]}" \
            >/dev/null 2>"$dir/pgbench.log" || die "$(cat "$dir/pgbench.log")"
        awk -F, '/instructions/ { print $1 }' "$dir/counts/perf"
        return
    fi
    "${pgbench[@]}" >/dev/null 2>"$dir/pgbench.log" || die "$(cat "$dir/pgbench.log")"
    # A backend writes its file when it has left.
    local totals=()
    for _ in $(seq 100); do
        mapfile -t totals < <(find "$dir/counts" -name '[0-9]*' \
            -exec awk '/^summary:/ { print $2 }' {} +)
        if [ "${#totals[@]}" -eq 2 ]; then
            echo $((totals[0] + totals[1]))
            return
        fi
        sleep 0.1
    done
    die "expected the counts of 2 backends in $dir/counts, got ${#totals[@]}"
}

per_transaction() {
    local few many
    few=$(count_run "$1" "$short")
    many=$(count_run "$1" "$long")
    echo $(((many - few) / (long - short)))
}

declare -A counts
scripts=(select-only tpcb-like)

# measure SIDE LIBRARY
measure() {
    make_database "$2"
    start_server "$2"
    for script in "${scripts[@]}"; do
        counts[$1.$script]=$(per_transaction "$script")
    done
    "$cluster" stop "$dir"
}

echo "counting with $counter; $((long - short)) transactions of each kind"
measure without ''
measure with "$preload"
status=0
printf '%-12s %16s %16s %8s\n' script without "with $preload" ratio
for script in "${scripts[@]}"; do
    without=${counts[without.$script]}
    with=${counts[with.$script]}
    [ "$without" -gt 0 ] || die "nothing was counted"
    ratio=$(awk -v a="$without" -v b="$with" 'BEGIN { printf "%.4f", b / a }')
    mark=
    if awk -v r="$ratio" -v l="$limit" 'BEGIN { exit !(r > l) }'; then
        mark="  above $limit"
        status=1
    fi
    printf '%-12s %16d %16d %8s%s\n' "$script" "$without" "$with" "$ratio" "$mark"
done
exit "$status"
