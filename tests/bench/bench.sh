#!/bin/sh
# How fast and how small the service is: each row holds it against something else on the same machine, the two in turn.
# tests/bench/README.md says what the rows are.  usage: bench.sh BUILD
set -eu
# shellcheck disable=SC2034,SC2317 source=tests/bench/common.sh
. tests/bench/common.sh
participants=${BENCH_PARTICIPANTS:-10000}
node=tests/bench/node

heading

installed=$node/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ -n "$(find $node/package-lock.json -newer "$installed")" ]; then
    if ! (cd $node && npm ci --no-audit --no-fund --foreground-scripts) >"$var/npm" 2>&1; then
        tail -n 5 "$var/npm" >&2
        rm -rf $node/node_modules
    fi
fi

# Participants in $clients; for each round as many visitors as there are connections, who join and leave.
settings "$var/ours"
"$build/bench-seed" "$var/ours/session-voice.env" "$participants" $((rounds * visitors_at_once)) >"$var/seeded"
clients=$var/clients visitors=$var/visitors
grep -v ' -$' "$var/seeded" >"$clients"
grep ' -$' "$var/seeded" >"$visitors"
settings "$var/fifty"
"$build/bench-seed" "$var/fifty/session-voice.env" 250 >"$var/fifty/clients"
settings "$var/nothing"
settings "$var/lean"

serve "$build/session-voice" "$var/ours"
ours=$served ours_pid=$served_pid counted=$served

# A worker that has opened the database and answered a little; then one that has been asked everything. Nothing else runs
# yet that would share its pages.
token=$(head -n 1 "$clients" | cut -d ' ' -f 1)
for _ in 1 2 3 4 5; do curl -fs -o /dev/null -H "Authorization: Bearer $token" "http://127.0.0.1:$ours/credits"; done
idle_pss=$(pss_of_largest_worker "$ours_pid")
while [ "$requests" -lt 10000 ]; do
    ask "$ours" 'POST /rooms/heartbeat,GET /credits,POST /rooms/token/renew,GET /rooms/active' "$clients" ||
        { echo "the service fails under load: $failure" >&2; exit 1; }
done
pss_before=$(pss_of_largest_worker "$ours_pid") requests_before=$requests

