#!/bin/sh
# -c, --emit=obj, asm, llvm-ir, --via=llvm, --via=jit: an object of LLVM's is the C emitter's to whoever looks at it from outside.
here=$(cd "${0%/*}" && pwd)
. "$here/expect.sh"

cc=${CC:-cc}
without_stack() { sed -e '/^#if defined(__OPTIMIZE__)$/,/^#endif$/d' -e '/^#define DIGITS_STACK_BYTES /d' "$1"; }
symbols() { nm -g --defined-only "$1" | awk '{ print $2, $3 }' | sort -k 2; }
has_linker() { command -v ld.lld > /dev/null || command -v ld.lld-19 > /dev/null || command -v ld > /dev/null; }
wanted() { nm -u "$1" | awk '{ print $NF }' | grep -vxE 'memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_'; }

# ---- the object beside the C ----------------------------------------------------------------------------------------------
mkdir c o
for weights in inline incbin file; do
  gives "c_$weights" 0 "$model" -o c/digits.c --weights=$weights
  gives "object_$weights" 0 "$model" -c -o o/digits.o --weights=$weights
  if ! "$cc" -O1 -fPIC -Ic -c c/digits.c -o c/digits.o; then fail "compiles_$weights" "$cc failed"; fi
  symbols c/digits.o > c/symbols
  symbols o/digits.o > o/symbols
  holds "symbols_there_$weights" test -s o/symbols
  same "symbols_$weights" c/symbols o/symbols
  without_stack c/digits.h > c/header
  without_stack o/digits.h > o/header
  same "header_$weights" c/header o/header
  holds "only_memory_functions_wanted_$weights" test -z "$(wanted o/digits.o)"
  if "$cc" -shared -Wl,-z,text -Wl,-z,defs o/digits.o -o o/digits.so 2> o/messages; then pass "no_text_relocations_$weights"
  else fail "no_text_relocations_$weights" "$(head -n 1 o/messages)"; fi
  if [ $weights = file ]; then same weights_file c/digits.weights.bin o/digits.weights.bin; fi
  rm -f o/digits.weights.bin
done
gives again 0 "$model" -c -o again.o --name=digits
gives once_more 0 "$model" -c -o once_more.o --name=digits
same same_bytes_every_time again.o once_more.o
gives default_name 0 "$model" -c
holds default_is_an_object test -s digits.o

# ---- the same object from text --------------------------------------------------------------------------------------------
cat > main.c << 'C'
#include "digits.h"
#include <stdio.h>
static ONNXCC_ALIGNED(64) unsigned char workspace[DIGITS_WORKSPACE_BYTES];
int main(void) {
  static float  image[DIGITS_IMAGE_SIZE], probabilities[DIGITS_PROBABILITIES_SIZE];
  digits_ctx    context;
  digits_config config = {.abi = DIGITS_ABI, .workspace = workspace, .workspace_bytes = sizeof workspace};
  digits_io     io = {.image = image, .probabilities = probabilities};
  for (int i = 0; i < DIGITS_IMAGE_SIZE; i++) image[i] = (float)(i % 17);
  if (digits_init(&context, &config) || digits_run(&context, &io)) return 1;
  for (int i = 0; i < DIGITS_PROBABILITIES_SIZE; i++) printf("%a\n", (double)probabilities[i]);
  printf("%d\n", digits_info()->stack_bytes == DIGITS_STACK_BYTES && digits_info()->weights_bytes == DIGITS_WEIGHTS_BYTES);
  return 0;
}
C
# prints NAME FILE...: the program of these files, its output in NAME
prints() {
  prints_name=$1
  shift
  if "$cc" -I. main.c "$@" -o "run_$prints_name" 2> messages && "./run_$prints_name" > "$prints_name"; then pass "runs_$prints_name"
  else fail "runs_$prints_name" "$(head -n 1 messages)"; fi
}
for weights in inline incbin; do
  gives "for_c_$weights" 0 "$model" -o digits.c --weights=$weights
  prints "of_c_$weights" digits.c
  gives "for_object_$weights" 0 "$model" -c -o digits.o --weights=$weights
  prints "of_object_$weights" digits.o
  gives "for_assembly_$weights" 0 "$model" --emit=asm -o digits.s --weights=$weights
  prints "of_assembly_$weights" digits.s
  gives "for_llvm_ir_$weights" 0 "$model" --emit=llvm-ir -o digits.ll --weights=$weights
  holds "llvm_ir_is_text_$weights" grep -q "^define .*i32 @digits_run(" digits.ll
  for what in object assembly; do same "same_bits_${what}_$weights" "of_c_$weights" "of_${what}_$weights"; done
