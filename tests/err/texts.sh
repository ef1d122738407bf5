#!/bin/sh
# The cases of texts.txt: each text is refused with status 1, and the messages hold the words.
onnxcc=${ONNXCC:-$PWD/build/onnxcc}
place=${ONNXCC_BUILD:-$PWD/build}/tests/err/texts
rm -rf "$place"
mkdir -p "$place"
awk -v place="$place" '
  /^test / { file = place "/" $2; inside = 0; next }
  /^says / && !inside { print substr($0, 6) > (file ".says"); next }
  /^--- text/ { inside = 1; next }
  inside { print > (file ".text") }' tests/err/texts.txt
failures=0
fail() {
  failures=$((failures + 1))
  echo "not ok $name - $1"
}
for text in "$place"/*.text; do
  name=$(basename "$text" .text)
  "$onnxcc" -P shape "$text" > "$place/out" 2> "$place/err"
  status=$?
  first=$(sed -n 's/^error \(E[0-9]*\).*/\1/p' "$place/err" | head -n 1)
  reason=
  [ $status -eq 1 ] || reason="status $status, not 1: $(head -n 1 "$place/err")"
  while read -r code words; do
    grep -F "error $code" "$place/err" | grep -qF -e "$words" || reason=${reason:-"no line says \"$code\" and \"$words\": $(head -n 1 "$place/err")"}
    [ -n "$reason" ] || [ -n "$seen" ] || [ "$code" = "$first" ] || reason="the first error is $first, not $code"
    seen=$code
  done < "$place/$name.says"
  seen=
  if [ -n "$reason" ]; then fail "$reason"; else echo "ok $name"; fi
done
[ $failures -eq 0 ]
