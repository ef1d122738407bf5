#!/bin/sh
# samples/quickstart.sh on this tree: ends well and names the label, the latency and the memory.
log=${ONNXCC_BUILD:-build}/tests/samples/quickstart
mkdir -p "$(dirname "$log")"
if ! sh samples/quickstart.sh samples/digits/images/5.pgm > "$log" 2>&1; then
  tail -n 15 "$log" | sed 's/^/# /'
  echo "not ok quickstart - it failed; see $log"
  exit 1
fi
for wanted in "5.pgm: label 5, probability [01].[0-9]*" "latency: [0-9.]* us" \
  "memory: workspace [0-9]*, weights [0-9]*, stack at most [0-9]*, heap 0 bytes"; do
  if grep -q "$wanted" "$log"; then
    echo "ok ${wanted%%:*}"
  else
    echo "not ok ${wanted%%:*} - no line like \"$wanted\" in $log"
    status=1
  fi
done
exit "${status:-0}"
