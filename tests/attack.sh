#!/bin/sh
# All that an attacker tries, at length: against the three web servers and plain CGI, and against what root runs. Prints a
# line each of what held. usage: attack.sh [BUILD]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
export SESSION_VOICE_BUILD="$build"

# held NAME COMMAND...: the tests that COMMAND runs.
held() {
    name=$1; shift
    if "$@" >"$log" 2>&1; then echo "held     $name"; else echo "NOT HELD $name"; tail -n 40 "$log"; failed=1; fi
}
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

held "what the service's user plants for root" tests/e2e/run.sh tests/e2e/root.test.mjs
held "a restore while the chain is asked" "$build/run_tests" --run_test=restore_tests
held "names of copies, and what stands there already" "$build/run_tests" --run_test=backup_tests
held "what somebody can leave on the disk" "$build/run_tests" --run_test=growth_tests
held "one name, many grants" "$build/run_tests" --run_test=eligibility_tests
held "limits of wallets and addresses" "$build/run_tests" --run_test=limits_a_minute_tests,rate_limits_tests

# In a network of its own, with the firewall that deploy/README.md recommends.
if [ "$(id -u)" -eq 0 ] && command -v nft >/dev/null; then
    unshare --net sh -c 'ip link set lo up && exec node tests/e2e/attack/main.mjs --firewall' || failed=1
else
    node tests/e2e/attack/main.mjs || failed=1
fi
exit "$failed"
