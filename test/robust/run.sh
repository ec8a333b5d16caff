#!/bin/bash
# Robustness tests on a private server: everything that may go wrong around a query.
#
# usage: test/robust/run.sh [quick] [test ...]     (make robust; `make check` runs the quick form)
#
# Each test is a program of this folder that starts the cluster as it needs it and says "ok" or
# "FAILED" for each check.  The extension must be installed (make install).
set -uo pipefail
cd "$(dirname "$0")"
export TQP_ROBUST_QUICK=0 PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = quick ]; then
    export TQP_ROBUST_QUICK=1
    shift
fi
tests=("$@")
[ ${#tests[@]} -gt 0 ] ||
    tests=(bad_input.sh preload.sh views.sh workers.sh memory.py corrupt.py crash.py writers.py
        first_use.py cancel.py standby.sh)
PATH=$("${PG_CONFIG:-pg_config}" --bindir):$PATH
TQP_ROBUST_DIR=$(../cluster.sh place robust)
export PATH TQP_ROBUST_DIR
trap '../cluster.sh remove "$TQP_ROBUST_DIR"' EXIT
failed=()
for test in "${tests[@]}"; do
    start=$SECONDS
    log=$(mktemp)
    case $test in
    *.py) timeout 900 /usr/bin/python3 "$test" >"$log" 2>&1 ;;
    *) timeout 900 ./"$test" >"$log" 2>&1 ;;
    esac
    status=$?
    if [ $status -eq 0 ]; then
        echo "$test: ok, $(grep -c '^ok ' "$log") checks ($((SECONDS - start)) s)"
        grep '^ok.* ms (limit' "$log"
    else
        failed+=("$test")
        echo "$test: FAILED with status $status ($((SECONDS - start)) s)"
        grep -v '^ok ' "$log"
    fi
    rm -f "$log"
done
[ ${#failed[@]} -eq 0 ] || {
    echo "robustness: FAILED: ${failed[*]}"
    exit 1
}
echo "robustness: ok"
