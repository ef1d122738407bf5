#!/bin/sh
# samples/multi-isa, built as its README says: every member that the machine can run gives the answer; under qemu, older machines pick what they can run.
build=${ONNXCC_BUILD:-$PWD/build}
place=$build/tests/samples/multi-isa
case $(uname -m) in
x86_64) ;;
*)
  echo "skip multi-isa - this machine is no x86"
  exit 0
  ;;
esac
rm -rf "$place"
mkdir -p "$place"
status=0
fail() { # fail NAME REASON
  echo "not ok $1 - $2"
  status=1
}

# judge NAME PICKED COMMAND...: the program ends with status 0, the members that ran said 3, and init picked that one ("" for none)
judge() {
  name=$1 picked=$2
  shift 2
  "$@" > "$place/said" 2>&1
  code=$?
  wrong=$(grep -v -e ' label 3, ' -e 'not on this processor' -e '^picked: ' -e 'can run none' "$place/said" | head -n 1)
  if [ $code -ne 0 ]; then fail "$name" "status $code: $(tail -n 1 "$place/said")"
  elif [ -n "$wrong" ]; then fail "$name" "$wrong"
  elif [ -n "$picked" ] && ! grep -qx "picked: $picked, label 3" "$place/said"; then fail "$name" "$picked wanted: $(tail -n 1 "$place/said")"
  elif [ -z "$picked" ] && ! grep -q 'can run none' "$place/said"; then fail "$name" "something ran: $(head -n 1 "$place/said")"
  else echo "ok $name"; fi
}

best=$("$build/onnxcc" --target=help | sed -n 's/^native .*: \(x86-64-v[0-9]\).*/\1/p')
case $best in x86-64-v1) best= ;; esac
if ! { cmake -S samples/multi-isa -B "$place/cmake" -Donnxcc_DIR="$build" && cmake --build "$place/cmake"; } > "$place/log" 2>&1; then
  tail -n 15 "$place/log" | sed 's/^/# /'
  echo "not ok builds - see $place/log"
  exit 1
fi
echo "ok builds"
judge this_machine "$best" "$place/cmake/multi-isa"
sed 's/^/# /' "$place/said"

"$build/onnxcc" samples/digits/digits.onnx -o "$place/digits.c" --target=x86-64-v2,x86-64-v3,x86-64-v4 || fail compiles "onnxcc failed"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wcast-qual -Wundef -Wvla -Wstrict-prototypes -Werror"
for compiler in gcc clang clang-19; do
  if ! command -v $compiler > /dev/null; then
    echo "skip $compiler - it is missing"
    continue
  fi
  for level in -O0 -O3; do
    # shellcheck disable=SC2086 # words
    if $compiler -std=c99 $level $warnings -I"$place" -c "$place/digits.c" -o "$place/digits.o" &&
      $compiler -std=c99 $level -static -I"$place" samples/multi-isa/main.c "$place/digits.o" -o "$place/program"; then
      judge "$compiler$level" "$best" "$place/program"
    else
      fail "$compiler$level" "it does not compile"
    fi
  done
done

"$build/onnxcc" samples/digits/digits.onnx -c -o "$place/digits.o" --target=x86-64-v2,x86-64-v3,x86-64-v4 2> "$place/messages"
case $? in
0)
  if cc -I"$place" -static samples/multi-isa/main.c "$place/digits.o" -o "$place/object_program"; then
    judge object "$best" "$place/object_program"
  else
    fail object "it does not link"
  fi
  wide=$(objdump -d "$place/digits.o" | awk '/^[0-9a-f]+ </ { name = $2 } /zmm/ && name !~ /_v4>/ || /ymm/ && name !~ /_v[34]>/ { print name; exit }')
  if [ -z "$wide" ]; then echo "ok object_keeps_wide_vectors_apart"; else fail object_keeps_wide_vectors_apart "$wide uses them"; fi
  ;;
*)
  if grep -q E0705 "$place/messages"; then echo "skip object - built without LLVM"; else fail object "$(head -n 1 "$place/messages")"; fi
  ;;
esac

if ! command -v qemu-x86_64 > /dev/null; then
  echo "skip other_processors - qemu-x86_64 is missing"
elif [ -x "$place/program" ]; then
  judge qemu_without_sse4 "" qemu-x86_64 -cpu qemu64 "$place/program"
  judge qemu_nehalem x86-64-v2 qemu-x86_64 -cpu Nehalem "$place/program"
  judge qemu_avx2 x86-64-v3 qemu-x86_64 -cpu max "$place/program"
  if [ -x "$place/object_program" ]; then
    judge qemu_object_without_sse4 "" qemu-x86_64 -cpu qemu64 "$place/object_program"
    judge qemu_object_nehalem x86-64-v2 qemu-x86_64 -cpu Nehalem "$place/object_program"
    judge qemu_object_avx2 x86-64-v3 qemu-x86_64 -cpu max "$place/object_program"
  fi
fi

# The blob is that of one target, to the byte.
"$build/onnxcc" samples/digits/digits.onnx -o "$place/group.c" --weights=file --target=x86-64-v2,x86-64-v3,x86-64-v4 &&
  "$build/onnxcc" samples/digits/digits.onnx -o "$place/single.c" --weights=file --target=x86-64-v2
if cmp -s "$place/group.weights.bin" "$place/single.weights.bin"; then echo "ok one_blob"
else fail one_blob "group $(wc -c < "$place/group.weights.bin") bytes, single $(wc -c < "$place/single.weights.bin")"; fi
exit $status
