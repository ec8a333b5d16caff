#!/bin/sh
# Style: clang-format (version 14, where it is installed), no tabs or trailing blanks in C, files of
# at most 600 lines (tests: 700), shell scripts parse; the page of what is declined is current.
set -eu
cd "$(dirname "$0")/.."
bad=0
complain() {
    echo "style: $*"
    bad=$((bad + 1))
}
files=$(git ls-files -co --exclude-standard 'src/*.c' 'src/*.h' 'src/*.inc' 'test/*.c' 'test/*.h' 'bench/*.c' 'bench/*.h')
formatter=$(command -v clang-format-14 || command -v clang-format || true)
if [ -n "$formatter" ] && "$formatter" --version | grep -q ' 14\.'; then
    # shellcheck disable=SC2086
    "$formatter" --dry-run --Werror $files 2>/tmp/tqp-style.$$ || {
        head -20 /tmp/tqp-style.$$
        complain "clang-format differs: run $formatter -i on the files named"
    }
    rm -f /tmp/tqp-style.$$
else
    echo "style: clang-format 14 is not installed, formatting not checked"
fi
for file in $files; do
    lines=$(wc -l <"$file")
    most=600
    case $file in test/*) most=700 ;; esac
    [ "$lines" -le "$most" ] || complain "$file has $lines lines"
    if grep -nP '\t| +$' "$file" | head -3 | grep .; then complain "$file: tabs or trailing blanks"; fi
done
for script in $(git ls-files -co --exclude-standard '*.sh') .ci/run; do
    bash -n "$script" || complain "$script does not parse"
done
test/declined.sh check || complain "what is declined is not documented as it is"
[ "$bad" -eq 0 ] || exit 1
echo "style: ok"
