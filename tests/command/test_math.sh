#!/bin/sh
# Where maths functions come from: the library, its fast variants (--math=fast), the C library (--libm).
. "$(dirname "$0")/expect.sh"
compiler=${CC:-cc}
cp "$model" digits.onnx

# undefined FILE.c: what its object needs from outside, but memory functions
undefined() { $compiler -std=c99 -O2 -Wall -Wextra -Wpedantic -Werror -c "$1" -o object.o && nm -u object.o | awk '$2 !~ /^mem|GLOBAL_OFFSET/ {printf "%s ", $2}'; }

runs full 0 digits.onnx -o full.c && holds full_needs_nothing test "$(undefined full.c)" = ""
runs fast 0 digits.onnx -o fast.c --math=fast && holds fast_needs_nothing test "$(undefined fast.c)" = ""
holds fast_takes_the_variant grep -q exp_fast_f32 fast.c
holds full_does_not test "$(grep -c fast_f32 full.c)" = 0
holds fast_says_so grep -q -e "--math=fast" fast.c
gives fast_is_near 0 verify digits.onnx --math=fast --max-ulp=64
gives fast_interpreted 0 verify digits.onnx --math=fast --via=interpreter --max-ulp=64

runs libm 0 digits.onnx -o libm.c --libm && holds libm_needs_expf test "$(undefined libm.c)" = "expf "
holds libm_has_no_own_exp test "$(grep -c libm_exp_f32 libm.c)" = 0
gives libm_is_near 0 verify digits.onnx --libm --max-ulp=64
gives libm_interpreted 0 verify digits.onnx --libm --via=interpreter --max-ulp=64
if "$onnxcc" -c digits.onnx -o full.o 2> err; then # LLVM is built in
  runs libm_object 0 -c digits.onnx -o libm.o --libm && holds libm_object_needs_expf test "$(nm -u libm.o | grep -c expf)" = 1
fi

says libm_is_not_strict 2 "E0708" digits.onnx -o never.c --libm --fp=strict
says fast_is_not_strict 2 "E0708" digits.onnx -o never.c --math=fast --fp=strict,nofma
says libm_or_fast 2 "E0708" digits.onnx -o never.c --math=fast --libm
gives full_is_strict 0 digits.onnx -o strict.c --math=full --fp=strict
says unknown_mode 2 "E0702" digits.onnx -o never.c --math=exact
holds nothing_was_written test ! -e never.c
finish
