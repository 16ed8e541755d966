#!/bin/sh
# This build beside another one of the same service, an older commit's as a rule: the two in turn, each with a database of
# its own that the other one's bench-seed made.  usage: beside.sh BUILD OTHER_BUILD
set -eu
# shellcheck disable=SC2034,SC2317 source=tests/bench/common.sh
. tests/bench/common.sh
other=$(cd "$2" && pwd)
participants=${BENCH_PARTICIPANTS:-1000}
connections_at_once=8

heading

# start NAME PROGRAMS: sets $served. Both databases get the same participants and visitors, each with tokens of its own.
start() {
    settings "$var/$1"
    "$other/bench-seed" "$var/$1/session-voice.env" "$participants" $((rounds * connections_at_once)) >"$var/$1/seeded"
    grep -v ' -$' "$var/$1/seeded" >"$var/$1/clients"
    grep ' -$' "$var/$1/seeded" >"$var/$1/visitors"
    serve "$2/session-voice" "$var/$1"
}
start ours "$build"
ours=$served
start theirs "$other"
theirs=$served

beside() {
    compare "$1, of the other's rate" "$2" "ask $ours '$1' $var/ours/clients" "ask $theirs '$1' $var/theirs/clients"
}
for route in 'GET /health' 'GET /credits' 'GET /rooms/active' 'POST /rooms/heartbeat'; do beside "$route" '-'; done
beside 'POST /rooms/token/renew' '>= 1.5'

compare "join and leave, of the other's rate" '>= 1.5' "join_and_leave $ours $var/ours/visitors" \
    "join_and_leave $theirs $var/theirs/visitors"
compare "log (WAL) written in a participant's hour, of what the other writes" '<= 0.33' \
    "wal_written $ours $var/ours/session-voice.db $var/ours/clients" \
    "wal_written $theirs $var/theirs/session-voice.db $var/theirs/clients" 'bytes'
exit "$exit_status"
