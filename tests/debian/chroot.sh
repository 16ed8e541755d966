#!/bin/sh
# What run.sh does in a bare Debian, in namespaces of its own. usage: chroot.sh TMP BARE_TARBALL OBJECTS [inside]
# Prints "ok NAME" or "not ok NAME" for each thing that it looks at, and "done" at the end. Without OBJECTS, a build of the
# same files by the same release, everything is compiled in there.
set -u
tmp=$1 bare=$2 objects=$3
root=$tmp/root
clone=/root/session-voice

in_chroot() {
    chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
        DEBIAN_FRONTEND=noninteractive UNITY=1 BUILD=build-test "$@"
}

check() {
    name=$1; shift
    if "$@"; then echo "ok $name"; else echo "not ok $name"; fi
}

# Of all processes that ended in this namespace.
cpu_seconds() { awk '{ print int(($16 + $17) / 100) }' "/proc/$$/stat"; }

if [ $# -eq 3 ]; then
    mkdir "$root" && mount -t tmpfs -o size=4g,mode=755 tmpfs "$root" || exit 1
    tar -C "$root" -xf "$bare" || exit 1
    mount -t proc proc "$root/proc" && mkdir -p "$root/dev/shm" || exit 1
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
    # A kept Debian keeps what it downloads.
    case $bare in /var/cache/*)
        archives=${bare%.tar}-packages
        mkdir -p "$archives" && mount --bind "$archives" "$root/var/cache/apt/archives" || exit 1 ;;
    esac
    # nginx shall not have the machine's port 80, but apt its network: it downloads there, installs and starts here.
    touch "$root/network" && mount --bind /proc/self/ns/net "$root/network" || exit 1
    cat >"$root/usr/local/sbin/apt-get" <<'APT'
#!/bin/sh
case " $* " in
*" update "*) exec nsenter --net=/network /usr/bin/apt-get "$@" ;;
esac
nsenter --net=/network /usr/bin/apt-get --download-only "$@" && exec /usr/bin/apt-get "$@"
APT
    chmod +x "$root/usr/local/sbin/apt-get"
    exec unshare --net "$0" "$@" inside
fi

ip link set lo up || exit 1

# The clone: what is in the repository, or will be, and the objects that the host has compiled from the same files. One of
# them, and the programs, are left to be made in there.
mkdir -p "$root$clone/build-test"
tar -c --exclude=./.git --exclude='./build*' --exclude=node_modules --exclude='./var*' . | tar -x -C "$root$clone"
[ -z "$objects" ] || (cd "$objects" && tar -c --exclude=main.o ./*.gch ./*pch.h schema.* openapi.* admin cgi-bin cron lib tests) |
    tar -x -C "$root$clone/build-test"

commit() {
    in_chroot git -C "$clone" -c user.name=nobody -c user.email=nobody@localhost commit -q "$@"
}
in_chroot git -C "$clone" init -q && in_chroot git -C "$clone" add -A && commit -m first || exit 1

# timed WHAT COMMAND...
timed() {
    what=$1; shift
    begun=$(date +%s) used=$(cpu_seconds)
    "$@"
    echo
    echo "-- $what took $(($(date +%s) - begun)) s, and $(($(cpu_seconds) - used)) s of processor time"
}
# ---- README's commands ----

awk '/^## / { here = /Install on Debian/ } here && /^    / { seen = 1; print substr($0, 5); next } here && seen { exit }' \
    README.md >"$root/commands"
cat "$root/commands"
readme() {
    in_chroot WERROR=-Werror sh -c "cd $clone && set -ex && . /commands" >"$tmp/readme.log" 2>&1
    status=$?
    cat "$tmp/readme.log"
    echo # curl leaves its line open
    [ "$status" -eq 0 ] && tail -n 1 "$tmp/readme.log" | grep -q '{.*"ok":true'
}
timed "README's commands" check "README's commands lead from a bare Debian to a served request" readme
cp "$root$clone"/build-deb/session-voice_*.deb "$tmp/packages/session-voice_first.deb" && cp "$tmp/packages/session-voice_first.deb" "$root/root/first.deb" || exit 1

# ---- what they made ----

database=$root/var/lib/session-voice/session-voice.db
settings=$root/etc/session-voice/session-voice.env

as_seen() {
    seen=$(in_chroot stat -c '%a %U:%G' /run/session-voice/read.sock /run/session-voice/disk.sock \
        /run/session-voice/chain.sock /etc/session-voice/session-voice.env /var/lib/session-voice /var/lib/session-voice/session-voice.db)
    echo "$seen"
    [ "$(echo "$seen" | tr '\n' ' ')" = "660 session-voice:www-data 660 session-voice:www-data \
660 session-voice:www-data 640 root:session-voice 750 session-voice:session-voice 640 session-voice:session-voice " ] &&
        [ "$(in_chroot id -nG session-voice)" = session-voice ]
}
check "owners and modes, and a user of no other group" as_seen

enabled_units() {
    enabled=$(cd "$root/etc/systemd/system" && find . -name 'session-voice*' | sort | tr '\n' ' ')
    echo "$enabled"
    [ "$enabled" = "./sockets.target.wants/session-voice-chain.socket ./sockets.target.wants/session-voice-read.socket \
./sockets.target.wants/session-voice.socket ./timers.target.wants/session-voice-meter.timer " ] &&
        [ -e "$root/etc/rc2.d/S01session-voice" ]
}
check "the sockets and the meter's timer are enabled, the oracle's is not" enabled_units

# answers STATUS PATH [ARGUMENTS...]
answers() {
    expected=$1 path=$2; shift 2
    got=$(in_chroot curl -s -o /dev/null -w '%{http_code}' --max-time 10 "$@" "http://localhost$path")
    [ "$got" = "$expected" ] || { echo "$path: $got"; return 1; }
}
all_pools_answer() {
    answers 200 /rooms/active && answers 401 /rooms/leave -d '' && answers 401 /rooms/join -d ''
}
check "all pools answer through nginx" all_pools_answer

what_is_missing_is_said() {
    cp -p "$settings" "$tmp/settings.kept"
    sed -i '/^AGORA\|^RPC_URL/d' "$settings"
    in_chroot service session-voice restart >"$tmp/restart.log" 2>&1
    status=$?
    cat "$tmp/restart.log"
    cp -p "$tmp/settings.kept" "$settings"
    [ "$status" -eq 6 ] && answers 200 /health &&
        for setting in AGORA_APP_ID AGORA_APP_CERTIFICATE RPC_URL; do
            grep -q "$setting is not set" "$tmp/restart.log" || return 1
        done
}
check "a start tells what is missing, and what runs goes on" what_is_missing_is_said

# ---- upgrades ----

# From here on as where an init runs: the package may start, stop and reload.
printf '#!/bin/sh\nexit 0\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"

version() { in_chroot dpkg-query -W -f '${Version}' session-voice; }

# bump: the same package, of a later version.
bump() {
    dpkg-deb -R "$tmp/packages/session-voice_first.deb" "$tmp/unpacked" && sed -i "s/^Version: .*/&.1/" "$tmp/unpacked/DEBIAN/control" &&
        dpkg-deb -Znone --root-owner-group -b "$tmp/unpacked" "$root/root/bumped.deb"
}

