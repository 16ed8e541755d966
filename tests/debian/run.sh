#!/bin/sh
# The manual, `make install`, the units, and in each release of Debian the package: from a bare system by README's commands
# to a served request, through upgrades, to the purge; and everything by both of its compilers.
# Ends with "N passed, N failed". usage: run.sh [BUILD [RELEASE...]]
#
# A bare Debian is made by mmdebstrap, or taken from /var/cache/session-voice-tests, where it is kept if that folder
# exists, as are the packages that are installed there. Needs root, for chroot and namespaces of its own: nothing of it
# outlives the test, nor is seen from outside. FROM_SCRATCH=1 compiles everything in there; otherwise the release that
# this machine runs takes most objects from BUILD.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(cd "${1:-build}" && pwd) || exit 1
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- bookworm trixie
here=$PWD/tests/debian
tmp=$(mktemp -d /tmp/session-voice-debian.XXXXXX)
. tests/debian/bare.sh
namespace=
trap '[ -z "$namespace" ] || kill "$namespace" 2>/dev/null; wait; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0

# check NAME COMMAND...
check() {
    name=$1; shift
    if "$@"; then passed=$((passed + 1)) && echo "ok $name"; else failed=$((failed + 1)) && echo "not ok $name"; fi
}

# ---- the manual ----

env_page=deploy/man/session-voice.env.5

the_page_has_every_setting() {
    grep -oE '\{"[A-Z_]+", &' lib/base/config.cpp | grep -oE '[A-Z_]+' | sort >"$tmp/settings"
    grep -E '^\.It [A-Z_]{3}' $env_page | grep -oE '[A-Z]+_?[A-Z_]+' | sort >"$tmp/described"
    [ -s "$tmp/settings" ] && diff "$tmp/settings" "$tmp/described"
}

# Whatever the server cannot do without is called required, and nothing else.
the_page_has_what_is_required() {
    { echo DATABASE_PATH
      tr '\n' ' ' <lib/base/config.cpp | grep -oE 'check_(form|address|secret)\("[A-Z_]+", +[a-z_.]+, +\(?server' |
          grep -oE '[A-Z_]{3,}'; } |
        sort >"$tmp/needed"
    awk '/^\.S/ { here = $2 == "Required" } here && /^\.It/' $env_page | grep -oE '[A-Z]+_[A-Z_]+' | sort >"$tmp/required"
    [ "$(grep -c . "$tmp/needed")" -gt 1 ] && diff "$tmp/needed" "$tmp/required"
}

# The names in the list of commands that a --help ends with.
commands_of() {
    "$@" --help | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z]*\) .*/\1/p'
}

the_pages_have_every_option() {
    admin=$build/session-voice-admin
    for command in $(commands_of "$admin"); do
        below=$(commands_of "$admin" "$command")
        if [ -z "$below" ]; then echo "$command"; else for each in $below; do echo "$command $each"; done; fi
    done >"$tmp/commands"
    [ -s "$tmp/commands" ] || return 1
    wrong=0
    while read -r command; do
        grep -qE "^\.It Ic $command( |\$)" deploy/man/session-voice-admin.8 || { echo "no command $command"; wrong=1; }
    done <"$tmp/commands"

    for program in session-voice session-voice-meter session-voice-attest session-voice-notify session-voice-admin; do
        "$build/$program" --help >"$tmp/help" || return 1
        # shellcheck disable=SC2086 # two words
        [ $program != session-voice-admin ] ||
            while read -r command; do "$admin" $command --help; done <"$tmp/commands" >>"$tmp/help"
        for option in $(grep -oE -e '--[a-z][a-z-]*' "$tmp/help" | sort -u); do
            grep -qE "Fl (. , )?${option#-}( |\$)" "deploy/man/$program.8" || { echo "$program: no $option"; wrong=1; }
        done
    done
    return "$wrong"
}

