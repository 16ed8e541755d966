#!/bin/sh
# This build beside another one of the same service, an older commit's as a rule: the two in turn, each with a database that its
# own bench-seed made.  usage: beside.sh BUILD OTHER_BUILD
set -eu
# shellcheck disable=SC2034,SC2317 source=tests/bench/common.sh
. tests/bench/common.sh
other=$(cd "$2" && pwd)
# So many that nobody is renewed twice in a second, which would charge nothing the second time.
participants=${BENCH_PARTICIPANTS:-20000}

heading

# start NAME PROGRAMS: sets $served. Both databases get the same participants and visitors, each with tokens of its own.
# The other build brings its own configuration of the web server, if it lies in its repository.
start() {
    settings "$var/$1"
    web_server=
    if [ -e "$2/../lighttpd.conf" ]; then web_server=$2/../lighttpd.conf; fi
    "$2/bench-seed" "$var/$1/session-voice.env" "$participants" $((rounds * visitors_at_once)) >"$var/$1/seeded"
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

compare "POST /auth/verify, of the other's rate" '>= 0.98' "sign_in $ours $build $var/ours" "sign_in $theirs $other $var/theirs"
compare "join and leave, of the other's rate" '>= 1.5' "join_and_leave $ours $var/ours/visitors" \
    "join_and_leave $theirs $var/theirs/visitors"
compare "log (WAL) written in a participant's hour, of what the other writes" '<= 0.33' \
    "wal_written $ours $var/ours/session-voice.db $var/ours/clients" \
    "wal_written $theirs $var/theirs/session-voice.db $var/theirs/clients" 'bytes'
exit "$exit_status"
