/* Dispatch groups: each function is made for its variant's machine, by attributes; what the variants share is made for the least of the
 * architecture. How the processor is asked is that of runtime-min/onnxcc_cpu.h. */
#include "llvm_emit.h"

#include <string.h>

static bool is_group(const Llvm *l) { return l->program->variants.count > 0; }

void llvm_use_variant(Llvm *l, uint32_t variant) { l->target = is_group(l) ? l->options->members[variant] : l->options->target; }
void llvm_use_all(Llvm *l) { l->target = is_group(l) ? target_baseline(l->options->target) : l->options->target; }

/* ---- asking the processor ---- */

/* An instruction that takes i32 and gives back some registers as i32. */
static LLVMValueRef instruction(Llvm *l, const char *text, const char *constraints, unsigned results, unsigned count, LLVMValueRef *arguments) {
  LLVMTypeRef  i32 = l->types.i32, members[] = {i32, i32, i32, i32};
  LLVMTypeRef  type = LLVMFunctionType(LLVMStructTypeInContext(l->llvm, members, results, false), members, count, false);
  LLVMValueRef code = LLVMGetInlineAsm(type, text, strlen(text), constraints, strlen(constraints), true, false, LLVMInlineAsmDialectATT, false);
  return LLVMBuildCall2(l->builder, type, code, arguments, count, "");
}

static LLVMValueRef cpuid(Llvm *l, uint32_t leaf, uint32_t part) {
  LLVMValueRef arguments[] = {llvm_integer(l->types.i32, leaf), llvm_integer(l->types.i32, part)};
  return instruction(l, "cpuid", "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}", 4, 2, arguments);
}

/* eax to edx: 0 to 3 */
static LLVMValueRef part_of(Llvm *l, LLVMValueRef registers, unsigned which) { return LLVMBuildExtractValue(l->builder, registers, which, ""); }

static LLVMValueRef word(Llvm *l, LLVMTypeRef type, LLVMValueRef words, CpuWord which) { return llvm_field(l, type, words, which); }

/* Fills in the words, each a variable that begins as 0. */
static void read_words(Llvm *l, LLVMTypeRef type, LLVMValueRef words) {
  LLVMTypeRef i32 = l->types.i32;
  LLVMBuildStore(l->builder, LLVMConstNull(type), words);
  LLVMValueRef one = part_of(l, cpuid(l, 1, 0), 2);
  LLVMBuildStore(l->builder, one, word(l, type, words, CPU_1_C));
  LLVMBuildStore(l->builder, part_of(l, cpuid(l, 0x80000001u, 0), 2), word(l, type, words, CPU_EXTENDED_C));

  LLVMBasicBlockRef seven = llvm_block(l, "leaf_7"), behind = llvm_block(l, "saved");
  LLVMValueRef      last = part_of(l, cpuid(l, 0, 0), 0);
  LLVMBuildCondBr(l->builder, LLVMBuildICmp(l->builder, LLVMIntUGE, last, llvm_integer(i32, 7), ""), seven, behind);
  llvm_enter(l, seven);
  LLVMValueRef registers = cpuid(l, 7, 0);
  LLVMBuildStore(l->builder, part_of(l, registers, 1), word(l, type, words, CPU_7_B));
  LLVMBuildStore(l->builder, part_of(l, registers, 2), word(l, type, words, CPU_7_C));
  LLVMBuildStore(l->builder, part_of(l, cpuid(l, 7, 1), 0), word(l, type, words, CPU_7_1_A));
  llvm_jump(l, behind);
  llvm_enter(l, behind);

  LLVMBasicBlockRef ask = llvm_block(l, "xgetbv"), known = llvm_block(l, "known");
  LLVMValueRef      asks = LLVMBuildAnd(l->builder, one, llvm_integer(i32, 1 << 27), ""), zero = llvm_integer(i32, 0); /* OSXSAVE */
  LLVMBuildCondBr(l->builder, LLVMBuildICmp(l->builder, LLVMIntNE, asks, zero, ""), ask, known);
  llvm_enter(l, ask);
  LLVMValueRef saved = instruction(l, "xgetbv", "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}", 2, 1, &zero);
  LLVMBuildStore(l->builder, part_of(l, saved, 0), word(l, type, words, CPU_SAVED));
  llvm_jump(l, known);
  llvm_enter(l, known);
}

/* ---- choosing ---- */

/* NULL: it needs nothing. */
static LLVMValueRef can_run(Llvm *l, LLVMTypeRef type, LLVMValueRef words, const Target *member) {
  LLVMTypeRef  i32 = l->types.i32;
  LLVMValueRef lacks = NULL;
  for (uint32_t i = 0; i < CPU_WORDS; i++) {
    if (!member->cpu_needs[i]) continue;
    LLVMValueRef needs = llvm_integer(i32, member->cpu_needs[i]), has = LLVMBuildLoad2(l->builder, i32, word(l, type, words, (CpuWord)i), "");
    lacks = llvm_or(l, lacks, LLVMBuildICmp(l->builder, LLVMIntNE, LLVMBuildAnd(l->builder, has, needs, ""), needs, ""));
  }
  return lacks ? LLVMBuildNot(l->builder, lacks, "") : NULL;
}

/* variant(wanted): the last that the processor can run, or the one asked for; 0: neither. */
LLVMValueRef llvm_variant_choice(Llvm *l) {
  LLVMTypeRef i32 = l->types.i32, members[CPU_WORDS];
  for (uint32_t i = 0; i < CPU_WORDS; i++) members[i] = i32;
  LLVMTypeRef  type = LLVMStructTypeInContext(l->llvm, members, CPU_WORDS, false);
  LLVMValueRef function = llvm_declare(l, arena_format(l->arena, "%s_variant", l->name), LINKAGE_LOCAL, i32, 1, &i32);
  llvm_open(l, function);
  LLVMValueRef wanted = LLVMGetParam(function, 0), words = llvm_variable(l, type, "words"), chosen = llvm_integer(i32, 0);
  read_words(l, type, words);
  for (uint32_t i = 0; i < l->program->variants.count; i++) {
    LLVMValueRef number = llvm_integer(i32, i + 1), can = can_run(l, type, words, l->options->members[i]);
    LLVMValueRef any = LLVMBuildICmp(l->builder, LLVMIntEQ, wanted, llvm_integer(i32, 0), "");
    LLVMValueRef fits = llvm_or(l, any, LLVMBuildICmp(l->builder, LLVMIntEQ, wanted, number, ""));
    chosen = LLVMBuildSelect(l->builder, can ? LLVMBuildAnd(l->builder, fits, can, "") : fits, number, chosen, "");
  }
  LLVMBuildRet(l->builder, chosen);
  return function;
}

void llvm_variant_run(Llvm *l) {
  LLVMValueRef      arguments[] = {LLVMGetParam(l->entries.run, 0), LLVMGetParam(l->entries.run, 1)};
  LLVMValueRef      variant = llvm_load_field(l, l->types.context, arguments[0], CONTEXT_VARIANT);
  uint32_t          count = l->program->variants.count;
  LLVMBasicBlockRef first = llvm_block(l, "first");
  LLVMValueRef      choice = LLVMBuildSwitch(l->builder, variant, first, count - 1);
  for (uint32_t i = 0; i < count; i++) {
    LLVMBasicBlockRef block = i ? llvm_block(l, "variant") : first;
    if (i) LLVMAddCase(choice, llvm_integer(l->types.i32, i + 1), block);
    llvm_enter(l, block);
    LLVMBuildRet(l->builder, llvm_call(l, l->runs[i], 2, arguments));
  }
}
