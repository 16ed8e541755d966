#!/bin/sh
# Which lines of lib and cgi-bin the inputs reach. usage: coverage.sh PROGRAM [INPUTS_FOUND_FOLDER]
set -eu
program=$(realpath "$1") found=$(realpath -m "${2:-/nonexistent}")
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d /dev/shm/session-voice-coverage.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
for file in tests/fuzz/*_fuzz.cpp; do
    target=$(basename "$file" _fuzz.cpp)
    set -- "tests/fuzz/corpus/$target"
    if [ -d "$found/$target" ]; then set -- "$@" "$found/$target"; fi
    TMPDIR=$scratch FUZZ_TARGET=$target LLVM_PROFILE_FILE="$scratch/$target.profraw" \
        "$program" -runs=0 -close_fd_mask=3 -entropic=0 "-artifact_prefix=$scratch/" "$@" >/dev/null 2>&1
done
llvm-profdata merge -o "$scratch/all.profdata" "$scratch"/*.profraw
llvm-cov report "$program" -instr-profile "$scratch/all.profdata" lib cgi-bin -show-region-summary=false
