#!/bin/bash
# Stops the demo's server and removes its directory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd -P)
demo_dir=${TQP_DEMO_DIR:-$("$root/test/cluster.sh" place demo-data)}
"$root/test/cluster.sh" remove "$demo_dir"
echo "The demo is stopped and $demo_dir is gone."