# What the old schema knows of it.
rows() {
    for table in credit_accounts credit_events rooms connections spent_nonces sweeps; do
        columns=$(sqlite3 -readonly "$tmp/old.db" "SELECT group_concat(name) FROM pragma_table_info('$table')")
        sqlite3 -readonly "$1" "SELECT $columns FROM $table" | sort
    done
}

an_old_database_is_upgraded() {
    bump && in_chroot service session-voice stop && rm -f "$database"* && cp "$tmp/old.db" "$database" || return 1
    in_chroot chown session-voice:session-voice /var/lib/session-voice/session-voice.db
    rows "$database" >"$tmp/before"
    in_chroot dpkg -i /root/bumped.deb || return 1
    rows "$database" >"$tmp/after"
    [ "$(sqlite3 -readonly "$database" 'PRAGMA user_version')" -eq "$(ls schema/sqlite/*.sql | wc -l)" ] &&
        diff "$tmp/before" "$tmp/after" && [ "$(grep -c . "$tmp/after")" -eq 9 ] &&
        in_chroot session-voice-admin audit &&
        [ -z "$(find "$root/var/lib/session-voice" -user root)" ] && answers 200 /health
}
check "a database of an older schema is upgraded without loss" an_old_database_is_upgraded

processes() { readlink /proc/[0-9]*/exe | grep '/usr/bin/session-voice'; }
# As many readers as cores, but at least two, three and six more, and a supervisor for each pool.
processes_of_three_pools() { cores=$(nproc); echo $(((cores > 2 ? cores : 2) + 3 + 6 + 3)); }

