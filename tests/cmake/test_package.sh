#!/bin/sh
# The CMake package, installed and from the build folder: every kind of library builds; what was touched, and only that, is built again.
# Works on copies under build/tests/cmake, so neither the sources nor the built onnxcc are touched.
build=${ONNXCC_BUILD:-build}
build=$(cd "$build" && pwd) || exit 1
root=$(cd "$(dirname "$0")/../.." && pwd)
place=$build/tests/cmake
rm -rf "$place"
mkdir -p "$place/source"
cp -R "$root"/tests/cmake/CMakeLists.txt "$root"/tests/cmake/main.c "$root"/tests/cmake/external.onnx "$root"/tests/cmake/data \
  "$root"/samples/digits/digits.onnx "$place/source"
log=$place/log

report() { # report NAME STATUS: one line; a failure shows the end of the log as a remark
  if [ "$2" -eq 0 ]; then
    echo "ok $1"
  else
    echo "not ok $1 - see $log.$1"
    tail -n 15 "$log" | sed 's/^/# /'
    cp "$log" "$log.$1"
  fi
}

configure() { # configure FOLDER PACKAGE_FOLDER ARGUMENT...
  folder=$1 package=$2
  shift 2
  cmake -S "$place/source" -B "$folder" -Donnxcc_DIR="$package" "$@" > "$log" 2>&1
}

# The generated sources newer than the mark, by base name, in one line.
made_again() { find "$1" -newer "$place/mark" -name '*.c' -path '*.onnxcc/*' -exec basename {} \; | sort | tr '\n' ' '; }

# touched NAME FOLDER WANTED FILE: after touching FILE (if any) exactly WANTED is generated again, and the program still runs
touched() {
  : > "$place/mark"
  [ -z "$4" ] || touch -c "$4"
  cmake --build "$2" > "$log" 2>&1 && again=$(made_again "$2") && echo "generated again: $again" >> "$log" && [ "$again" = "$3" ] &&
    { [ -n "$4" ] || [ -z "$(find "$2" -newer "$place/mark" -name two_models)" ]; } && "$2/two_models" >> "$log" 2>&1
  report "$1" $?
}

cmake --install "$build" --prefix "$place/installed" > "$log" 2>&1
report install $?
package=$(dirname "$(find "$place/installed" -name onnxccConfig.cmake)")

for generator in "Ninja" "Unix Makefiles"; do
  case $generator in Ninja) short=ninja ;; *) short="make" ;; esac
  if ! command -v "$short" > /dev/null; then
    echo "skip $short - $short is not installed"
    continue
  fi
  folder=$place/$short
  configure "$folder" "$package" -G "$generator" && cmake --build "$folder" >> "$log" 2>&1 && "$folder/two_models" >> "$log" 2>&1
  report "${short}_builds" $?
  touched "${short}_nothing_touched" "$folder" "" ""
  touched "${short}_model_touched" "$folder" "digits.c " "$place/source/digits.onnx"
  touched "${short}_external_data_touched" "$folder" "external.c " "$place/source/data/external.bin"
  touched "${short}_onnxcc_touched" "$folder" "digits.c external.c " "$place/installed/bin/onnxcc"
  touched "${short}_nothing_touched_again" "$folder" "" ""
done

for kind in OBJECT SHARED; do
  configure "$place/$kind" "$package" -DKIND=$kind && cmake --build "$place/$kind" >> "$log" 2>&1 && "$place/$kind/two_models" >> "$log" 2>&1
  report "library_$kind" $?
done
configure "$place/from_build" "$build" && cmake --build "$place/from_build" >> "$log" 2>&1 && "$place/from_build/two_models" >> "$log" 2>&1
report from_build_folder $?
if configure "$place/refused" "$package" -DKIND=ARCHIVE; then status=1; else grep -q 'TYPE is "ARCHIVE"' "$log"; status=$?; fi
report wrong_type_refused $status
