#!/bin/bash
# Isolation tests (specs/*.spec, expected/*.out) against the server that PGHOST and PGPORT name.
set -euo pipefail
cd "$(dirname "$0")"
PG_CONFIG=${PG_CONFIG:-pg_config}
runner=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress
specs=$(for spec in specs/*.spec; do basename "$spec" .spec; done)
mkdir -p ../../build/isolation
# shellcheck disable=SC2086
"$runner" --bindir="$("$PG_CONFIG" --bindir)" --inputdir=. --outputdir=../../build/isolation \
    --dbname=tqp_isolation --load-extension=tqp $specs || {
    head -100 ../../build/isolation/regression.diffs
    exit 1
}
