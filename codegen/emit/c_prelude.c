/* The top of the emitted .c: refusals, contraction, attribute macros, and functions for the operations whose rule is not C's.
 *
 * A function is printed only if something calls it. Their texts are templates, exact statements of compiler/ir.md, rule 3, without undefined
 * behaviour for any operand:
 *   $T $t  C type and short name of `to`            $F $f  of `from`                    $U  unsigned type of `to`     $N  the same, at least 32 bits
 *   $L $H  least and greatest value of `to`         $W  bits of `to`                    $I  integer type that a float is converted through
 *   $A $B $C  bounds of a conversion from float     $P $M  the model's prefix, and in capitals
 *   $S  suffix of C's maths builtins                $X  square root through SSE2
 *   $R  letter of AArch64 registers, RISC-V types   $Q $V  modifier and constraint of VFP registers
 *
 * Nothing here can become a call into libm: square roots and roundings appear only for targets that have the instruction (the legaliser has
 * replaced the others), and where a compiler might still call a function to set errno, the instruction is named. */
#include "c_emit.h"

#include <string.h>

/* ---- texts ---- */

static const char min_text[] = "static inline $T $P_$t_min($T a, $T b) { return a < b ? a : b; }\n";
static const char max_text[] = "static inline $T $P_$t_max($T a, $T b) { return a > b ? a : b; }\n";
static const char abs_integer_text[] = "static inline $T $P_$t_abs($T a) { return ($T)(a < 0 ? 0u - ($U)a : ($U)a); }\n";
static const char abs_unsigned_text[] = "static inline $T $P_$t_abs($T a) { return a; }\n";
static const char div_signed_text[] = "static inline $T $P_$t_div($T a, $T b) { return ($T)(b == 0 ? 0 : b == -1 ? ($T)(0u - ($U)a) : a / b); }\n";
static const char div_unsigned_text[] = "static inline $T $P_$t_div($T a, $T b) { return ($T)(b == 0 ? 0 : a / b); }\n";
static const char rem_signed_text[] = "static inline $T $P_$t_rem($T a, $T b) { return ($T)(b == 0 ? a : b == -1 ? 0 : a % b); }\n";
static const char rem_unsigned_text[] = "static inline $T $P_$t_rem($T a, $T b) { return ($T)(b == 0 ? a : a % b); }\n";
static const char shl_text[] = "static inline $T $P_$t_shl($T a, $T b) { return ($T)(($U)b < $Wu ? ($N)a << ($U)b : 0u); }\n";
static const char shr_text[] = "static inline $T $P_$t_shr($T a, $T b) { return ($T)(a >> (($U)b < $Wu ? ($U)b : $Wu - 1u)); }\n";
static const char shr_unsigned_text[] = "static inline $T $P_$t_shr($T a, $T b) { return ($T)(b < $Wu ? ($N)a >> b : 0u); }\n";
static const char floordiv_text[] =
    "static inline $T $P_$t_floordiv($T a, $T b) { return b == 0 ? 0 : a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }\n";
static const char mod_text[] = "static inline $T $P_$t_mod($T a, $T b) { return b == 0 ? a : (a % b + b) % b; }\n";
static const char size_add_text[] = "static inline int64_t $P_size_add(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }\n";
static const char size_mul_text[] =
    "static inline int64_t $P_size_mul(int64_t a, int64_t b) { /* no division: some machines have none for 64 bits */\n"
    "  if (a <= 0 || b <= 0) return a * b;\n"
    "  const uint64_t high_a = (uint64_t)a >> 32, low_a = (uint64_t)a & 0xffffffffu;\n"
    "  const uint64_t high_b = (uint64_t)b >> 32, low_b = (uint64_t)b & 0xffffffffu;\n"
    "  const uint64_t cross = high_a * low_b + high_b * low_a, low = low_a * low_b;\n"
    "  if ((high_a != 0 && high_b != 0) || cross > 0x7fffffffu || low > INT64_MAX - (cross << 32)) return INT64_MAX;\n"
    "  return (int64_t)((cross << 32) + low);\n"
    "}\n";
static const char bits_text[] = "static inline $T $P_$t_bits_$f($F a) {\n"
                                "  $T bits;\n"
                                "  $M_COPY(&bits, &a, sizeof bits);\n"
                                "  return bits;\n"
                                "}\n";
