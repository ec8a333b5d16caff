#!/bin/bash
# The public suites TPC-H, SSB and ClickBench on a private server: every query with tqp off and
# forced on over the same data, rows compared, who ran it, times. Data stays in bench/data/suites
# and is made again when its generator, schema or size changes.
#
# usage: bench/suites/run.sh [option of suites.py ...]
# Environment: SUITE (tpch, ssb, clickbench or all), SF (0.1), ROWS of hits (1000000), RUNS (1),
# TQP_SUITES_DIR (where the cluster goes), PG_CONFIG. The extension must be installed.
set -euo pipefail

suites=$(cd "$(dirname "$0")" && pwd -P)
root=${suites%/bench/suites}
/usr/bin/python3 "$suites/peers_test.py" 2>&1 | tail -n 1
for generator in tpchgen ssbgen hitsgen; do
    "${MAKE:-make}" -s -C "$root/bench/$generator"
done
dir=${TQP_SUITES_DIR:-$("$root/test/cluster.sh" place bench/data/suites)}
"$root/test/cluster.sh" start "$dir" "shared_buffers = 512MB" "work_mem = 256MB" "fsync = off" \
    "maintenance_work_mem = 256MB" "max_wal_size = 8GB" "wal_level = minimal" "max_wal_senders = 0"
trap '"$root/test/cluster.sh" stop "$dir"' EXIT
eval "$("$root/test/cluster.sh" env "$dir")"
status=0
/usr/bin/python3 "$suites/suites.py" --suite "${SUITE:-all}" --scale "${SF:-0.1}" \
    --rows "${ROWS:-1000000}" --runs "${RUNS:-1}" "$@" || status=$?
exit "$status"
