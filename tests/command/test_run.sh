#!/bin/sh
# run, verify, bench and inspect: what they read, what they print, and that they tell right from wrong.
. "$(dirname "$0")/expect.sh"

# array FILE DESCR SHAPE BYTES: a .npy file of zeros
array() {
  header="{'descr': '$2', 'fortran_order': False, 'shape': ($3), }"
  printf '\223NUMPY\001\000%b' "\\0$(printf '%03o' $((${#header} + 1)))\\000" > "$1"
  printf '%s\n' "$header" >> "$1"
  head -c "$4" /dev/zero >> "$1"
}
array zeros.npy '<f4' '1, 1, 8, 8' 256
array small.npy '<f4' '1, 1, 8, 7' 224
array double.npy '<f8' '1, 1, 8, 8' 512
array cut.npy '<f4' '1, 1, 8, 8' 255
array big_endian.npy '>f4' '1, 1, 8, 8' 256

# ---- run --------------------------------------------------------------------------------------------------------------------
for via in c interpreter; do
  says run_shows_outputs_$via 0 "^probabilities f32\[1, 10\] = " run "$model" --input image=zeros.npy --via=$via
  cp out shown_$via
done
same run_c_and_interpreter_agree shown_c shown_interpreter
runs run_writes_npy 0 run "$model" --input image=zeros.npy --output-dir results --npy --via=interpreter &&
  holds run_writes_npy test "$(head -c 6 results/output_0.npy | tail -c 5)" = NUMPY
holds npy_has_the_size test "$(wc -c < results/output_0.npy)" -eq 168
runs run_writes_pb 0 run "$model" --input image=zeros.npy --output-dir results --via=interpreter && holds run_writes_pb test -s results/output_0.pb
mkdir data
cp results/output_0.pb data
gives verify_against_folder 0 verify "$model" --data data --input image=zeros.npy --via=interpreter
says run_without_data 1 "input \"image\" (f32\[1, 1, 8, 8\]) has no data" run "$model"
says run_wrong_name 1 "did you mean \"image\"?" run "$model" --input imgae=zeros.npy
says run_wrong_shape 1 "its data is f32\[1, 1, 8, 7\]" run "$model" --input image=small.npy
says run_wrong_type 1 "its data is f64" run "$model" --input image=double.npy
says npy_cut 5 "not the size" run "$model" --input image=cut.npy
says npy_big_endian 5 "little-endian" run "$model" --input image=big_endian.npy
cp shown_c text.npy
says npy_other_file 5 "E0713.*no .npy file" run "$model" --input image=text.npy
says input_without_name 2 "NAME=FILE" run "$model" --input zeros.npy
says input_of_unknown_kind 2 "neither in .npy nor in .pb" run "$model" --input image=zeros.bin
says data_folder_missing 5 "no test data" run "$model" --data no/such/folder
CC="no-such-compiler" says compiler_missing 5 "E0730: no-such-compiler can't be started" run "$model" --input image=zeros.npy
printf '#!/bin/sh\necho "words of the compiler"\nexit 1\n' > failing_cc
chmod +x failing_cc
CC="$PWD/failing_cc" says compiler_fails 5 "words of the compiler" run "$model" --input image=zeros.npy
mkdir temporary
TMPDIR=$place/temporary runs temporary_folder_is_removed 0 run "$model" --input image=zeros.npy &&
  holds temporary_folder_is_removed test -z "$(ls temporary)"
TMPDIR=$place/temporary CC="$PWD/failing_cc" runs temporary_folder_is_removed_on_failure 5 run "$model" --input image=zeros.npy &&
  holds temporary_folder_is_removed_on_failure test -z "$(ls temporary)"
printf '#!/bin/sh\n: > "%s/compiling"\nexec sleep 20\n' "$place" > waiting_cc
chmod +x waiting_cc
TMPDIR=$place/temporary CC="$PWD/waiting_cc" "$onnxcc" run "$model" --input image=zeros.npy > out 2> err &
process=$!
waited=0
until [ -e compiling ] || [ $waited -gt 100 ]; do sleep 0.1; waited=$((waited + 1)); done
kill -TERM $process
wait $process
holds signal_ends_it test $? -eq 143
holds signal_leaves_nothing test -z "$(ls temporary)"
TMPDIR=$place/no/such says temporary_folder_missing 5 "set TMPDIR" run "$model" --input image=zeros.npy

# ---- verify -----------------------------------------------------------------------------------------------------------------
says verify_c 0 "0 wrong" verify "$model"
says verify_interpreter 0 "0 wrong" verify "$model" --via=interpreter
for level in 0 1 2 3 s; do gives verify_O$level 0 verify "$model" -O$level --via=interpreter; done
says verify_per_node 0 "^MaxPool *pool.out" verify "$model" --per-node --via=interpreter
gives verify_seed 0 verify "$model" --seed 7 --via=interpreter
mkdir wrong
"$onnxcc" run "$model" --input image=zeros.npy --output-dir wrong --via=interpreter
# the last element's exponent and sign bits are the file's last byte
size=$(wc -c < wrong/output_0.pb)
{ head -c $((size - 1)) wrong/output_0.pb && printf '\300'; } > changed && mv changed wrong/output_0.pb
says verify_tells_wrong 1 "E1001.*1 of 10 elements differ; the worst at \[0, 9\]" verify "$model" --data wrong --input image=zeros.npy --via=interpreter
says verify_with_wide_tolerance 0 "0 wrong" verify "$model" --data wrong --input image=zeros.npy --via=interpreter --atol 1e9
says verify_of_largest 0 "0 wrong" verify "$model" --data wrong --input image=zeros.npy --via=interpreter --atol 2 --atol-of-largest
says verify_ulp_alone 1 "1 wrong" verify "$model" --data wrong --input image=zeros.npy --via=interpreter --max-ulp 5
mkdir many
for number in 0 1; do cp data/output_0.pb many/output_$number.pb; done
says verify_too_many_outputs 1 "holds 2 outputs, the model has 1" verify "$model" --data many --input image=zeros.npy --via=interpreter

# ---- bench ------------------------------------------------------------------------------------------------------------------
says bench_interpreter 0 "^least .* ms, median .* ms" bench "$model" --via=interpreter
says bench_json 0 '"schema": "onnxcc-bench-1"' bench "$model" --json --per-node
grep -q '"operator": "Conv"' out && pass bench_names_nodes || fail bench_names_nodes "no Conv in the list"
says bench_per_node_of_the_interpreter 2 "needs --via=c, llvm or jit" bench "$model" --per-node --via=interpreter

# ---- inspect ----------------------------------------------------------------------------------------------------------------
says inspect_inputs 0 "^inputs  *image  f32\[1, 1, 8, 8\]" inspect "$model"
grep -q "^workspace  *3,840" out && pass inspect_workspace || fail inspect_workspace "$(grep workspace out)"
grep -q "^ *2  Conv  *48,384  *2,736" out && pass inspect_operators || fail inspect_operators "$(grep Conv out)"
says inspect_nodes 0 "pool.out: f32\[1, 12, 4, 4\]" inspect "$model" -v
says inspect_json 0 '"schema": "onnxcc-inspect-1"' inspect "$model" --json
if command -v python3 > /dev/null; then
  for command in "inspect --json" "bench --json --via=interpreter"; do
    # shellcheck disable=SC2086
    "$onnxcc" ${command%% *} "$model" ${command#* } | python3 -m json.tool > /dev/null && pass "json_of_${command%% *}" || fail "json_of_${command%% *}" "no JSON"
  done
fi
says inspect_external 0 "external.bin" inspect "$external" --external-data-dir="$external_data"
finish
