#!/bin/sh
# Builds programs of the tests with ASan and UBSan, in build/sanitized, and runs the first of them:
#
#     sh tests/sanitized.sh PROGRAM [ARGUMENT...]      PROGRAM as in build/tests, such as sweep/sweep
set -e
cd "$(dirname "$0")/.."
program=$1
shift
log=build/sanitized.log
generator=
if command -v ninja > /dev/null; then generator="-G Ninja"; fi
# shellcheck disable=SC2086 # two words on purpose
if ! { { [ -f build/sanitized/CMakeCache.txt ] ||
  cmake $generator -S . -B build/sanitized -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O1 -DONNXCC_SANITIZE=ON; } &&
  cmake --build build/sanitized --target "${program##*/}" -j 2; } > "$log" 2>&1; then
  tail -n 20 "$log"
  echo "not ok $program - it can't be built; see $log"
  exit 1
fi
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
# ASan stands between dlopen and the program whose run path names the folder of back ends.
export LD_LIBRARY_PATH="$PWD/build/sanitized${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "build/sanitized/tests/$program" "$@"