# The same package as it was when there were two pools, of an earlier version.
two_pools() {
    old=$tmp/two-pools
    dpkg-deb -R "$tmp/packages/session-voice_first.deb" "$old" && sed -i 's/^Version: .*/&~/' "$old/DEBIAN/control" &&
        sed -i 's/session-voice-read/session-voice-chain/g' "$old"/DEBIAN/p* &&
        sed -i 's/^pools=.*/pools="fast chain"/; s/start_pool read .*/start_pool fast 2 \&\& start_pool chain 6/' \
            "$old/etc/init.d/session-voice" || return 1
    units=$(dirname "$(find "$old" -name session-voice.socket)")
    rm "$units"/session-voice-read.* && sed -i 's/session-voice-read.service //' "$units/session-voice.service" &&
        sed -i 's/disk.sock/fast.sock/; /^Symlinks\|^RemoveOnStop/d' "$units/session-voice.socket" &&
        dpkg-deb -Znone --root-owner-group -b "$old" "$root/root/two-pools.deb"
}
# To nginx too, whose configuration is the operator's.
two_pools_become_three() {
    site=$root/etc/nginx/sites-available/session-voice
    two_pools && in_chroot service session-voice stop && in_chroot dpkg -i /root/two-pools.deb &&
        in_chroot service session-voice start && cp "$site" "$tmp/site" || return 1
    sed -i 's/read.sock\|disk.sock/fast.sock/' "$site"
    in_chroot service nginx restart && all_pools_answer && [ ! -e "$root/run/session-voice/disk.sock" ] &&
        in_chroot dpkg -i /root/first.deb && all_pools_answer || return 1
    cp "$tmp/site" "$site"
    in_chroot service nginx restart && all_pools_answer && in_chroot service session-voice status &&
        [ ! -e "$root/run/session-voice/fast.pid" ] && [ "$(processes | grep -c .)" -eq "$(processes_of_three_pools)" ]
}
check "an upgrade from two pools to three" two_pools_become_three

supervisors() { for pool in read disk chain; do cat "$root/run/session-voice/$pool.pid" && echo; done; }

ask_again_and_again() {
    while [ ! -e "$root/enough" ]; do
        all_pools_answer || echo lost >>"$tmp/lost"
        echo asked >>"$tmp/asked"
    done
}
# By README's words, from one commit to the next; both may be of the same second.
upgrade() {
    commit --allow-empty -m next && in_chroot sh -c "cd $clone && make -s deb && apt-get install -y ./build-deb/session-voice_*.deb" &&
        cp "$root$clone"/build-deb/session-voice_*.deb "$root/root/next.deb"
}
an_upgrade_loses_no_request() {
    before=$(supervisors) old=$(version)
    ask_again_and_again &
    asking=$!
    upgrade
    status=$?
    sleep 1
    touch "$root/enough"
    wait "$asking"
    echo "asked $(grep -c . "$tmp/asked") times; $old became $(version)"
    [ "$status" -eq 0 ] && [ ! -e "$tmp/lost" ] && [ "$(supervisors)" = "$before" ] && [ "$(version)" != "$old" ] || return 1
    for pid in $before; do # the same processes, the new program
        [ "$(readlink "/proc/$pid/exe")" = "$root/usr/bin/session-voice" ] || { readlink "/proc/$pid/exe"; return 1; }
        grep -qF "$(version)" "/proc/$pid/exe" || return 1
    done
}
timed "the next commit's package" check "an upgrade to the next commit loses no request" an_upgrade_loses_no_request

# ---- cron, stop, purge ----

