#!/bin/sh
# The command line: the table of options and everything made from it agree; wrong words are refused with the nearest right ones; exit statuses.
. "$(dirname "$0")/expect.sh"

# ---- parser, --help, man page and completion know the same options ----------------------------------------------------------
sed -n 's/^OPTION("\([^"]*\)".*/\1/p' "$options_table" | sort > table
holds table_is_not_empty test "$(wc -l < table)" -gt 30
for command in "" inspect run verify bench; do
  # shellcheck disable=SC2086 # no word for the empty one
  "$onnxcc" $command --help
done | sed -n 's/^  \(-[^ ]*\).*/\1/p' > help_words
man_words() { sed -n 's/^\.B \(\\-.*\)/\1/p' "$build/onnxcc.1" | sed 's/\\-/-/g'; }
completion_words() { sed -n "s/^ *[a-z]*) options='\(.*\)' ;;/\1/p" "$build/onnxcc.bash" | tr ' ' '\n' | sed '/^$/d; s/=$//'; }
# a spelling, from how it is shown with its value: the longest of the table that begins the word
spellings() { awk 'NR == FNR { known[$1] = 1; next } { word = $1; while (word != "" && !(word in known)) word = substr(word, 1, length(word) - 1); print word == "" ? "? " $1 : word }' table - | sort -u; }
grep -v '^--$' help_words | spellings > help
man_words | spellings > man
completion_words | sort -u > completion
same help_lists_the_table table help
same man_lists_the_table table man
same completion_lists_the_table table completion
"$onnxcc" --help=man > fresh.1
same man_is_fresh fresh.1 "$build/onnxcc.1"
"$onnxcc" --help=completion > fresh.bash
same completion_is_fresh fresh.bash "$build/onnxcc.bash"
if bash -n fresh.bash; then pass completion_is_bash; else fail completion_is_bash "bash can't read it"; fi
unparsed=
while read -r spelling; do # the parser knows each: it complains about anything but an unknown option
  "$onnxcc" "$spelling" 2>&1 < /dev/null | grep -q E0701 && unparsed="$unparsed $spelling"
done < table
if [ -z "$unparsed" ]; then pass parser_knows_the_table; else fail parser_knows_the_table "unknown:$unparsed"; fi
grep -n '.\{101\}' help_words > long_lines
"$onnxcc" --help | sed '$d' | grep -c '.\{101\}' > long_lines
holds help_fits_100_columns test "$(cat long_lines)" -eq 0

completes() { # completes NAME LINE WANTED: among the answers
  answers=$(bash -c '. "$1"; COMP_LINE=$2 COMP_POINT=${#2}; read -ra COMP_WORDS <<< "$2"; [[ $2 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _onnxcc; printf "%s\n" "${COMPREPLY[@]}"' bash "$build/onnxcc.bash" "$2")
  if echo "$answers" | grep -qx -e "$3"; then pass "$1"; else fail "$1" "\"$2\" gives $(echo "$answers" | head -n 3 | tr '\n' ' ')"; fi
}
completes completes_commands "onnxcc ver" verify
completes completes_options "onnxcc m.onnx --tar" --target=
completes completes_values "onnxcc m.onnx --emit=gr" graph
completes completes_separate_values "onnxcc m.onnx --target corte" cortex-m4
completes completes_passes "onnxcc m.onnx -fno-cs" -fno-cse
completes completes_by_command "onnxcc run m.onnx --output" --output-dir=

