#!/bin/sh
# Requests per second through lighttpd, each beside a FastCGI program that does nothing behind the same lighttpd: the
# two in turn, three rounds, the median of the ratios. usage: bench.sh BUILD
set -eu
build=$(cd "$1" && pwd)
rounds=${BENCH_ROUNDS:-3} seconds=${BENCH_SECONDS:-3} participants=${BENCH_PARTICIPANTS:-10000}
PATH=$PATH:/usr/sbin
var=$(mktemp -d)
pids=''
stop() {
    trap - EXIT
    # shellcheck disable=SC2086 # a list
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$var"
}
trap stop EXIT
trap 'exit 1' INT TERM

mkdir -p "$var/empty" "$var/nothing/empty"
cat >"$var/session-voice.env" <<SETTINGS
ENVIRONMENT=development
CHAIN_MODE=mock
DATABASE_PATH=$var/session-voice.db
JWT_SECRET=only for the benchmarks, which end soon
AGORA_APP_ID=0123456789abcdef0123456789abcdef
AGORA_APP_CERTIFICATE=fedcba9876543210fedcba9876543210
FREE_TOKEN_TTL_SECONDS=80000
MINIMUM_CREDIT_SECONDS=80000
SETTINGS
echo "seeding $participants participants"
"$build/bench-seed" "$var/session-voice.env" "$participants" >"$var/clients"

# serve PORT PROGRAM FOLDER
serve() {
    SESSION_VOICE_BIND=127.0.0.1 SESSION_VOICE_PORT=$1 SESSION_VOICE_BIN=$2 SESSION_VOICE_VAR=$3 SESSION_VOICE_SOCKETS=$3 \
        SESSION_VOICE_CONFIG=$var/session-voice.env lighttpd -D -f lighttpd.conf &
    pids="$pids $!"
    until curl -fs -o /dev/null "http://127.0.0.1:$1/health"; do sleep 0.1; done
}
port=${BENCH_PORT:-3391}
serve "$port" "$build/session-voice" "$var"
serve $((port + 1)) "$build/bench-nothing" "$var/nothing"

# rate PORT METHOD PATH: "requests-per-second p99"
rate() {
    BENCH_CLIENTS=$var/clients BENCH_METHOD=$2 BENCH_PATH=$3 \
        wrk -t2 -c8 -d"${seconds}s" --latency -s tests/bench/client.lua "http://127.0.0.1:$1" >"$var/wrk"
    ! grep 'Non-2xx' "$var/wrk" >&2 || exit 1
    awk '/Requests\/sec/ { rate = $2 } $1 == "99%" { p99 = $2 } END { print rate, p99 }' "$var/wrk"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '%-26s %10s %10s %8s %8s\n' "" "requests/s" "nothing" "ratio" "p99"
while read -r method path; do
    : >"$var/ours"; : >"$var/theirs"; : >"$var/ratios"
    for _ in $(seq "$rounds"); do
        ours=$(rate "$port" "$method" "$path")
        theirs=$(rate $((port + 1)) "$method" "$path")
        echo "${ours% *}" >>"$var/ours"
        echo "${theirs% *}" >>"$var/theirs"
        echo "${ours% *} ${theirs% *}" | awk '{ print $1 / $2 }' >>"$var/ratios"
    done
    printf '%-26s %10.0f %10.0f %8.2f %8s\n' "$method $path" "$(median <"$var/ours")" "$(median <"$var/theirs")" \
        "$(median <"$var/ratios")" "${ours#* }"
done <<ROUTES
GET /health
GET /credits
GET /rooms/active
POST /rooms/heartbeat
POST /rooms/token/renew
ROUTES
