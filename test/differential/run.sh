#!/bin/bash
# The differential test against a private server: N queries for each of SEEDS (or SEED). MODE=relational
# has several relations in a query; SHARE is the least share that must run on the engine (0.6, there 0.45);
# WITHOUT names features to leave out.
# The extension must be installed (make install).
set -euo pipefail
cd "$(dirname "$0")/../.."
N=${N:-1000}
SEEDS=${SEEDS:-${SEED:-1}}
MODE=${MODE:-single}
[ "$MODE" = single ] && share=0.6 || share=0.45
options=(-n "$N" --mode "$MODE" -m "${SHARE:-$share}" --without "${WITHOUT:-}")
dir=$(test/cluster.sh place differential)
test/cluster.sh start "$dir" "shared_buffers = 256MB" "fsync = off" "max_wal_size = 4GB"
trap 'test/cluster.sh remove "$dir"' EXIT
eval "$(test/cluster.sh env "$dir")"
psql -qXc "DROP EXTENSION IF EXISTS tqp" -c "CREATE EXTENSION tqp"
for seed in $SEEDS; do
    /usr/bin/python3 test/differential/diff.py "${options[@]}" -s "$seed" "$@"
done