the_pages_are_well_formed() {
    mandoc -Tlint -Wwarning deploy/man/* || return 1
    for page in deploy/man/*; do LC_ALL=C.UTF-8 man --warnings -l -Tutf8 -Z "$page" 2>&1 >/dev/null; done >"$tmp/warnings"
    cat "$tmp/warnings"
    [ ! -s "$tmp/warnings" ]
}

check "every setting is in the manual, and nothing else" the_page_has_every_setting
check "with what is required" the_page_has_what_is_required
check "every option and command is in the manual" the_pages_have_every_option
check "the manual is well-formed" the_pages_are_well_formed

# ---- the version ----

# commit MESSAGE [SECONDS]: of an instant.
commit() {
    GIT_COMMITTER_DATE="@${2:-1700000000} +0300" git -C "$tmp/clone" -c user.name=nobody -c user.email=nobody@localhost \
        commit -q --allow-empty -m "$1"
}
says() { "$tmp/$1/deploy/version.sh" 1.0.0; }
in_order() {
    while [ $# -gt 1 ]; do
        dpkg --compare-versions "$1" lt "$2" || { echo "$1 is not before $2"; return 1; }
        shift
    done
}
later_builds_have_later_versions() {
    mkdir -p "$tmp/clone/deploy" && cp deploy/version.sh "$tmp/clone/deploy" && [ "$(says clone)" = 1.0.0 ] || return 1
    git -C "$tmp/clone" init -q && git -C "$tmp/clone" add -A && commit one || return 1
    one=$(says clone)
    commit two && two=$(says clone) || return 1
    echo '# more' >>"$tmp/clone/deploy/version.sh" && touch -d @1700000100 "$tmp/clone/deploy/version.sh"
    changed=$(says clone)
    touch -d @1700000200 "$tmp/clone/new" && added=$(says clone)
    git -C "$tmp/clone" add -A && commit three 1700000001 && git clone -q --depth 1 "file://$tmp/clone" "$tmp/shallow" || return 1
    in_order 1.0.0 "$one" "$two" "$changed" "$added" "$(says shallow)" "$(says clone)" 1.0.1 || return 1
    # Of a tarball that was unpacked in somebody's clone.
    mkdir -p "$tmp/clone/unpacked/deploy" && cp deploy/version.sh "$tmp/clone/unpacked/deploy" &&
        [ "$(says clone/unpacked)" = 1.0.0 ]
}
the_programs_say_the_version() {
    grep -qF "$(cat "$build/version")" "$build/session-voice"
}
check "later builds have later versions" later_builds_have_later_versions
check "the programs say theirs" the_programs_say_the_version

# ---- make install ----

install_tree() {
    make -s "$@" UNITY=1 BUILD="$build" >"$tmp/make.log" 2>&1 || { cat "$tmp/make.log"; return 1; }
}

uninstall_removes_what_install_put_there() {
    mkdir -p "$tmp/dest/usr/local/bin" && touch "$tmp/dest/usr/local/bin/somebody-elses" || return 1
    install_tree install-strip DESTDIR="$tmp/dest" || return 1
    [ "$(find "$tmp/dest" -name 'session-voice*' -type f | wc -l)" -ge 19 ] || return 1
    grep -q '^ExecStart=/usr/local/bin/session-voice --workers writers$' "$tmp/dest/usr/local/lib/systemd/system/session-voice.service" &&
        ! grep -rl "/usr/bin/session-voice\|$tmp" "$tmp/dest/usr/local/lib" || return 1
    install_tree uninstall DESTDIR="$tmp/dest" || return 1
    left=$(find "$tmp/dest" ! -type d -o -name 'session-voice*')
    [ "$left" = "$tmp/dest/usr/local/bin/somebody-elses" ] || { echo "left: $left"; return 1; }
}

units=$tmp/prefix/lib/systemd/system
the_units_verify() {
    install_tree install PREFIX="$tmp/prefix" || return 1
    said=$(systemd-analyze verify --man=no "$units"/* 2>&1)
    status=$?
    # The host's own units are none of our business.
    echo "$said" | grep session-voice && return 1
    return "$status"
}

# An exposure of 5.0 and more is MEDIUM, below it is OK.
the_services_are_sandboxed() {
    for service in "$units"/*.service; do
        said=$(systemd-analyze security --no-pager --offline=yes --threshold=20 "$service" 2>&1)
        status=$?
        echo "$said" | grep 'Overall exposure'
        [ "$status" -eq 0 ] || return 1
    done
}

check "uninstall removes what install put there" uninstall_removes_what_install_put_there
check "systemd understands the units" the_units_verify
check "the services are sandboxed" the_services_are_sandboxed

# ---- the package ----

# A database as it was before the programs had sessions, with something in each table.
make_old_database() {
    application_id=$(sed -nE 's/.*application_id = (0x[0-9A-Fa-f]+|[0-9]+);.*/\1/p' lib/sqlite/connection.h)
    [ -n "$application_id" ] || return 1
    { cat schema/sqlite/001_*.sql schema/sqlite/002_*.sql schema/sqlite/003_*.sql "$here/old_rows.sql"
      echo "PRAGMA user_version = 3; PRAGMA application_id = $((application_id));"; } | sqlite3 -bail "$tmp/old.db"
}

