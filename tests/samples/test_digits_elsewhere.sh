#!/bin/sh
# test_digits_elsewhere.sh SAMPLE: samples/SAMPLE, built and run as its README says, knows every bundled image.
build=${ONNXCC_BUILD:-$PWD/build}
sample=$1
place=$build/tests/samples/$sample
rm -rf "$place"
said=$(make -C "samples/$sample" --no-print-directory run ONNXCC="${ONNXCC:-$build/onnxcc}" OUT="$place" 2>&1)
status=0
while read -r image label; do
  case $said in
  *"images/$image: label $label, probability "*) echo "ok $image" ;;
  *)
    echo "not ok $image - label $label wanted, got: $(echo "$said" | grep "$image" || echo "$said" | tail -n 1)"
    status=1
    ;;
  esac
done < samples/digits/images/expected.txt
exit $status
