#!/bin/bash
# `make check`: install what is missing, build, then every test, on a private server.  Each part says
# what it ran; the last line counts the parts.
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0
part() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        passed=$((passed + 1))
        echo "== $name: ok ($((SECONDS - start)) s)"
    else
        failed=$((failed + 1))
        echo "== $name: FAILED ($((SECONDS - start)) s)"
    fi
}
test/setup.sh check || exit 1
jobs=$(nproc)
part build make -s -j"$jobs"
if [ "$failed" -ne 0 ]; then
    echo "$passed passed, $failed failed"
    exit 1
fi
part style make -s style
part layers make -s layers
part "unit tests" make -s -j"$jobs" unit
part "kernel conformance" make -s -j"$jobs" conformance
part "unit, conformance and fuzz corpus under ASan and UBSan" \
    make -s -j"$jobs" VARIANT=asan unit conformance fuzz-replay
part "threads under TSan" make -s -j"$jobs" VARIANT=tsan tsan-tests
part "install, regression, isolation, differential" test/check_server.sh
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