# ---- help, version, explanations --------------------------------------------------------------------------------------------
says help_shows_examples_first 0 "^Usage: onnxcc" --help
holds help_is_data test ! -s err
says version_names_program_and_version 0 "^onnxcc [0-9]" --version
says help_passes 0 " cse " --help=passes
says help_targets 0 "^cortex-m4" --help=targets
says target_help 0 "^cortex-m4" --target=help
says target_help_has_columns 0 "^x86-64-v3 *32 *yes *-march=x86-64-v3 " --target=help
says target_help_has_features 0 "^  aarch64 .*+dotprod, +i8mm" --target=help
says target_help_has_names 0 "^  neoverse-n1 *aarch64+dotprod" --target=help
says target_help_has_triples 0 "thumbv8.1m.main" --target=help
says help_operators 0 " Gemm " --help=operators
says help_warnings 0 "negative-dimension" --help=warnings
says explain 0 "numpy" --explain E0404
says explain_number_alone 0 "^E0404" --explain 404
says explain_unknown 2 "E0706: no message has the code" --explain E9999
says help_of_a_command 0 "output-dir" run --help

# ---- wrong words ------------------------------------------------------------------------------------------------------------
says no_model 2 "no model is given"
says unknown_option 2 "did you mean --target?" "$model" --tarqet=generic
says unknown_short_option 2 "E0701: no option is called" "$model" -Z
says unknown_target 2 "did you mean cortex-m4?" "$model" --target=cortexm4
says unknown_feature 2 "aarch64 has no feature .*dotprd" "$model" --target=aarch64,+dotprd
says unknown_machine 2 "did you mean haswell?" "$model" -march=haswel
says triple_without_system 2 "no triple like" "$model" --target=aarch64-plan9
says triple_and_other_machine 2 "cortex-m4 is no machine of x86_64-pc-windows-msvc" "$model" --target=x86_64-pc-windows-msvc -mcpu=cortex-m4
says group_of_other_machines 2 "E0707: aarch64 can't be a member of a group" "$model" --target=x86-64-v3,aarch64
says group_with_one_twice 2 "E0707: x86-64-v3 is in the group twice" "$model" --target=x86-64-v3,haswell
says group_too_large 2 "a group has at most 8" "$model" --target=x86-64-v1,x86-64-v2,x86-64-v3,x86-64-v4,znver4,alderlake,cascadelake,znver5,x86-64-v2+f16c
says group_needs_legal_members 2 "fno-place" "$model" --emit=loops --target=x86-64-v2,x86-64-v3 -fno-place
says unknown_pass 2 "did you mean cse?" "$model" -fno-cze
says unknown_emit 2 "did you mean graph?" "$model" --emit=grahp
says listed_values 2 "it can be c, graph, loops, obj, asm, llvm-ir, archive or shared" "$model" --emit=xyz
says unknown_warning 2 "did you mean unknown-field?" "$model" -Wunknown-fields
says unknown_command 2 "did you mean onnxcc verify?" verfiy "$model"
says two_models 2 "E0704: two models" "$model" other.onnx
says option_of_another_command_is_coded 2 "E0703" "$model" --npy
says option_of_another_command 2 "belongs to run" "$model" --npy
says flag_with_value 2 "takes no value" "$model" -o x.c --npy=yes
says value_missing 2 "E0702: .*lacks its" "$model" --name
says joined_value_missing 2 "lacks its LEVEL" "$model" -O
says bad_fp 2 "default, strict or strict,nofma" "$model" --fp=precise
says bad_level 2 "0, 1, 2, 3 or s" "$model" -O7
says bad_name 2 "can't be" "$model" --name=int
says bad_number 2 "takes a number" verify "$model" --rtol=abc
says bad_negative_number 2 "takes a number" verify "$model" --max-ulp=-1
says bad_dim 2 "write -D" "$model" -D batch
says bad_range 2 "write -D" "$model" -D batch=8..1
says bad_shape 2 "write --shape" "$model" --shape image=1,,3
mkdir broken && : > broken/onnxcc_llvm.so
LD_LIBRARY_PATH=$PWD/broken
export LD_LIBRARY_PATH
says object_needs_llvm 2 "E0705: .*LLVM back end" "$model" -c
says via_needs_llvm 2 "ONNXCC_LLVM" verify "$model" --via=jit
unset LD_LIBRARY_PATH
says emit_needs_back_end 2 "needs a back end" "$model" --emit=ptx
says unknown_topic 2 "can't be" --help=everything

