# How the tests come by a Debian that is as new as from the installer. To be sourced; $tmp is a folder of the caller's.
host=$(. /etc/os-release && echo "$VERSION_CODENAME")

# make_debian RELEASE TARGET [ARGUMENTS...]: the target is a folder or a .tar.
make_debian() {
    made=$1 target=$2
    shift 2
    # As this machine reaches its mirrors, so must that one.
    sources=$(grep -ls "$host" /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources | head -n 1)
    [ -z "$sources" ] || sed "s/$host/$made/g" "$sources" >"$tmp/$made.sources"
    apt-config dump | grep -E '^Acquire::(http|https|Check)[^ ]* ' >"$tmp/apt.conf"
    mmdebstrap --quiet --variant=minbase --aptopt="$tmp/apt.conf" "$@" "$made" "$target" ${sources:+"$tmp/$made.sources"}
}
