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

for route in 'GET /health' 'GET /credits' 'GET /rooms/active' 'POST /rooms/heartbeat' 'POST /rooms/token/renew'; do
    compare "$route, of the other's rate" '-' "ask $ours '$route' $var/ours/clients" "ask $theirs '$route' $var/theirs/clients"
done

# join_and_leave NAME PORT: each round has its own visitors, and a connection a thread of its own, as in bench.sh.
join_and_leave() {
    tail -n +$(((round - 1) * connections_at_once + 1)) "$var/$1/visitors" | head -n "$connections_at_once" >"$var/visiting"
    threads=$connections_at_once
    joined=no
    if ask "$2" none "$var/visiting" pair; then joined=yes; fi
    threads=''
    [ "$joined" = yes ]
}
compare "join and leave, of the other's rate" '-' "join_and_leave ours $ours" "join_and_leave theirs $theirs"
exit "$exit_status"