# make_bare RELEASE: with git, by which the clone came there.
make_bare() {
    kept=/var/cache/session-voice-tests/$1-$(dpkg --print-architecture)-git.tar
    [ ! -e "$kept" ] || { bare=$kept; return; }
    bare=$tmp/$1.tar
    make_debian "$1" "$bare" --include=git || return 1
    [ ! -d "${kept%/*}" ] || { mv "$bare" "$kept" && bare=$kept; }
}

# in_release RELEASE: the last process of the namespace takes all others and all mounts with it.
in_release() {
    log=$build/debian-$1.log objects=$build
    [ "$1" = "$host" ] && [ -z "${FROM_SCRATCH:-}" ] || objects=
    mkdir -p "$tmp/$1/packages" && cp "$tmp/old.db" "$tmp/$1" || return 1
    before=$(ls -d /sys/fs/cgroup/payload /sys/fs/cgroup/*/payload 2>/dev/null)
    unshare --mount --pid --fork --kill-child --mount-proc "$here/chroot.sh" "$tmp/$1" "$bare" "$objects" >"$log" 2>&1 &
    namespace=$!
    wait "$namespace"
    namespace=
    # systemd-nspawn's groups, empty by now.
    [ -n "$before" ] || find /sys/fs/cgroup -depth -type d \( -path '*/payload*' -o -name supervisor \) -exec rmdir {} + 2>/dev/null
    rm -rf "$tmp/$1.tar"
    grep -aE '^(ok|not ok|--) ' "$log" | sed "s/^\(ok\|not ok\|--\) /&$1: /"
    passed=$((passed + $(grep -ac '^ok ' "$log")))
    failed=$((failed + $(grep -ac '^not ok ' "$log")))
    if grep -aq '^not ok ' "$log" || ! grep -qax 'done' "$log"; then tail -n 150 "$log"; fi
    grep -qax 'done' "$log"
}

if [ "$(id -u)" -ne 0 ]; then
    check "the package: needs root, for chroot and namespaces" false
else
    check "a database of an older schema" make_old_database
    for release; do
        check "a bare Debian: $release" make_bare "$release"
        check "that was all of $release" in_release "$release"
    done
    # It blames an older release's package for what that release's debhelper does.
    not_older=$(printf '%s\n' "$@" | sed -n "/^$host\$/,\$p")
    # shellcheck disable=SC2046,SC2086 # a word each
    check "lintian finds nothing to complain about" lintian --allow-root --fail-on error,warning --no-tag-display-limit \
        $(printf "$tmp/%s/packages/session-voice_first.deb " ${not_older:-"$@"})
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
