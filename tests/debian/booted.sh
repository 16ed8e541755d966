#!/bin/sh
# What chroot.sh does in a Debian that systemd runs: it is started there as a unit. Prints "ok NAME" or "not ok NAME" for
# each thing that it looks at, and "booted" at the end. The packages are /root/two-pools.deb,
# first.deb and next.deb, and nginx is set up.
set -u
export DEBIAN_FRONTEND=noninteractive
pools="session-voice.service session-voice-read.service session-voice-chain.service"

check() {
    name=$1; shift
    if "$@"; then echo "ok $name"; else echo "not ok $name"; fi
}

# answers STATUS PATH [ARGUMENTS...]
answers() {
    expected=$1 path=$2; shift 2
    got=$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$@" "http://localhost$path")
    [ "$got" = "$expected" ] || { echo "$path: $got"; return 1; }
}

all_pools_answer() {
    answers 200 /health && answers 401 /rooms/leave -d '' && answers 401 /rooms/join -d ''
}

complete_settings() {
    sed 's/^#\([A-Z_]*=[h0]\)/\1/; s/^#\(AGORA.*=\)/\10123456789abcdef0123456789abcdef/' -i /etc/session-voice/session-voice.env
}

# To nginx too, whose configuration is the operator's.
two_pools_become_three() {
    site=/etc/nginx/sites-available/session-voice
    cp $site /root/site && sed -i 's/read.sock\|disk.sock/fast.sock/' $site && service nginx reload || return 1
    dpkg -i /root/two-pools.deb && complete_settings && all_pools_answer && [ ! -e /run/session-voice/disk.sock ] &&
        dpkg -i /root/first.deb && all_pools_answer || return 1
    cp /root/site $site
    service nginx restart && all_pools_answer && service session-voice restart && all_pools_answer &&
        ! supervisors | grep -qx 0 && dpkg --purge session-voice && [ ! -e /run/session-voice ]
}

it_waits_for_its_settings() {
    dpkg -i /root/first.deb || return 1
    systemctl is-active session-voice.socket session-voice-read.socket session-voice-chain.socket \
        session-voice-meter.timer || return 1
    systemctl is-active session-voice-attest.timer session-voice-notify.service && return 1
    answers 200 /health &
    asking=$!
    sleep 1
    journalctl -u session-voice-read.service | grep 'AGORA_APP_ID is not set' || return 1
    complete_settings
    wait "$asking" && all_pools_answer
}

sandboxed() {
    for unit in $pools; do
        status=$(cat "/proc/$(systemctl show -P MainPID $unit)/status")
        for line in 'NoNewPrivs:.1' 'Seccomp:.2' 'CapBnd:.0*$' 'CapEff:.0*$' 'Umask:.0027'; do
            echo "$status" | grep "^$line" || return 1
        done
    done
}

# shellcheck disable=SC2086 # three words
supervisors() { systemctl show -P MainPID $pools | grep .; }

ask_again_and_again() {
    while [ ! -e /root/enough ]; do
        all_pools_answer || echo lost >>/root/lost
        echo asked >>/root/asked
    done
}
an_upgrade_loses_no_request() {
    before=$(supervisors)
    ask_again_and_again &
    asking=$!
    dpkg -i /root/next.deb
    status=$?
    sleep 1
    touch /root/enough
    wait "$asking"
    echo "asked $(grep -c . /root/asked) times"
    [ "$status" -eq 0 ] && [ ! -e /root/lost ] && [ "$(supervisors)" = "$before" ] || return 1
    for pid in $before; do
        [ "/proc/$pid/exe" -ef /usr/bin/session-voice ] || { readlink "/proc/$pid/exe"; return 1; }
    done
}

# `service` waits for the unit that it names; systemd does the same with the others, and need not have ended.
soon() {
    for _ in $(seq 100); do
        "$@" && return 0
        sleep 0.1
    done
    echo "not soon: $*"
    supervisors
    return 1
}
none_was_there() { [ "$(supervisors | grep -cvxe "$1" -e 0)" -eq 3 ]; }
all_have_stopped() { [ "$(supervisors | tr '\n' ' ')" = "0 0 0 " ]; }
all_run() { ! supervisors | grep -qx 0; }
one_name_for_all_pools() {
    before=$(supervisors)
    service session-voice reload && [ "$(supervisors)" = "$before" ] &&
        service session-voice restart && soon none_was_there "$before" &&
        service session-voice stop && soon all_have_stopped &&
        service session-voice start && soon all_run && answers 200 /health
}

sweeps() {
    systemctl start session-voice-meter.service && curl -s http://localhost/health | grep '"sweep_stale":false'
}

# By a program that asks the node, in the same sandbox: it is to get as far as the answer, which is nginx's.
the_chain_can_be_asked() {
    drop_in=/run/systemd/system/session-voice-attest.service.d
    mkdir "$drop_in"
    printf '[Service]\nExecStart=\nExecStart=/usr/bin/session-voice-admin doctor\nEnvironment=RPC_URL=%s\n' \
        http://localhost/node >"$drop_in/doctor.conf"
    systemctl daemon-reload
    systemctl start session-voice-attest.service
    rm -r "$drop_in"
    systemctl daemon-reload && systemctl reset-failed session-voice-attest.service
    journalctl -u session-voice-attest.service | grep 'the node answers.*404'
}

purge_leaves_nothing() {
    systemctl enable --now session-voice-attest.timer && dpkg --purge session-voice || return 1
    left=$(find / -xdev -name '*session-voice*' ! -path '/root/*' ! -path '/etc/nginx/*' ! -path '/var/log/nginx/*')
    [ -z "$left$(readlink /proc/[0-9]*/exe | grep session-voice)" ] && ! getent passwd session-voice || { echo "$left"; return 1; }
    ! systemctl list-units 'session-voice*' | grep session-voice
}

check "under systemd: an upgrade from two pools to three" two_pools_become_three
check "under systemd: a request waits until the settings are complete" it_waits_for_its_settings
check "under systemd: the sandbox holds" sandboxed
check "under systemd: an upgrade replaces the running programs and loses no request" an_upgrade_loses_no_request
check "under systemd: session-voice is the name of all pools" one_name_for_all_pools
check "under systemd: the meter sweeps" sweeps
check "under systemd: the chain can be asked" the_chain_can_be_asked
check "under systemd: purge leaves no file, user, unit or process" purge_leaves_nothing
[ "$(grep -c '^not ok' /root/booted.log)" -eq 0 ] || journalctl -u 'session-voice*' | tail -n 60
echo booted
