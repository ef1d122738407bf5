# Sourced by the tests of the command: a folder of their own, and the words they are written in. $ONNXCC is the command.
onnxcc=${ONNXCC:-$PWD/build/onnxcc}
build=${ONNXCC_BUILD:-$PWD/build}
model=$PWD/samples/digits/digits.onnx
external=$PWD/tests/cmake/external.onnx
external_data=$PWD/tests/cmake/data
texts=$PWD/tests/pass
options_table=$PWD/compiler/options.def
place=$build/tests/command/$(basename "$0" .sh)
rm -rf "$place"
mkdir -p "$place"
cd "$place" || exit 1
failures=0

pass() { echo "ok $1"; }
fail() { # fail NAME REASON
  failures=$((failures + 1))
  echo "not ok $1 - $2"
}

# runs NAME STATUS ARGUMENT...: onnxcc ends with that status; output and messages are in out and err
runs() {
  test_name=$1 wanted=$2
  shift 2
  "$onnxcc" "$@" > out 2> err
  status=$?
  if [ $status -eq "$wanted" ]; then return 0; fi
  fail "$test_name" "status $status, not $wanted: $(head -n 1 err)"
  return 1
}

# gives NAME STATUS ARGUMENT...: a test of its own
gives() { if runs "$@"; then pass "$1"; fi; }

# says NAME STATUS PATTERN ARGUMENT...: and standard output or the messages hold the pattern
says() {
  says_name=$1 says_status=$2 pattern=$3
  shift 3
  runs "$says_name" "$says_status" "$@" || return
  if grep -q -e "$pattern" out err; then pass "$says_name"; else fail "$says_name" "no line says \"$pattern\": $(cat err out | head -n 1)"; fi
}

# holds NAME CONDITION...: a test command
holds() {
  holds_name=$1
  shift
  if "$@"; then pass "$holds_name"; else fail "$holds_name" "not true: $*"; fi
}

same() { # same NAME FILE FILE
  if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$2 and $3 differ: $(diff "$2" "$3" | head -n 2 | tr '\n' ' ')"; fi
}

finish() { [ $failures -eq 0 ]; exit; }
