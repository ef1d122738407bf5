#!/bin/sh
# Configuring with an old LLVM, with none, and without asking for it.
place=${ONNXCC_BUILD:-$PWD/build}/tests/cmake-llvm
source=$PWD
rm -rf "$place"
mkdir -p "$place"
status=0
fail() { # fail NAME REASON
  echo "not ok $1 - $2"
  status=1
}

# refuses NAME OPTION...: the configuration stops and says what to do
refuses() {
  name=$1
  shift
  if cmake -S "$source" -B "$place/$name" "$@" > "$place/$name.log" 2>&1; then fail "$name" "it was configured"
  elif tr -s ' \n' '  ' < "$place/$name.log" | grep -q "needs LLVM 18 or newer.*llvm-19-dev.*-DONNXCC_LLVM=OFF"; then echo "ok $name"
  else fail "$name" "$(grep -A 2 'CMake Error' "$place/$name.log" | tr -s ' \n' '  ')"; fi
}

printf '#!/bin/sh\necho 14.0.6\n' > "$place/llvm-config-old"
chmod +x "$place/llvm-config-old"
refuses old_llvm -DLLVM_CONFIG="$place/llvm-config-old"
refuses no_llvm -DLLVM_CONFIG="$place/none"
if ! cmake -S "$source" -B "$place/without" -DONNXCC_LLVM=OFF > "$place/without.log" 2>&1; then fail without_llvm "it can't be configured"
elif cmake --build "$place/without" --target help | grep -q onnxcc_llvm; then fail without_llvm "it builds the back end all the same"
else echo "ok without_llvm"; fi
exit $status
