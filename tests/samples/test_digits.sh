#!/bin/sh
# samples/digits, built as its README says, knows every bundled image.
build=${ONNXCC_BUILD:-$PWD/build}
place=$build/tests/samples/digits
rm -rf "$place"
mkdir -p "$place"
if ! { cmake -S samples/digits -B "$place" -Donnxcc_DIR="$build" && cmake --build "$place"; } > "$place/log" 2>&1; then
  tail -n 15 "$place/log" | sed 's/^/# /'
  echo "not ok builds - see $place/log"
  exit 1
fi
echo "ok builds"
status=0
while read -r image label; do
  said=$("$place/digits" "samples/digits/images/$image" 2>&1)
  case $said in
  "samples/digits/images/$image: label $label, probability "*) echo "ok $image" ;;
  *)
    echo "not ok $image - label $label wanted, got: $(printf '%s' "$said" | head -n 1)"
    status=1
    ;;
  esac
done < samples/digits/images/expected.txt
exit $status