serve "$build/session-voice" "$var/fifty"
fifty=$served fifty_pid=$served_pid
serve "$build/bench-nothing" "$var/nothing"
nothing=$served nothing_pid=$served_pid
export NOTHING_CLOSES=yes
serve "$build/bench-nothing" "$var/lean"
lean=$served lean_pid=$served_pid
unset NOTHING_CLOSES
etag=$(curl -fsD - -o /dev/null "http://127.0.0.1:$fifty/rooms/active" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
is_not_modified() {
    [ "$(curl -fs -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag" "http://127.0.0.1:$fifty/rooms/active")" = 304 ]
}

# ---- beside a program that does nothing ----

heartbeat='POST /rooms/heartbeat'

# beside_nothing WHAT BAR PORT ROUTE [CLIENTS]
beside_nothing() {
    compare "$1, of the do-nothing program's rate" "$2" "ask $3 '$4' ${5:-$clients}" "ask $nothing '$4' ${5:-$clients}"
}
beside_nothing 'GET /health' '>= 0.90' "$ours" 'GET /health'
health_rate=${ours_rate:-10000}
page="'GET /,GET /operator,GET /web/client.js'"
header='Accept-Encoding: gzip'
compare "the page's files, of GET /health" '>= 0.90' "ask $ours $page $clients" "ask $ours 'GET /health' $clients"
header=''
beside_nothing 'GET /credits' '>= 0.80' "$ours" 'GET /credits'
beside_nothing 'GET /rooms/active, 50 rooms' '>= 0.60' "$fifty" 'GET /rooms/active' "$var/fifty/clients"
header="If-None-Match: $etag"
compare "GET /rooms/active, 304, of the do-nothing program's rate" '>= 0.80' \
    "is_not_modified && ask $fifty 'GET /rooms/active' $var/fifty/clients" \
    "is_not_modified && ask $nothing 'GET /rooms/active' $var/fifty/clients"
header=''
beside_nothing 'POST /rooms/token/renew' '>= 0.45' "$ours" 'POST /rooms/token/renew'

# beside_lean ROUTE BAR
beside_lean() {
    compare "$1, of one that does nothing and closes connections as the service does" "$2" \
        "ask $ours '$1' $clients" "ask $lean '$1' $clients"
}
beside_lean "$heartbeat" '>= 0.75'
for route in 'GET /health' 'GET /credits' 'POST /rooms/token/renew'; do beside_lean "$route" '-'; done

# copy FOLDER: the database as it is by now, with all that was charged so far.
copy() {
    mkdir "$1"
    "$build/session-voice-admin" --config "$var/ours/session-voice.env" backup "$1/session-voice.db" >/dev/null
}
copy "$var/bare"
bare() { rate=$("$build/bench-bare" "$var/bare/session-voice.db" "$seconds" "$1"); }
compare "$heartbeat, of a bare loop of its SQL on one core" '-' "ask $ours '$heartbeat' $clients" 'bare heartbeat'
compare 'POST /rooms/token/renew, of a bare loop of its SQL, each on the disk' '-' \
    "ask $ours 'POST /rooms/token/renew' $clients" 'bare renewal'

compare "pairs of join and leave a second, of the do-nothing program's requests/s" '>= 0.25' \
    "join_and_leave $ours $visitors && rate=\$(calculate \"\$rate / 2\")" "join_and_leave $nothing $visitors" 'pairs : requests/s'

# ---- beside libsecp256k1 ----

recoveries() { rate=$("$build/bench-recover" "$seconds"); }
# No more of them are made than the service could take: it answers nothing faster than /health.
wallets=$(calculate "16 + 1.1 * $health_rate * $seconds" 0)
compare "POST /auth/verify, of libsecp256k1's recoveries/s on $cores cores" '>= 0.80' \
    "sign_in $ours $build $var/ours" "recoveries && rate=\$(calculate \"\$rate * $cores\")" '/s'

# ---- beside the same heartbeat in Node ----

of_node="$heartbeat, of Node's rate,"

# serve_node NAME: server.js on a copy of the database. Sets $direct (its port), $node_pid, and $proxied (the port of a
# lighttpd before it) and $proxy_pid.
serve_node() {
    copy "$var/$1"
    direct=$port proxied=$((port + 1))
    port=$((port + 2))
    PORT=$direct DATABASE_PATH=$var/$1/session-voice.db JWT_SECRET='only for the benchmarks, which end soon' \
        node $node/server.js &
    node_pid=$!
    pids="$pids $node_pid"
    until_answers "$direct"
    cat >"$var/$1/lighttpd.conf" <<PROXY
server.modules       = ( "mod_proxy" )
server.bind          = "127.0.0.1"
server.port          = $proxied
server.document-root = "$var/$1"
server.errorlog      = "$var/$1/lighttpd.log"
server.max-keep-alive-requests = 10000
proxy.server         = ( "/" => (( "host" => "127.0.0.1", "port" => $direct )) )
PROXY
    lighttpd -D -f "$var/$1/lighttpd.conf" &
    proxy_pid=$!
    pids="$pids $proxy_pid"
    until_answers "$proxied"
}
# beside_node WHAT BAR PORT
beside_node() {
    compare "$of_node $1" "$2" "ask $ours '$heartbeat' $clients" "ask $3 '$heartbeat' $clients"
}

if [ -e "$installed" ]; then
    export WRITES=yes
    serve_node writes
    unset WRITES
    beside_node 'which writes each, behind the same lighttpd' '>= 8' "$proxied"
    beside_node 'which writes each, without a web server' '>= 1' "$direct"
    end "$proxy_pid" "$node_pid"
    serve_node reads
    beside_node 'of the same design, behind the same lighttpd' '>= 4' "$proxied"
    beside_node 'of the same design, without a web server' '-' "$direct"

    end "$proxy_pid" "$fifty_pid" "$nothing_pid" "$lean_pid" # they would share the pages of ours, whose part would look smaller
    # pss_under_load PORT PID: sets $rate to the KiB of its processes in the middle of a run.
    pss_under_load() {
        { ask "$1" "$heartbeat" "$clients" || touch "$var/load-failed"; } &
        asking=$!
        sleep "$(calculate "$seconds / 2")"
        rate=$(pss_sum "$2")
        wait "$asking"
        [ ! -e "$var/load-failed" ]
    }
    compare 'memory (PSS) under heartbeats: lighttpd and all workers, of all of Node' '<= 0.125' \
        "pss_under_load $ours $ours_pid" "pss_under_load $direct $node_pid" 'KiB'
    end "$node_pid"
else
    failure='better-sqlite3 could not be installed'
    failed "${of_node%,}" '>= 4'
    end "$fifty_pid" "$nothing_pid" "$lean_pid"
fi

# ---- plain CGI ----

# plain_cgi PATH: a line of `runs` for the service, one for each of the empty programs.
plain_cgi() {
    run_as_cgi="env REQUEST_METHOD=GET REQUEST_URI=$1 SCRIPT_NAME= SERVER_PROTOCOL=HTTP/1.1 REMOTE_ADDR=127.0.0.1
        SESSION_VOICE_CONFIG=$var/ours/session-voice.env"
    $run_as_cgi HTTP_AUTHORIZATION="Bearer $token" "$build/session-voice" </dev/null 2>/dev/null | grep -q '^Status: 200' &&
        $run_as_cgi HTTP_AUTHORIZATION="Bearer $token" "$build/bench-runs" $((200 * seconds)) \
            "$build/session-voice" "$build/bench-empty" "$build/bench-empty-static" </dev/null >"$var/runs"
}
for path in /health /credits; do
    if plain_cgi $path; then
        # Of each line: least and median of the wall time, median of the processor time.
        # shellcheck disable=SC2046 # nine numbers
        set -- $(tr '\n' ' ' <"$var/runs")
        row "plain CGI, GET $path, of an empty C++ program's time" "$(calculate "$2 / $5")" '<= 2' \
            "$2 : $5 µs; least $(calculate "$1 / $4"), processor time $(calculate "$3 / $6")"
        row "plain CGI, GET $path, of an empty one with the runtime in it" "$(calculate "$2 / $8")" '-' "$2 : $8 µs"
    else
        failed "plain CGI, GET $path" '<= 2'
    fi
done

# ---- size ----

mib() { calculate "$1 / 1024"; }
row 'PSS of an idle worker' "$(mib "$idle_pss") MiB" '<= 6 MiB'
pss_after=$(pss_of_largest_worker "$ours_pid")
row "PSS of a worker after $requests requests, of that after $requests_before" \
    "$(calculate "$pss_after / $pss_before")" '<= 1.05' "$(mib "$pss_after") : $(mib "$pss_before") MiB"
strip -o "$var/stripped" "$build/session-voice"
row 'the stripped program' "$(calculate "$(stat -c %s "$var/stripped") / 1000000") MB" '<= 2.5 MB'

end "$ours_pid"
mkdir "$var/copy"
cp -r --parents Makefile cgi-bin lib schema cron admin deploy tests/tests.mk "$var/copy"
begun=$(date +%s)
if (cd "$var/copy" && make -s -j2 all && times) >"$var/times" 2>"$var/make"; then
    took=$(($(date +%s) - begun))
    used=$(sed -n 2p "$var/times" | tr ms ' ' | awk '{ print ($1 + $3) * 60 + $2 + $4 }')
    row 'building from clean, make -j2' "$took s" '<= 60 s' "processor time / 2: $(calculate "$used / 2" 0) s"
else
    failure=$(tail -n 1 "$var/make")
    failed 'building from clean' '<= 60 s'
fi
exit $exit_status