done
holds info_states_what_the_header_does grep -qx 1 of_object_inline

# ---- the stack ---------------------------------------------------------------------------------------------------------------
for target in host native; do
  gives "for_stack_$target" 0 "$model" -c -o digits.o --target=$target
  if "$cc" -I. "$here/stack.c" digits.o -Wl,-z,now -pthread -o stack 2> messages && ./stack > out; then pass "stack_$target"
  else fail "stack_$target" "$(cat messages out | head -n 1)"; fi
done

# ---- libraries --------------------------------------------------------------------------------------------------------------
gives static_library 0 "$model" --emit=archive -o libdigits.a
holds header_without_lib grep -q "int32_t digits_run(" digits.h
prints of_static_library libdigits.a
same same_bits_static_library of_c_inline of_static_library
mkdir again
gives static_again 0 "$model" --emit=archive -o again/libdigits.a
same same_library_every_time libdigits.a again/libdigits.a
if has_linker; then
  gives shared_library 0 "$model" -shared -o libdigits.so
  if "$cc" -I. main.c -L. -ldigits -Wl,-rpath,. -o run_shared && ./run_shared > of_shared; then same same_bits_shared_library of_c_inline of_shared
  else fail same_bits_shared_library "it does not link or run"; fi
  gives as_kind 0 "$model" --emit=shared -o as_kind.so --name=digits
fi
LD=/no/such/linker
export LD
says no_linker 5 "can.t be started" "$model" -shared -o never.so --name=digits
unset LD
says no_shared_library_for_windows 2 "ELF and Mach-O only" "$model" -shared --target=x86_64-pc-windows-msvc -o never.so --name=digits
holds nothing_half_written test ! -e never.so
says library_suffix 2 "ends in .a" "$model" --emit=archive -o digits.o

# ---- running ----------------------------------------------------------------------------------------------------------------
for way in llvm jit; do
  gives "verify_$way" 0 verify "$model" --via=$way
  gives "verify_symbolic_$way" 0 verify "$model" --via=$way --symbolic --seed 3
  says "bench_$way" 0 "\"via\": \"$way\"" bench "$model" --via=$way --json
  says "bench_per_node_$way" 0 " Conv " bench "$model" --via=$way --per-node
done

# ---- other machines -----------------------------------------------------------------------------------------------------------
gives row_that_looks_like_a_triple 0 "$model" --emit=llvm-ir -o other.ll --target=armv7a-neon
holds triple_of_a_row grep -q '^target triple = "armv7-unknown-linux-gnueabihf"' other.ll
holds nothing_of_our_own_in_the_text test -z "$(grep warn-stack-size other.ll)"
case $(uname -m) in aarch64) other=x86-64-v1 ;; *) other=aarch64 ;; esac
says jit_of_another_machine 5 "can't be loaded" verify "$model" --via=jit --target=$other
says object_of_another_machine 5 "failed on the emitted object" verify "$model" --via=llvm --target=$other

# ---- refusals ---------------------------------------------------------------------------------------------------------------
says object_name 2 "a file that ends in .o" "$model" -c -o digits.c
says object_without_stem 2 "a file that ends in .o" "$model" -c -o .o
says needed_pass 2 "code can't be written" "$model" -c -fno-place
finish
