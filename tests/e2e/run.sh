#!/bin/sh
# Runs the end-to-end tests against the programs in SESSION_VOICE_BUILD (default: build) and says how many passed.
# usage: run.sh [TEST_FILE...]
set -eu
cd "$(dirname "$0")/../.."
here=tests/e2e

# npm leaves a copy of the lock file's contents behind; an older one means other versions are installed.
installed=$here/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ "$here/package-lock.json" -nt "$installed" ]; then
    (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund)
    touch "$installed"
fi

[ $# -gt 0 ] || set -- "$here"/*.test.mjs "$here"/web/*.test.mjs
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
# Mostly they wait, so none of the processors needs to be left alone.
{ node --test --test-concurrency="$(nproc)" "$@" 2>&1 && echo 0 >"$said/status" || echo $? >"$said/status"; } | tee "$said/output"
status=$(cat "$said/status")

# Of the summary at the end: "# pass 12" or "ℹ pass 12".
summary() {
    number=$(sed -n "s/^[^ ]* $1 \([0-9][0-9]*\)\$/\1/p" "$said/output" | tail -n 1)
    echo "${number:-0}"
}
passed=$(summary pass)
failed=$(($(summary fail) + $(summary cancelled)))
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