static const char fabs_text[] = "#if defined(__GNUC__)\n"
                                "static inline $T $P_$t_abs($T a) { return __builtin_fabs$S(a); }\n"
                                "#else\n"
                                "static inline $T $P_$t_abs($T a) {\n"
                                "  $U bits;\n"
                                "  $M_COPY(&bits, &a, sizeof bits);\n"
                                "  bits &= ($U)~(($U)1 << ($Wu - 1u));\n"
                                "  $M_COPY(&a, &bits, sizeof bits);\n"
                                "  return a;\n"
                                "}\n"
                                "#endif\n";
/* clang calls fma where it may set errno, that is everywhere but on Linux and where errno is switched off. */
static const char fma_text[] = "#if !defined(__clang__) || defined(__NO_MATH_ERRNO__) || defined(__linux__)\n"
                               "static inline $T $P_$t_fma($T a, $T b, $T c) { return __builtin_fma$S(a, b, c); }\n"
                               "#elif $M_HAS(__builtin_elementwise_fma)\n"
                               "static inline $T $P_$t_fma($T a, $T b, $T c) { return __builtin_elementwise_fma(a, b, c); }\n"
                               "#else\n"
                               "static inline $T $P_$t_fma($T a, $T b, $T c) {\n"
                               "#if defined(__aarch64__)\n"
                               "  __asm__(\"fmadd %$R0, %$R1, %$R2, %$R0\" : \"+w\"(c) : \"w\"(a), \"w\"(b));\n"
                               "#elif defined(__arm__)\n"
                               "  __asm__(\"vfma.f$W %$Q0, %$Q1, %$Q2\" : \"+$V\"(c) : \"$V\"(a), \"$V\"(b));\n"
                               "#elif defined(__riscv)\n"
                               "  __asm__(\"fmadd.$R %0, %1, %2, %0\" : \"+f\"(c) : \"f\"(a), \"f\"(b));\n"
                               "#else\n"
                               "#error \"compile this file with -fno-math-errno\"\n"
                               "#endif\n"
                               "  return c;\n"
                               "}\n"
                               "#endif\n";
static const char floor_text[] = "static inline $T $P_$t_floor($T a) { return __builtin_floor$S(a); }\n";
static const char ceil_text[] = "static inline $T $P_$t_ceil($T a) { return __builtin_ceil$S(a); }\n";
static const char trunc_text[] = "static inline $T $P_$t_trunc($T a) { return __builtin_trunc$S(a); }\n";
static const char round_text[] = "static inline $T $P_$t_round($T a) { return __builtin_rint$S(a); } /* halves to even: the default mode */\n";
/* sqrt may set errno too, so compilers call it for negative operands; WebAssembly's does not. */
static const char sqrt_text[] = "#if defined(__SSE2__)\n"
                                "static inline $T $P_$t_sqrt($T a) { return $X; }\n"
                                "#elif $M_HAS(__builtin_elementwise_sqrt)\n"
                                "static inline $T $P_$t_sqrt($T a) { return __builtin_elementwise_sqrt(a); }\n"
                                "#elif defined(__wasm__)\n"
                                "static inline $T $P_$t_sqrt($T a) { return __builtin_sqrt$S(a); }\n"
                                "#else\n"
                                "static inline $T $P_$t_sqrt($T a) {\n"
                                "  $T root;\n"
                                "#if defined(__aarch64__)\n"
                                "  __asm__(\"fsqrt %$R0, %$R1\" : \"=w\"(root) : \"w\"(a));\n"
                                "#elif defined(__arm__)\n"
                                "  __asm__(\"vsqrt.f$W %$Q0, %$Q1\" : \"=$V\"(root) : \"$V\"(a));\n"
                                "#elif defined(__riscv)\n"
                                "  __asm__(\"fsqrt.$R %0, %1\" : \"=f\"(root) : \"f\"(a));\n"
                                "#else\n"
                                "#error \"no square root instruction is known for this machine: compile the model with --target=generic\"\n"
                                "#endif\n"
                                "  return root;\n"
                                "}\n"
                                "#endif\n";
static const char f32_from_f16_text[] = "#if defined(__F16C__)\n"
                                        "static inline float $P_f32_of_f16(uint16_t a) { return _cvtsh_ss(a); }\n"
                                        "#else\n"
                                        "static inline float $P_f32_of_f16(uint16_t a) {\n"
                                        "  __fp16 half;\n"
                                        "  $M_COPY(&half, &a, sizeof half);\n"
                                        "  return (float)half;\n"
                                        "}\n"
                                        "#endif\n";
