#!/bin/sh
# Build onnxcc in build/ and run its tests. On Debian and Ubuntu installs what is missing, and says so.
#
#     sh tests/run.sh [-l] [-v] [--quick] [NAME...]
#
#     -l         list the suites and leave
#     -v         show every line of every suite, not only failures and remarks
#     --quick    the quick suites only: about two minutes on a built tree, no network
#     NAME...    only these suites, or, as in unit or unit/base, all below that name
#
# The suites stand in tests/suites.txt. The last line is `N passed, N failed, N skipped`. Exit status: 0 all well; 1 a test failed, a suite
# crashed or said nothing, or nothing ran; 2 usage. The output of each suite is kept in build/tests/log/.
set -u
cd "$(dirname "$0")/.." || exit 1
. samples/packages.sh
suite_limit=3600 # seconds a suite may take
logs=build/tests/log
if [ -n "${ONNXCC_SUITES:-}" ]; then logs=${ONNXCC_SUITES%/*}/log; fi # the runner's own test; nothing is set up then

usage() {
  sed -n '2,/^set -u/{/^set/d;s/^# \{0,1\}//;p;}' tests/run.sh
  exit "$1"
}

list=no verbose=0 quick=no names=
for argument in "$@"; do
  case $argument in
  -l) list=yes ;;
  -v) verbose=1 ;;
  --quick) quick=yes ;;
  -h | --help) usage 0 ;;
  -*)
    echo "tests/run.sh: unknown option $argument" >&2
    usage 2 >&2
    ;;
  *) names="$names $argument" ;;
  esac
done

# All suites, a line each: NAME|quick|NEEDS|COMMAND, the unit test programs one by one.
suites() {
  sed -e 's/ *| */|/g' -e '/^#/d' -e '/^ *$/d' "${ONNXCC_SUITES:-tests/suites.txt}" | while IFS='|' read -r name speed needs command; do
    if [ "$name" != unit ]; then
      echo "$name|$speed|$needs|$command"
      continue
    fi
    for source in tests/*/test_*.c; do
      if [ -f "$source" ]; then
        program=${source#tests/}
        program=${program%.c}
        echo "unit/$program|$speed|$needs|build/tests/$program"
      fi
    done
  done
}

wanted() { # wanted SUITE SPEED
  if [ -z "$names" ]; then
    [ $quick = no ] || [ "$2" = quick ]
    return
  fi
  for pattern in $names; do
    case $1 in "$pattern" | "$pattern"/*) return 0 ;; esac
  done
  return 1
}

if [ $list = yes ]; then
  suites | awk -F'|' '{ printf "%-36s %-6s %s\n", $1, $2, $4 }'
  exit 0
fi
for name in $names; do
  if ! suites | awk -F'|' -v name="$name" '$1 == name || index($1, name "/") == 1 { found = 1 } END { exit !found }'; then
    echo "tests/run.sh: no suite is called $name; sh tests/run.sh -l lists them" >&2
    exit 2
  fi
done

# The lines that every result ends with.
finish() { # finish PASSED FAILED SKIPPED
  if [ "$2" -gt 0 ]; then
    echo
    echo "Failed:"
    sed 's/^/  /' "$logs/failed"
  fi
  echo
  echo "$1 passed, $2 failed, $3 skipped"
  if [ "$2" -gt 0 ] || [ "$1" -eq 0 ]; then exit 1; fi
  exit 0
}
stop() { # stop NAME REASON: nothing can run
  echo "$1 - $2" >> "$logs/failed"
  finish 0 1 0
}

rm -rf "$logs"
mkdir -p "$logs"
: > "$logs/failed"

python_for_venv() {
  for python in python3 python3.13 python3.12 python3.11 python3.10; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' > /dev/null 2>&1; then
      echo "$python"
      return
    fi
  done
}

# build/venv with exactly the packages of tests/requirements.txt
make_venv() {
  if cmp -s tests/requirements.txt build/venv/requirements.txt; then return 0; fi
  if [ $quick = yes ]; then return 1; fi
  echo "  build/venv: installing tests/requirements.txt with pip"
  rm -rf build/venv
  if "$(python_for_venv)" -m venv build/venv > "$logs/venv" 2>&1 &&
    build/venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt >> "$logs/venv" 2>&1; then
    cp tests/requirements.txt build/venv/
    return 0
  fi
  tail -n 10 "$logs/venv"
  return 1
}

chosen=$(suites | while IFS='|' read -r name speed needs command; do
  if wanted "$name" "$speed"; then echo "$name|$needs|$command"; fi
done)
wants() { # wants NEED: one of the chosen suites has it
  echo "$chosen" | awk -F'|' -v need="$1" '("," $2 ",") ~ ("[, ]" need "[, ]") { found = 1 } END { exit !found }'
}

# Compilers and emulators of other machines: THING=PACKAGE or THING=PACKAGE+PACKAGE. A suite whose package is not to be had is skipped.
machines="arm-none-eabi-gcc=gcc-arm-none-eabi qemu-system-arm=qemu-system-arm riscv64-unknown-elf-gcc=gcc-riscv64-unknown-elf
  qemu-system-riscv64=qemu-system-misc clang-19=clang-19 wasm-ld-19=lld-19 node=nodejs qemu-aarch64=qemu-user
  aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu+libc6-dev-arm64-cross riscv64-linux-gnu-gcc=gcc-riscv64-linux-gnu+libc6-dev-riscv64-cross"
install_machines() {
  for pair in $machines; do
    if wants "${pair%%=*}"; then need "$(which_missing "$pair" | tr + ' ')" || echo "  without ${pair#*=}: suites that need it are skipped"; fi
  done
}

if [ -n "$chosen" ] && [ -z "${ONNXCC_SUITES:-}" ]; then
  echo "== setting up"
  missing=$(build_packages)
  if wants clang; then missing="$missing$(which_missing clang=clang)"; fi
  if wants mpfr.h; then missing="$missing$(which_missing mpfr.h=libmpfr-dev)"; fi
  if wants venv && [ ! -x build/venv/bin/python ] && [ -z "$(python_for_venv)" ]; then missing="${missing}python3 python3-venv "; fi
  if [ $quick = no ]; then
    need "$missing" || stop setup "packages are missing: $missing"
    install_machines
  elif [ -n "$(build_packages)" ]; then
    stop setup "--quick installs nothing, and the build needs: $(build_packages)"
  fi
  echo "  building in build/"
  configure_and_build . "$logs/build" || stop build "see $logs/build"
  if wants venv && ! make_venv && [ $quick = no ]; then stop venv "build/venv could not be made; see $logs/venv"; fi
fi

lacking() { # lacking NEEDS: the first need that is not met
  for thing in $(echo "$1" | tr ',' ' '); do
    case $thing in
    -) ;;
    onnxcc) [ -x build/onnxcc ] || echo "build/onnxcc, which the build does not make" ;;
    venv) cmp -s tests/requirements.txt build/venv/requirements.txt || echo "build/venv; a run without --quick makes it" ;;
    llvm) [ -e build/onnxcc_llvm.so ] || echo "build/onnxcc_llvm.so: onnxcc was configured with -DONNXCC_LLVM=OFF" ;;
    cc) has "$(c_compiler)" || echo "a C compiler" ;;
    *) has "$thing" || echo "$thing" ;;
    esac
  done | head -n 1
}

ONNXCC_BUILD=$PWD/build ONNXCC=$PWD/build/onnxcc
export ONNXCC_BUILD ONNXCC
limit=
if has timeout; then limit="timeout $suite_limit"; fi
live=0
if [ -t 1 ]; then live=1; fi

# Reads a suite's output; shows failures and remarks as they come; writes "passed failed skipped" to the file `counts`.
# shellcheck disable=SC2016 # $ is awk's
watch='
  function show(line) { if (live && shown) printf "\r%60s\r", ""; shown = 0; print line; fflush() }
  { print > log_file }
  /^ok / { passed++ }
  /^skip / { skipped++ }
  /^not ok / { failed++; line = $0; sub(/^not ok /, "", line); print suite ": " line >> failures }
  /^not ok / || /^#/ || verbose { show("  " $0) }
  live && /^(ok|skip) / && !verbose { printf "\r  %d", passed + failed + skipped; shown = 1; fflush() }
  END { if (live && shown) printf "\r%60s\r", ""; print passed + 0, failed + 0, skipped + 0 > counts }'

all_passed=0 all_failed=0 all_skipped=0
run_suite() { # run_suite NAME NEEDS COMMAND
  echo "== $1"
  log=$logs/$(echo "$1" | tr / -)
  lack=$(lacking "$2")
  if [ -n "$lack" ]; then
    echo "  skip $1 - needs $lack"
    all_skipped=$((all_skipped + 1))
    return
  fi
  began=$(date +%s)
  # shellcheck disable=SC2086 # words on purpose
  { $limit $3 2>&1 < /dev/null; echo $? > "$log.status"; } |
    awk -v live=$live -v verbose=$verbose -v suite="$1" -v failures="$logs/failed" -v log_file="$log" -v counts="$log.counts" "$watch"
  read -r status < "$log.status"
  read -r passed failed skipped < "$log.counts"
  rm -f "$log.status" "$log.counts"
  problem=
  if [ "$status" -eq 124 ] && [ -n "$limit" ]; then problem="took longer than $suite_limit s"
  elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then problem="ended with status $status and reported no failure"
  elif [ $((passed + failed + skipped)) -eq 0 ]; then problem="reported no test"
  fi
  if [ -n "$problem" ]; then
    tail -n 15 "$log" 2> /dev/null | sed 's/^/    /'
    echo "  not ok $1 - $problem"
    echo "$1: $problem" >> "$logs/failed"
    failed=$((failed + 1))
  fi
  echo "  $passed passed, $failed failed, $skipped skipped in $(($(date +%s) - began)) s"
  all_passed=$((all_passed + passed)) all_failed=$((all_failed + failed)) all_skipped=$((all_skipped + skipped))
}

while IFS='|' read -r name needs command; do
  if [ -n "$name" ]; then run_suite "$name" "$needs" "$command"; fi
done << CHOSEN
$chosen
CHOSEN
finish $all_passed $all_failed $all_skipped
