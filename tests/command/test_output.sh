#!/bin/sh
# What a compilation writes: which files, whole or not at all, the same each time; depfiles; texts of the intermediate languages.
. "$(dirname "$0")/expect.sh"
cp "$model" digits.onnx

files() { find "$1" -type f -exec basename {} \; | LC_ALL=C sort | tr '\n' ' '; }

# ---- files ------------------------------------------------------------------------------------------------------------------
mkdir small
runs writes_source_and_header 0 digits.onnx -o small/digits.c && holds writes_source_and_header test "$(files small)" = "digits.c digits.h "
mkdir default
(cd default && "$onnxcc" ../digits.onnx)
holds default_is_here test "$(files default)" = "digits.c digits.h "
grep -q 'digits_run' small/digits.h && pass name_from_the_file || fail name_from_the_file "no digits_run in the header"
cp digits.onnx my-model.v2.onnx
runs name_with_odd_characters 0 my-model.v2.onnx && grep -q my_model_v2_run my-model.v2.h && pass name_with_odd_characters
cp digits.onnx 9.onnx
says name_that_cannot_be 2 "give one with --name" 9.onnx
runs name_given 0 9.onnx -o nine.c --name=prefix && grep -q prefix_run nine.h && pass name_given
mkdir forms
runs weights_incbin 0 digits.onnx -o forms/digits.c --weights=incbin && holds weights_incbin test "$(files forms)" = "digits.c digits.h digits.weights.bin "
grep -q '"digits.weights.bin"' forms/digits.c && pass weights_by_base_name || fail weights_by_base_name "the source names no weights"
runs weights_file 0 digits.onnx -o forms/f.c --weights=file && holds weights_file test -s forms/f.weights.bin
says output_without_suffix 2 "E0802: .*ends in .c" digits.onnx -o digits
says output_name_unsuitable 2 "can't include" digits.onnx -o 'a"b.c'

# ---- the same bytes ---------------------------------------------------------------------------------------------------------
mkdir first second
for folder in first second; do runs "compiles_in_$folder" 0 "$place/digits.onnx" -o $folder/digits.c; done
same twice_the_same_source first/digits.c second/digits.c
same twice_the_same_header first/digits.h second/digits.h
mkdir third
(cd third && LC_ALL=C.UTF-8 TZ=Asia/Tokyo "$onnxcc" ../digits.onnx -o ./digits.c)
same elsewhere_the_same first/digits.c third/digits.c
grep -q "$place" first/digits.c first/digits.h && fail no_paths_inside "the output names a folder" || pass no_paths_inside

# ---- whole or not at all ----------------------------------------------------------------------------------------------------
mkdir kept
echo old > kept/digits.c
echo old > kept/digits.h
printf 'no model' > broken.onnx
runs refused_model_writes_nothing 1 broken.onnx -o kept/digits.c &&
  holds refused_model_writes_nothing test "$(cat kept/digits.c kept/digits.h | tr '\n' ' ')" = "old old "
( # a file size limit stands for a full disk; XFSZ ignored makes it an error of write()
  trap '' XFSZ
  ulimit -f 1
  "$onnxcc" digits.onnx -o kept/digits.c 2> err
  echo $? > status
)
holds full_disk_status test "$(cat status)" -eq 5
grep -q "E0801.*kept/digits" err && pass full_disk_names_the_file || fail full_disk_names_the_file "$(head -n 1 err)"
holds full_disk_keeps_old_files test "$(cat kept/digits.c kept/digits.h | tr '\n' ' ')" = "old old "
holds full_disk_leaves_no_temporary_file test "$(find kept -type f | wc -l)" -eq 2
mkdir -p taken/digits.c
says folder_in_the_way 5 "Is a directory" digits.onnx -o taken/digits.c
holds folder_in_the_way_leaves_nothing test -z "$(files taken)"
says folder_missing 5 "No such file" digits.onnx -o no/such/digits.c
if [ -c /dev/full ]; then
  says device_full 5 "No space left" digits.onnx --emit=graph -o /dev/full
  "$onnxcc" --help > /dev/full 2> err
  holds standard_output_full test $? -eq 5
fi
gives device 0 digits.onnx --emit=graph -o /dev/null
holds device_is_still_one test -c /dev/null

# ---- depfiles ---------------------------------------------------------------------------------------------------------------
says depfile_to_standard_output 0 "digits.c: " digits.onnx -M
mkdir listed
(cd listed && "$onnxcc" ../digits.onnx -M > /dev/null)
holds list_writes_nothing_else test -z "$(files listed)"
runs depfile_beside 0 digits.onnx -o small/digits.c -MD && grep -q '^small/digits.c: ' small/digits.d && pass depfile_beside
runs depfile_named 0 digits.onnx -o small/digits.c -MD -MF small/rule && grep -q 'digits.onnx' small/rule && pass depfile_named
runs depfile_target 0 digits.onnx -M -MT 'a b' -MT c && grep -q '^a\\ b c: ' out && pass depfile_target
runs depfile_phony 0 digits.onnx -M -MP && grep -q '^digits.onnx:$' out && pass depfile_phony
runs depfile_external 0 "$external" -M --external-data-dir="$external_data" && grep -q 'external.bin' out && pass depfile_external
cp digits.onnx 'two words#.onnx'
runs depfile_quotes 0 'two words#.onnx' -o small/t.c --name=t -M && grep -qF 'two\ words\#.onnx' out && pass depfile_quotes
echo --name=digits > words
runs depfile_names_response_files 0 digits.onnx @words -M && grep -q 'words' out && pass depfile_names_response_files
if command -v make > /dev/null; then
  printf 'include small/rule2\nall: small/t.c ; @:\nsmall/%%.c: ; touch again\n' > Makefile
  "$onnxcc" 'two words#.onnx' -o small/t.c --name=t -MF small/rule2 -MP
  touch -d '2001-01-01' 'two words#.onnx'
  make -s all > log 2>&1
  holds make_reads_it_and_is_content test ! -e again
  touch -d '+1 hour' 'two words#.onnx'
  make -s all > log 2>&1
  holds make_sees_a_newer_model test -e again
fi

# ---- texts ------------------------------------------------------------------------------------------------------------------
says emit_graph 0 "^graph " digits.onnx --emit=graph
gives emit_graph_to_a_file 0 digits.onnx --emit=graph -o graph.txt
"$onnxcc" -P 'dce' graph.txt > again.txt
same graph_text_reads_back graph.txt again.txt
says emit_loops 0 "^entry run" digits.onnx --emit=loops -O0
says dump_by_letter 0 "^# behind cse" digits.onnx -d c -o d.c
says dump_all 0 "^# behind place" digits.onnx -d '*' -o d.c
says dump_unchanged 0 "unchanged" digits.onnx -d '*' -o d.c
printf 'model opset 0 ir 0\ngraph g(%%x: f32[4]) -> (%%y) {\n  %%a: f32[4] = Relu(%%x)\n  %%b: f32[4] = Relu(%%x)\n  %%y: f32[4] = Add(%%a, %%b)\n}\n' > text
says one_pass_on_a_text 0 "Add(%a, %a)" -P cse text
says one_pass_by_letter 0 "Add(%a, %a)" -P c text
says pass_unknown 2 "did you mean cse" -P cze text
printf 'graph oops' > text
says pass_on_a_broken_text 1 "text:1:" -P cse text

# ---- warnings ---------------------------------------------------------------------------------------------------------------
runs without_warnings 0 digits.onnx -o w.c -Wall -Werror && pass without_warnings
finish
