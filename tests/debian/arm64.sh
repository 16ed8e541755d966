#!/bin/sh
# Everything, cross-built for arm64 in a Debian of this machine's release, and the unit program there under qemu-user.
# Says how many tests passed. usage: arm64.sh [RELEASE]; needs root, for the chroot.
# SIMULATION_STEPS, FAULT_STRIDE and FAULT_ROUNDS as for the tests themselves; an emulated step takes ten times as long.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/debian/bare.sh
release=${1:-$host}
tmp=$(mktemp -d /tmp/session-voice-arm64.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

packages=make,g++-aarch64-linux-gnu,qemu-user,nlohmann-json3-dev,rapidjson-dev,libcli11-dev
for library in libfcgi-dev libsqlite3-dev libpq-dev libsecp256k1-dev zlib1g-dev libcurl4-openssl-dev \
    libboost-test-dev libssl-dev; do
    packages=$packages,$library:arm64
done
make_debian "$release" "$tmp/root" --architectures="$(dpkg --print-architecture),arm64" --include=$packages || exit 1
clone=$tmp/root/root/session-voice
mkdir -p "$clone" "$tmp/root/dev/shm"
tar -c --exclude=./.git --exclude='./build*' --exclude=node_modules --exclude='./var*' . | tar -x -C "$clone"

# inside COMMAND: of the caller's variables only those that concern them, and /proc of a namespace that ends with it.
inside() {
    unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"' "$tmp/root" \
        SIMULATION_STEPS="${SIMULATION_STEPS:-2000}" FAULT_STRIDE="${FAULT_STRIDE:-400}" FAULT_ROUNDS="${FAULT_ROUNDS:-5}" \
        FAULT_SEED="${FAULT_SEED:-1}" sh -c "cd /root/session-voice && $1"
}
inside "make -s -j$(nproc) UNITY=1 CXX=aarch64-linux-gnu-g++ TEST_CXX=aarch64-linux-gnu-g++ WERROR=-Werror all build/run_tests" || exit 1

begun=$(date +%s)
# The tests of days watch how much memory the process takes, and the emulator's is among it. Of the others the emulator
# mounts no disk.
inside "qemu-aarch64 build/run_tests --color_output=no --report_level=short --run_test='!day_tests' --run_test='!real_disk_tests' 2>&1" >"$tmp/tested"
status=$?
cat "$tmp/tested"
passed=$(sed -n 's/^ *\([0-9]*\) test cases* out of [0-9]* passed.*/\1/p' "$tmp/tested" | head -n 1)
echo "arm64: ${passed:-0} tests passed in $(($(date +%s) - begun)) s"
[ "$status" -eq 0 ] && [ "${passed:-0}" -gt 0 ]
