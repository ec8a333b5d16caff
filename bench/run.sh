#!/bin/bash
# The benchmark with its Python environment: bench/.venv is made when needed, then bench.py runs.
#
# usage: bench/run.sh [option of bench.py ...]
# Environment: SF (1), THREADS (all cores), RUNS (5), PG_CONFIG.
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd -P)
venv=$bench/.venv

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    "$bench/../test/setup.sh" bench
fi
if ! cmp -s "$bench/requirements.txt" "$venv/requirements.txt"; then
    echo "run.sh: installing from PyPI into $venv:"
    grep -v '^#' "$bench/requirements.txt"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q -r "$bench/requirements.txt"
    cp "$bench/requirements.txt" "$venv/requirements.txt"
fi
exec "$venv/bin/python" "$bench/bench.py" --scale "${SF:-1}" --threads "${THREADS:-$(nproc)}" \
    --runs "${RUNS:-5}" "$@"