cron_sweeps() {
    line=$(grep '^\* ' "$root/etc/cron.d/session-voice")
    user=$(echo "$line" | awk '{ print $6 }')
    command=$(echo "$line" | sed -E 's/^([^ ]+ ){6}//')
    echo "as $user: $command"
    in_chroot runuser -u "$user" -- env -i HOME=/var/lib/session-voice PATH=/usr/bin:/bin SHELL=/bin/sh /bin/sh -c "$command" &
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.5
        grep -q '"swept_at"' "$root/var/log/session-voice/meter.log" 2>/dev/null || continue
        in_chroot curl -s http://localhost/health | grep '"sweep_stale":false' && return
    done
    return 1
}
check "what cron runs sweeps" cron_sweeps

it_stops_and_starts() {
    in_chroot service session-voice stop || return 1
    processes | grep -v meter && return 1
    in_chroot service session-voice status
    [ $? -eq 3 ] && answers 502 /health && in_chroot service session-voice start && answers 200 /health &&
        in_chroot service session-voice status
}
check "it stops and starts" it_stops_and_starts

purge_leaves_nothing() {
    echo "running: $(processes | sort | uniq -c)"
    in_chroot dpkg --remove session-voice || return 1
    [ -e "$database" ] && [ -e "$settings" ] || { echo "the data went with remove"; return 1; }
    processes && return 1
    in_chroot dpkg --purge session-voice || return 1
    # What the operator put there himself, and what apt keeps, is not the package's.
    left=$(find "$root" -xdev -name '*session-voice*' ! -path "$root$clone*" ! -path "$root/etc/nginx/*" \
        ! -path "$root/var/log/nginx/*" ! -path "$root/proc/*")
    echo "$left"
    [ -z "$left" ] && ! grep session-voice "$root/etc/passwd" "$root/etc/group" "$root/etc/shadow"
}
check "purge leaves no file, user or process, and remove the data" purge_leaves_nothing

a_first_installation_says_what_is_missing() {
    in_chroot dpkg -i /root/next.deb >"$tmp/first.log" 2>&1
    status=$?
    cat "$tmp/first.log"
    in_chroot dpkg --purge session-voice
    [ "$status" -eq 0 ] && grep -q 'AGORA_APP_ID is not set' "$tmp/first.log" &&
        grep -q 'service session-voice start' "$tmp/first.log"
}
check "a first installation says what is missing, and is complete" a_first_installation_says_what_is_missing

# ---- both compilers: of this machine's release they make the tests outside ----

compilers() {
    in_chroot make -s -C "$clone" compilers
}
# unit TREE [ARGUMENTS]: a short run of the tests in there.
unit() {
    in_chroot SIMULATION_STEPS=2000 FAULT_STRIDE=1000 FAULT_ROUNDS=5 sh -c \
        "cd $clone && $* --color_output=no --report_level=short 2>/tests.log" || { tail -n 40 "$root/tests.log"; return 1; }
}
if [ -z "$objects" ]; then
    timed "what both compilers made" check "both compilers make everything without a warning" compilers
    timed "g++'s tests" check "g++'s tests pass" unit build-test/run_tests
    timed "clang's tests" check "clang's tests pass" unit build-clang/run_tests
fi

# ---- the same under systemd ----

# nspawn keeps something in /run; this one goes with the namespace.
boot() {
    in_chroot service nginx stop
    in_chroot apt-get -qq install -y --no-install-recommends systemd-sysv || return 1
    rm "$root/usr/sbin/policy-rc.d" "$root/enough"
    umount "$root/network" && umount "$root/proc" && mount -t tmpfs tmpfs /run || return 1
    cp tests/debian/booted.sh "$root/root/"
    ln -s ../booted.service "$root/etc/systemd/system/multi-user.target.wants/"
    cat >"$root/etc/systemd/system/booted.service" <<'UNIT'
[Unit]
After=nginx.service
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
ExecStart=/root/booted.sh
StandardOutput=file:/root/booted.log
StandardError=file:/root/booted.log
TimeoutStartSec=200
UNIT
    timeout 240 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory="$root" --boot \
        </dev/null >"$tmp/boot.log" 2>&1
    cat "$root/root/booted.log" && grep -qx booted "$root/root/booted.log" || { cat "$tmp/boot.log"; return 1; }
}
check "systemd boots" boot

echo done
