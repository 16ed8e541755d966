#!/bin/sh
# What it costs that others are told: this build with webhooks beside itself without, the two in turn.  usage: told.sh BUILD
set -eu
# shellcheck disable=SC2034,SC2317 source=tests/bench/common.sh
. tests/bench/common.sh
participants=${BENCH_PARTICIPANTS:-10000}

heading

# start NAME [SETTING...]: sets $served.
start() {
    name=$1
    shift
    settings "$var/$name"
    for setting in "$@"; do echo "$setting" >>"$var/$name/session-voice.env"; done
    "$build/bench-seed" "$var/$name/session-voice.env" "$participants" $((2 * rounds * visitors_at_once)) >"$var/$name/seeded"
    grep -v ' -$' "$var/$name/seeded" >"$var/$name/clients"
    grep ' -$' "$var/$name/seeded" | head -n $((rounds * visitors_at_once)) >"$var/$name/visitors"
    grep ' -$' "$var/$name/seeded" | tail -n +$((rounds * visitors_at_once + 1)) >"$var/$name/others" # who visit once more
    serve "$build/session-voice" "$var/$name"
}
hanging=$((port + 50))
node -e "require('http').createServer(() => {}).listen($hanging, '127.0.0.1')" &
pids="$pids $!"
hook="WEBHOOK_URL=http://127.0.0.1:$hanging/"
secret="WEBHOOK_SECRET=whsec_$(head -c 32 /dev/urandom | base64)"
start silent
silent=$served
start told "$hook" "$secret"
told=$served
start both "$hook" "$secret" AGORA_CUSTOMER_ID=id AGORA_CUSTOMER_SECRET=secret "AGORA_API_URL=http://127.0.0.1:$hanging"
both=$served

# Of the last ask: in microseconds.
p99_us() {
    rate=$(echo "$p99" | awk '/us$/ { print $1 + 0 } /ms$/ { print ($1 + 0) * 1000 } /[0-9]s$/ { print ($1 + 0) * 1000000 }')
}
compare 'join and leave with webhooks, of without' '>= 0.70' "join_and_leave $told $var/told/visitors" \
    "join_and_leave $silent $var/silent/visitors"
compare 'the same, and Agora told' '-' "join_and_leave $both $var/both/visitors" "join_and_leave $silent $var/silent/others"
compare 'POST /rooms/token/renew with webhooks, of without' '>= 0.98' \
    "ask $told 'POST /rooms/token/renew' $var/told/clients" "ask $silent 'POST /rooms/token/renew' $var/silent/clients"
compare 'POST /rooms/heartbeat with webhooks, of without' '>= 0.98' \
    "ask $told 'POST /rooms/heartbeat' $var/told/clients" "ask $silent 'POST /rooms/heartbeat' $var/silent/clients"

"$build/session-voice-notify" --config "$var/told/session-voice.env" --every 1 --for 3600 >/dev/null 2>&1 &
pids="$pids $!"
compare 'p99 of renewals while the receiver hangs, of without webhooks' '<= 1.10' \
    "ask $told 'POST /rooms/token/renew' $var/told/clients && p99_us" \
    "ask $silent 'POST /rooms/token/renew' $var/silent/clients && p99_us" 'µs'
exit "$exit_status"