static const char f16_from_f32_text[] = "#if defined(__F16C__)\n"
                                        "static inline uint16_t $P_f16_of_f32(float a) { return (uint16_t)_cvtss_sh(a, 0); }\n"
                                        "#else\n"
                                        "static inline uint16_t $P_f16_of_f32(float a) {\n"
                                        "  __fp16 half = (__fp16)a;\n"
                                        "  uint16_t bits;\n"
                                        "  $M_COPY(&bits, &half, sizeof bits);\n"
                                        "  return bits;\n"
                                        "}\n"
                                        "#endif\n";
/* Where both ends are floats: clamped first, so that the conversion is always defined and the whole has no branch. */
static const char convert_exact_text[] = "static inline $T $P_$t_of_$f($F a) {\n"
                                         "  $F clamped = a > $A ? a : $A;\n"
                                         "  clamped = clamped < $B ? clamped : $B;\n"
                                         "  return ($T)(a == a ? ($I)clamped : 0);\n"
                                         "}\n";
/* Where the greatest integer is no float: the greatest float below it, and then the overflow is put right. */
static const char convert_rounded_text[] = "static inline $T $P_$t_of_$f($F a) {\n"
                                           "  $F clamped = a > $A ? a : $A;\n"
                                           "  clamped = clamped < $B ? clamped : $B;\n"
                                           "  $T result = a >= $C ? $H : ($T)clamped;\n"
                                           "  return a == a ? result : 0;\n"
                                           "}\n";

/* ---- which text ---- */

static const char *conversion_text(const Emitter *e, Scalar to, Scalar from) {
  if (to == SCALAR_F32 && from == SCALAR_F16) return f32_from_f16_text;
  if (to == SCALAR_F16 && from == SCALAR_F32) return f16_from_f32_text;
  if (!scalar_is_float(from) || scalar_is_float(to) || from == SCALAR_F16 || from == SCALAR_BF16)
    bug(e->context, "conversion from %s to %s left for the emitter", scalar_name(from), scalar_name(to));
  bool exact = c_bits(e, to) < (from == SCALAR_F32 ? 25u : 54u);
  return exact ? convert_exact_text : convert_rounded_text;
}

static const char *template_of(const Emitter *e, Helper helper, Scalar to, Scalar from) {
  bool is_float = scalar_is_float(to), is_signed = scalar_is_signed(to);
  switch (helper) {
  case HELPER_MIN: return min_text;
  case HELPER_MAX: return max_text;
  case HELPER_ABS: return is_float ? fabs_text : is_signed ? abs_integer_text : abs_unsigned_text;
  case HELPER_DIV: return is_signed ? div_signed_text : div_unsigned_text;
  case HELPER_REM: return is_signed ? rem_signed_text : rem_unsigned_text;
  case HELPER_SHL: return shl_text;
  case HELPER_SHR: return is_signed ? shr_text : shr_unsigned_text;
  case HELPER_SQRT: return sqrt_text;
  case HELPER_FLOOR: return floor_text;
  case HELPER_CEIL: return ceil_text;
  case HELPER_TRUNC: return trunc_text;
  case HELPER_ROUND: return round_text;
  case HELPER_FMA: return fma_text;
  case HELPER_CONVERT: return conversion_text(e, to, from);
  case HELPER_BITS: return bits_text;
  case HELPER_FLOORDIV: return floordiv_text;
  case HELPER_MOD: return mod_text;
  case HELPER_SIZE_ADD: return size_add_text;
  case HELPER_SIZE_MUL: return size_mul_text;
  default: bug(e->context, "no text for helper %d", helper);
  }
}

static const char *const helper_names[HELPER_COUNT] = {
    [HELPER_MIN] = "min",     [HELPER_MAX] = "max",     [HELPER_ABS] = "abs",   [HELPER_DIV] = "div",           [HELPER_REM] = "rem",
    [HELPER_SHL] = "shl",     [HELPER_SHR] = "shr",     [HELPER_SQRT] = "sqrt", [HELPER_FLOOR] = "floor",       [HELPER_CEIL] = "ceil",
    [HELPER_TRUNC] = "trunc", [HELPER_ROUND] = "round", [HELPER_FMA] = "fma",   [HELPER_FLOORDIV] = "floordiv", [HELPER_MOD] = "mod",
};

