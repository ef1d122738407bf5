#!/bin/sh
# samples/cortex-m, built as its README says: both boards know the digit.
build=${ONNXCC_BUILD:-$PWD/build}
status=0
for board in mps2-an386 mps3-an547; do
  place=$build/tests/samples/cortex-m/$board
  rm -rf "$place"
  said=$(make -C samples/cortex-m --no-print-directory run BOARD=$board ONNXCC="${ONNXCC:-$build/onnxcc}" OUT="$place" 2>&1)
  case $said in
  *"digit 3, probability 0.969"*) echo "ok $board" ;;
  *)
    echo "$said" | tail -n 15 | sed 's/^/# /'
    echo "not ok $board - digit 3 with probability 0.969 wanted"
    status=1
    ;;
  esac
done
exit $status
