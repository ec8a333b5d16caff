#!/bin/bash
# The tests that need a server: installs the extension, starts a private cluster, and runs the
# regression tests (with the library loaded by each session, and again preloaded), the same files with
# tqp off and forced, the isolation tests, the short robustness tests, the suites at a small scale, and a short differential test.
# N and SEEDS set the length of the differential test.
set -euo pipefail
cd "$(dirname "$0")/.."
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
as_root make -s install

dir=$(test/cluster.sh place check)
trap 'test/cluster.sh remove "$dir"' EXIT
for preload in "" tqp; do
    echo "-- regression tests, shared_preload_libraries = '$preload'"
    test/cluster.sh start "$dir" "fsync = off" "shared_preload_libraries = '$preload'" \
        "max_prepared_transactions = 4" "tqp.worker_naptime = 0"
    eval "$(test/cluster.sh env "$dir")"
    make -s installcheck || {
        cat results/../regression.diffs 2>/dev/null | head -200
        exit 1
    }
done
echo "-- regression files with tqp off and forced"
test/on_off.sh
echo "-- isolation tests"
test/isolation/run.sh
echo "-- robustness tests"
test/robust/run.sh quick
echo "-- suites"
TQP_SUITES_DIR=$dir SF=0.01 ROWS=20000 bench/suites/run.sh
echo "-- differential test"
# A short run has a share that varies; the long ones of `make diff` ask for more.
N=${N:-400} SEEDS=${SEEDS:-1 2} test/differential/run.sh -m 0.5
MODE=relational SHARE=0.4 N=${N:-300} SEEDS=${SEEDS:-2} test/differential/run.sh