const char *c_helper_name(Emitter *e, Helper helper, Scalar to, Scalar from) {
  e->needed[helper][to][from] = true;
  if (e->now.callee_stack < FRAME_BYTES) e->now.callee_stack = FRAME_BYTES;
  if (helper == HELPER_BITS || helper == HELPER_CONVERT || helper == HELPER_ABS) e->needs_copy = true;
  if (helper == HELPER_SATURATE) return arena_format(e->arena, "%s_%s_saturated_%s", e->prefix, c_tag(to), c_tag(from));
  if (helper == HELPER_CONVERT) return arena_format(e->arena, "%s_%s_of_%s", e->prefix, c_tag(to), c_tag(from));
  if (helper == HELPER_BITS) return arena_format(e->arena, "%s_%s_bits_%s", e->prefix, c_tag(to), c_tag(from));
  if (helper == HELPER_SIZE_ADD || helper == HELPER_SIZE_MUL)
    return arena_format(e->arena, "%s_size_%s", e->prefix, helper == HELPER_SIZE_ADD ? "add" : "mul");
  return arena_format(e->arena, "%s_%s_%s", e->prefix, c_tag(to), helper_names[helper]);
}

void c_helper(Emitter *e, Helper helper, Scalar to, Scalar from) { text_string(&e->now.line, c_helper_name(e, helper, to, from)); }

/* ---- filling in ---- */

/* Bounds of a conversion from float: $A least, $B greatest float that converts, $C the first that overflows. */
void c_conversion_bound(const Emitter *e, Text *out, char which, Scalar to, Scalar from) {
  unsigned    bits = c_bits(e, to), magnitude = scalar_is_signed(to) ? bits - 1 : bits, digits = from == SCALAR_F32 ? 24 : 53;
  const char *suffix = from == SCALAR_F32 ? "f" : "";
  if (which == 'A') text_format(out, scalar_is_signed(to) ? "-0x1p%u%s" : "0x0p%u%s", scalar_is_signed(to) ? magnitude : 0, suffix);
  else if (which == 'C') text_format(out, "0x1p%u%s", magnitude, suffix);
  else if (magnitude <= digits) text_format(out, "%llu.0%s", (1ull << magnitude) - 1, suffix);
  else text_format(out, from == SCALAR_F32 ? "0x1.fffffep%u%s" : "0x1.fffffffffffffp%u%s", magnitude - 1, suffix);
}

static void fill(const Emitter *e, Text *out, const char *text, Scalar to, Scalar from) {
  for (; *text; text++) {
    if (*text != '$') {
      text_char(out, *text);
      continue;
    }
    switch (*++text) {
    case 'T': text_string(out, c_type(e, to)); break;
    case 'F': text_string(out, c_type(e, from)); break;
    case 't': text_string(out, c_tag(to)); break;
    case 'f': text_string(out, c_tag(from)); break;
    case 'U': text_string(out, c_unsigned_type(e, to)); break;
    case 'N': text_string(out, c_bits(e, to) == 64 ? "uint64_t" : "uint32_t"); break; /* wide enough that a shift is of an unsigned type */
    case 'I': text_string(out, scalar_is_signed(to) || c_bits(e, to) < 32 ? "int32_t" : c_type(e, to)); break;
    case 'L': text_string(out, c_minimum(e, to)); break;
    case 'H': text_string(out, c_maximum(e, to)); break;
    case 'W': text_format(out, "%u", c_bits(e, to)); break;
    case 'P': text_string(out, e->prefix); break;
    case 'M': text_string(out, e->macro); break;
    case 'R': text_string(out, to == SCALAR_F32 ? "s" : "d"); break;
    case 'Q': text_string(out, to == SCALAR_F32 ? "" : "P"); break;
    case 'V': text_string(out, to == SCALAR_F32 ? "t" : "w"); break;
    case 'X':
      text_string(out,
                  to == SCALAR_F32 ? "_mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a)))" : "_mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(a)))");
      break;
    case 'S': text_string(out, to == SCALAR_F32 ? "f" : ""); break;
    default: c_conversion_bound(e, out, *text, to, from); break;
    }
  }
}

