#!/bin/sh
# From a fresh checkout to an answer: builds onnxcc, compiles a trained model to C, builds a program from it, classifies an image.
# On Debian and Ubuntu it installs what is missing, and says so. Everything it makes lies in build/.
#
#     sh samples/quickstart.sh [IMAGE.pgm]
set -u
image=${1:-}
case $image in
"" | /*) ;;
*) image=$PWD/$image ;;
esac
cd "$(dirname "$0")/.." || exit 1
: "${image:=samples/digits/images/3.pgm}"
. samples/packages.sh
out=build/quickstart

step() { printf '\n[%s/5] %s\n' "$1" "$2"; }
show() { # show COMMAND...: print it, run it
  echo "  \$ $*"
  "$@"
}
fail() {
  echo "quickstart: $*" >&2
  exit 1
}

step 1 "What the build needs: a C compiler, cmake, ninja or make, protobuf-c"
missing=$(build_packages)
need "$missing" || exit 1
if [ -z "$missing" ]; then echo "  all there"; fi

step 2 "Build onnxcc in build/ (under a minute)"
mkdir -p $out
configure_and_build . $out/build.log || exit 1
[ -x build/onnxcc ] || fail "the build made no build/onnxcc; see $out/build.log"
echo "  built: $(build/onnxcc --version | head -n 1)"

step 3 "Compile the model to C"
show build/onnxcc samples/digits/digits.onnx -o $out/digits.c || fail "onnxcc refused the model; its message stands above"
for file in "$out"/digits.*; do echo "  made: $file ($(wc -c < "$file") bytes)"; done

step 4 "Build a program from it"
show "$(c_compiler)" -O2 -Iruntime-min -I$out samples/digits/main.c $out/digits.c -o $out/digits ||
  fail "the C compiler failed; its message stands above"

step 5 "Classify $image"
[ -r "$image" ] || fail "$image cannot be read"
# Ink as characters, where the file is a plain one
awk 'NR == 1 && $1 != "P2" { exit } /^#/ || NR == 1 { next }
     { for (i = 1; i <= NF; i++) {
         number++
         if (number == 1) width = $i
         if (number == 3) most = $i
         if (number <= 3) continue
         row = row substr("  ..ooOO@@", 1 + 2 * int($i * 4 / most), 2)
         if ((number - 3) % width == 0) { print "    " row; row = "" }
       } }' "$image"
show $out/digits "$image" || fail "the program failed; its message stands above"
echo
echo "Next: samples/digits/README.md builds the same program with CMake; build/onnxcc --help lists the options; sh tests/run.sh tests everything."
