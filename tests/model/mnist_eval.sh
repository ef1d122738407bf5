#!/bin/sh
# The trained MNIST model on the data set's 10,000 test images: 9,891 right, as many as ONNX Runtime.
#
#     sh tests/model/mnist_eval.sh [FOLDER]     FOLDER: mnist_8 of the real models, with eval/ in it
set -u
cd "$(dirname "$0")/../.." || exit 1
folder=${1:-${ONNXCC_MODELS:-../shared/models}/mnist_8}
build=${ONNXCC_BUILD:-build}
wanted="9891 of 10000"

if [ ! -d "$folder/eval" ]; then
  echo "skip mnist_eval - $folder/eval is not there"
  exit 0
fi
place=$build/tests/model/mnist_eval
mkdir -p "$place"
fail() {
  echo "not ok mnist_eval - $1"
  exit 1
}
"${ONNXCC:-$build/onnxcc}" "$folder/model.onnx" -o "$place/mnist.c" || fail "onnxcc failed"
${CC:-cc} -std=c99 -O2 -I "$place" tests/model/mnist_eval.c "$place/mnist.c" -o "$place/mnist_eval" || fail "the C does not compile"
for data in t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
  gzip -dc "$folder/eval/$data.gz" > "$place/$data" || fail "$data can't be unpacked"
done
result=$("$place/mnist_eval" "$place/t10k-images-idx3-ubyte" "$place/t10k-labels-idx1-ubyte") || fail "the program failed"
echo "# $result right"
if [ "$result" = "$wanted" ]; then echo "ok mnist_eval"; else fail "$result right, $wanted wanted"; fi