/* Limits as constants of type `from`; unsigned ones need no cast. */
static void saturate_text(const Emitter *e, Text *out, Scalar to, Scalar from) {
  unsigned to_bits = c_bits(e, to) - scalar_is_signed(to), from_bits = c_bits(e, from) - scalar_is_signed(from);
  bool     low = scalar_is_signed(from) && (!scalar_is_signed(to) || to_bits < from_bits), high = to_bits < from_bits;
  text_format(out, "static inline %s %s_%s_saturated_%s(%s a) { return ", c_type(e, to), e->prefix, c_tag(to), c_tag(from), c_type(e, from));
  if (low) text_format(out, "a < %s ? %s : ", c_minimum(e, to), c_minimum(e, to));
  if (high) text_format(out, "a > (%s)%s ? %s : ", c_type(e, from), c_maximum(e, to), c_maximum(e, to));
  text_format(out, "(%s)a; }\n", c_type(e, to));
}

static void helpers(const Emitter *e, Text *out) {
  size_t start = out->length;
  for (uint32_t helper = 0; helper < HELPER_COUNT; helper++)
    for (uint32_t to = 0; to < SCALAR_COUNT; to++)
      for (uint32_t from = 0; from < SCALAR_COUNT; from++) {
        if (!e->needed[helper][to][from]) continue;
        if (helper == HELPER_SATURATE) saturate_text(e, out, (Scalar)to, (Scalar)from);
        else fill(e, out, template_of(e, (Helper)helper, (Scalar)to, (Scalar)from), (Scalar)to, (Scalar)from);
      }
  if (out->length > start) text_char(out, '\n');
}

void c_helpers(Emitter *e, Text *out) {
  Text vectors; /* they name types and need scalar ones */
  if (!c_widest_vector(e)) {
    helpers(e, out);
    return;
  }
  text_open(&vectors, e->arena);
  c_vector_helpers(e, &vectors);
  /* A function that another one would call, had the compiler no builtin for it. */
  text_string(out, "#if defined(__clang__)\n#pragma clang diagnostic push\n#pragma clang diagnostic ignored \"-Wunused-function\"\n#endif\n");
  helpers(e, out);
  c_vector_types(e, out);
  text_char(out, '\n');
  text_bytes(out, vectors.data, vectors.length);
  text_string(out, "#if defined(__clang__)\n#pragma clang diagnostic pop\n#endif\n\n");
}

/* ---- refusals and macros ---- */

static const char refusals[] = "#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || "
                               "(defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)\n"
                               "#error \"compile this file without -ffast-math: it changes results\"\n"
                               "#endif\n"
                               "#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16\n"
                               "#error \"this compiler computes floats in another precision: on 32-bit x86 add -msse2 -mfpmath=sse\"\n"
                               "#endif\n"
                               "#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__\n"
                               "#error \"weights are little-endian: big-endian machines are not supported\"\n"
                               "#endif\n";

/* a * b + c must round twice. gcc ignores the standard pragma and contracts in its gnu modes. While it minds traps, it calls floor where it thinks
 * the code is never reached, instruction or not; nothing here looks at traps. */
static const char contraction[] = "#if defined(__clang__)\n"
                                  "#pragma STDC FP_CONTRACT OFF\n"
                                  "#elif defined(__GNUC__)\n"
                                  "#pragma GCC optimize(\"fp-contract=off\", \"no-trapping-math\")\n"
                                  "#elif defined(_MSC_VER)\n"
                                  "#pragma fp_contract(off)\n"
                                  "#endif\n";

static void target_test(const Emitter *e, Text *out) {
  const Target *target = e->options->target;
  if (e->program->variants.count)
    text_string(out, "#if !defined(__x86_64__) || !defined(__GNUC__)\n#error \"compiled for several x86 processors: needs gcc or clang for 64-bit "
                     "x86\"\n#endif\n");
  else if (target->c_feature_test)
    text_format(out, "#if !(%s)\n#error \"compiled for %s: add %s\"\n#endif\n", target->c_feature_test, target->name, target->c_flags);
}

static void includes(const Emitter *e, Text *out) {
  bool intrinsics = e->needed_by_any[HELPER_SQRT][SCALAR_F32][SCALAR_F32] || e->needed_by_any[HELPER_SQRT][SCALAR_F64][SCALAR_F64] ||
                    e->needed_by_any[HELPER_CONVERT][SCALAR_F32][SCALAR_F16] || e->needed_by_any[HELPER_CONVERT][SCALAR_F16][SCALAR_F32];
  text_format(out, "%s#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n", e->needs_math ? "#include <math.h>\n" : "");
  if (intrinsics) text_string(out, "#if defined(__SSE2__)\n#include <immintrin.h>\n#endif\n");
  if (e->needs_copy || e->needs_clear || e->needs_move) text_string(out, "#if !defined(__GNUC__)\n#include <string.h>\n#endif\n");
}