# ---- passes one by one ------------------------------------------------------------------------------------------------------
for name in $("$onnxcc" --help=passes | sed -n 's/^  [ a-zA-Z]  \([a-z]*\) .*/\1/p'); do
  gives "without_$name" 0 verify "$model" --via=interpreter --verify-each-pass -fno-"$name"
  gives "only_$name" 0 verify "$model" --via=interpreter --verify-each-pass -O0 -f"$name"
done
for name in legalise place; do says "C_needs_$name" 2 "can't be written with -fno-$name" "$model" -o a.c --name=digits -fno-$name; done

# ---- exit statuses ----------------------------------------------------------------------------------------------------------
gives status_ok 0 "$model" -o status.c
printf 'no model' > text.onnx
gives status_refused 1 text.onnx -o status.c
gives status_usage 2 "$model" --no-such-option
gives status_io 5 no_such_model.onnx -o status.c
says file_is_named 5 "no_such_model.onnx" no_such_model.onnx -o status.c

# ---- forms ------------------------------------------------------------------------------------------------------------------
gives long_value_as_next_word 0 "$model" -o a.c --name digits --target generic
gives short_value_joined 0 "$model" -oa.c --name=digits
gives last_of_two_wins 0 "$model" -o no/such/folder.c -o a.c
cp "$model" ./-dash.onnx
gives double_dash 0 -o a.c --name=digits -- -dash.onnx
cp "$model" inspect
gives command_word_behind_double_dash 0 -o a.c --name=digits -- inspect
printf '%s\n' "-o 'with blank.c'" '--name="digits"' -O0 > words
gives response_file 0 "$model" @words
holds response_file_is_used test -s "with blank.c"
says response_file_missing 5 "no_such_words" "$model" @no_such_words
echo @circle > circle
says response_files_in_a_circle 2 "deep in one another" "$model" @circle
gives options_before_the_model 0 -o a.c --name=digits "$model"

# ---- colour and talk --------------------------------------------------------------------------------------------------------
escape=$(printf '\033')
"$onnxcc" text.onnx --color=always 2>&1 | grep -q "$escape" && pass color_always || fail color_always "no colour"
"$onnxcc" text.onnx --color=auto 2>&1 | grep -q "$escape" && fail color_auto "colour without a terminal" || pass color_auto
"$onnxcc" text.onnx --color=never 2>&1 | grep -q "$escape" && fail color_never colour || pass color_never
runs quiet 0 "$model" -o a.c --name=digits && holds quiet_when_all_is_well test ! -s out -a ! -s err
says verbose_times_passes 0 " ms  shape" "$model" -o a.c --name=digits -v
printf '\033[2Jmodel' > "$(printf 'esc\033[2J.onnx')"
"$onnxcc" "$(printf 'esc\033[2J.onnx')" 2>&1 | grep -q "$escape" && fail names_cannot_control_the_terminal "an escape sequence got through" ||
  pass names_cannot_control_the_terminal
if script -qec true /dev/null > /dev/null 2>&1; then # a terminal, and a compiler that takes its time
  printf '#!/bin/sh\nsleep 1\nexit 1\n' > slow_cc
  chmod +x slow_cc
  TERM=xterm CC="$PWD/slow_cc" script -qec "'$onnxcc' verify '$model'" /dev/null < /dev/null > seen 2>&1
  grep -q "0\.[3-9] s  compile the C" seen && pass progress_on_a_terminal || fail progress_on_a_terminal "$(head -c 200 seen | tr -d '\033')"
  TERM=dumb CC="$PWD/slow_cc" script -qec "'$onnxcc' verify '$model'" /dev/null < /dev/null > seen 2>&1
  grep -q "s  compile the C" seen && fail no_progress_on_a_dumb_terminal "there is some" || pass no_progress_on_a_dumb_terminal
fi
finish