/* Vectors are GNU C's. Functions on them are always inlined, so how wide ones are passed does not matter. clang splits 64-byte vectors in two on
 * machines it thinks slow with them unless a function says that it wants them whole. */
static void vector_macros(const Emitter *e, Text *out) {
  const char *m = e->macro;
  text_string(out, "#if !defined(__GNUC__)\n#error \"vectors are written for gcc and clang: compile the model with --target=generic\"\n"
                   "#endif\n#pragma GCC diagnostic ignored \"-Wpsabi\"\n");
  text_format(out, "#define %s_INLINE static inline __attribute__((always_inline))\n", m);
}

static void macros(const Emitter *e, Text *out) {
  const char *m = e->macro;
  text_format(
      out,
      "\n/* Sections and the like for kernels and weights, from the command line or here. */\n#ifndef %s_HOT_ATTR\n#define %s_HOT_ATTR\n#endif\n", m,
      m);
  if (e->uses_wide_vectors)
    text_format(out, "#if defined(__clang__)\n#define %s_KERNEL %s_HOT_ATTR __attribute__((noinline, min_vector_width(512))) static\n#el", m, m);
  else text_char(out, '#');
  text_format(
      out,
      "if defined(__GNUC__)\n#define %s_KERNEL %s_HOT_ATTR __attribute__((noinline)) static\n#else\n#define %s_KERNEL %s_HOT_ATTR static\n#endif\n",
      m, m, m, m);
  if (e->needs_restrict)
    text_format(out,
                "#if defined(__cplusplus) || defined(__GNUC__) || defined(_MSC_VER)\n#define %s_RESTRICT __restrict\n#else\n#define %s_RESTRICT "
                "restrict\n#endif\n",
                m, m);
  if (e->needs_aligned)
    text_format(out,
                "#if defined(__GNUC__)\n#define %s_ALIGNED(pointer, bytes) __builtin_assume_aligned(pointer, bytes)\n#else\n#define "
                "%s_ALIGNED(pointer, bytes) (pointer)\n#endif\n",
                m, m);
  if (e->needs_unroll)
    text_format(out,
                "#if defined(__GNUC__) && !defined(__clang__)\n#define %s_UNROLL _Pragma(\"GCC unroll 64\")\n#elif defined(__clang__)\n#define "
                "%s_UNROLL _Pragma(\"unroll\")\n#else\n#define %s_UNROLL\n#endif\n",
                m, m, m);
  if (e->uses_vectors) vector_macros(e, out);
  if (e->uses_vectors || e->needed_by_any[HELPER_FMA][SCALAR_F32][SCALAR_F32] || e->needed_by_any[HELPER_FMA][SCALAR_F64][SCALAR_F64] ||
      e->needed_by_any[HELPER_SQRT][SCALAR_F32][SCALAR_F32] || e->needed_by_any[HELPER_SQRT][SCALAR_F64][SCALAR_F64])
    text_format(out, "#if defined(__has_builtin)\n#define %s_HAS(builtin) __has_builtin(builtin)\n#else\n#define %s_HAS(builtin) 0\n#endif\n", m, m);
  if (e->needs_copy)
    text_format(out,
                "#if defined(__GNUC__)\n#define %s_COPY(to, from, bytes) __builtin_memcpy(to, from, bytes)\n#else\n#define %s_COPY(to, from, bytes) "
                "memcpy(to, from, bytes)\n#endif\n",
                m, m);
  if (e->needs_clear)
    text_format(out,
                "#if defined(__GNUC__)\n#define %s_CLEAR(to, bytes) __builtin_memset(to, 0, bytes)\n#else\n#define %s_CLEAR(to, bytes) memset(to, 0, "
                "bytes)\n#endif\n",
                m, m);
  if (e->needs_move)
    text_format(out,
                "#if defined(__GNUC__)\n#define %s_MOVE(to, from, bytes) __builtin_memmove(to, from, bytes)\n#else\n#define %s_MOVE(to, from, bytes) "
                "memmove(to, from, bytes)\n#endif\n",
                m, m);
  text_char(out, '\n');
}

void c_prelude(Emitter *e, Text *out) {
  text_string(out, refusals);
  target_test(e, out);
  text_string(out, contraction);
  includes(e, out);
  macros(e, out);
}
