/* The prelude's part on vectors: types, and functions for what C's operators on them do not do.
 *
 * A function is printed only if something calls it, after those that it calls. Texts are templates:
 *   $T $t  type and short name of the result     $F $f  of a conversion's operand       $E $V  C type of a lane in registers, in buffers
 *   $I     signed lanes as wide as the result's  $U $u $Z  unsigned ones, their short name, C type of one
 *   $J     signed lanes as wide as the operand's $D $d  vector of subscripts, C type of one
 *   $L     lanes     $W  bits of a lane          $P $M  the prefix, and the model's name in capitals
 *   $H     greatest value of a lane              $A $B $C  bounds of a conversion, as for scalars
 *
 * What has neither operators nor a row in targets/intrinsics.def is done by halves, where those have a row, or lane by lane: gcc makes vectors of a
 * loop over lanes, clang of an initialiser that names each. Where gcc for x86 is given vectors wider than the machine's it says once that the way to
 * pass them has changed; nothing is passed, since all is inlined. */
#include "c_emit.h"

#include <string.h>

/* ---- texts: bodies, between the braces ---- */

static const char select_body[] = "  return ($T)((mask & ($I)a) | (~mask & ($I)b));\n";
static const char min_body[] = "  const $I mask = ($I)(a < b);\n  return ($T)((mask & ($I)a) | (~mask & ($I)b));\n";
static const char max_body[] = "  const $I mask = ($I)(a > b);\n  return ($T)((mask & ($I)a) | (~mask & ($I)b));\n";
static const char abs_float_body[] = "  return ($T)(($U)a & ($U)~$P_$u_all(($Z)1 << ($W - 1)));\n";
static const char abs_signed_body[] = "  const $I negative = ($I)(a < 0);\n  return ($T)((($U)a ^ ($U)negative) - ($U)negative);\n";
static const char abs_unsigned_body[] = "  return a;\n";
static const char shl_body[] = "  const $U count = ($U)b;\n  return ($T)((($U)a << (count & ($W - 1))) & ($U)(count < $W));\n";
static const char shr_unsigned_body[] = "  return (a >> (b & ($W - 1))) & ($T)(b < $W);\n";
static const char shr_signed_body[] = "  const $I inside = ($I)(($U)b < $W);\n  return a >> (($I)(b & inside) | (~inside & ($W - 1)));\n";
static const char convert_exact_body[] = "  $F clamped = $P_$f_min($P_$f_max(a, $P_$f_all($A)), $P_$f_all($B));\n"
                                         "  clamped = ($F)(($J)clamped & ($J)(a == a));\n";
static const char convert_rounded_body[] = "  const $T above = ($T)__builtin_convertvector(($J)(a >= $C), $I);\n"
                                           "  $F clamped = $P_$f_min($P_$f_max(a, $P_$f_all($A)), $P_$f_all($B));\n"
                                           "  clamped = ($F)(($J)clamped & ($J)(a == a));\n"
                                           "  return (above & $P_$t_all($H)) | (~above & __builtin_convertvector(clamped, $T));\n";

/* ---- names ---- */

static const char *const helper_words[VECTOR_HELPER_COUNT] = {
    [VECTOR_ALL] = "all",
    [VECTOR_LANES] = "lanes",
    [VECTOR_JOINED] = "joined",
    [VECTOR_LOAD] = "load",
    [VECTOR_LOAD_ACTIVE] = "load_active",
    [VECTOR_LOAD_PLACES] = "load_places",
    [VECTOR_LOAD_PLACES_ACTIVE] = "load_places_active",
    [VECTOR_STORE] = "store",
    [VECTOR_STORE_ACTIVE] = "store_active",
    [VECTOR_STORE_PLACES] = "store_places",
    [VECTOR_STORE_PLACES_ACTIVE] = "store_places_active",
    [VECTOR_SELECT] = "select",
    [VECTOR_MIN] = "min",
    [VECTOR_MAX] = "max",
    [VECTOR_ABS] = "abs",
    [VECTOR_DIV] = "div",
    [VECTOR_REM] = "rem",
    [VECTOR_SHL] = "shl",
    [VECTOR_SHR] = "shr",
    [VECTOR_SQRT] = "sqrt",
    [VECTOR_FLOOR] = "floor",
    [VECTOR_CEIL] = "ceil",
    [VECTOR_TRUNC] = "trunc",
    [VECTOR_ROUND] = "round",
    [VECTOR_FMA] = "fma",
};

/* The scalar function that lanes are given to one by one; 0: none. */
static const uint8_t scalar_helpers[VECTOR_HELPER_COUNT] = {
    [VECTOR_DIV] = HELPER_DIV,   [VECTOR_REM] = HELPER_REM,     [VECTOR_SQRT] = HELPER_SQRT,   [VECTOR_FLOOR] = HELPER_FLOOR,
    [VECTOR_CEIL] = HELPER_CEIL, [VECTOR_TRUNC] = HELPER_TRUNC, [VECTOR_ROUND] = HELPER_ROUND, [VECTOR_FMA] = HELPER_FMA,
};

static unsigned parameter_count(VectorHelper helper) {
  if (helper == VECTOR_FMA) return 3;
  return (helper >= VECTOR_MIN && helper <= VECTOR_MAX) || (helper >= VECTOR_DIV && helper <= VECTOR_SHR) || helper == VECTOR_JOINED ? 2 : 1;
}

static const char *tag(const Emitter *e, Scalar scalar, uint16_t lanes) { return arena_format(e->arena, "%sx%u", c_tag(scalar), lanes); }

static const char *name_of(const Emitter *e, const VectorNeed *need) {
  const char *to = tag(e, need->to, need->lanes);
  if (need->helper == VECTOR_PART) return arena_format(e->arena, "%s_%s_at_%u_of_x%u", e->prefix, to, need->first, need->from_lanes);
  if (need->helper == VECTOR_CONVERT) return arena_format(e->arena, "%s_%s_of_%s", e->prefix, to, tag(e, need->from, need->lanes));
  if (need->helper == VECTOR_SATURATE) return arena_format(e->arena, "%s_%s_saturated_%s", e->prefix, to, tag(e, need->from, need->lanes));
  return arena_format(e->arena, "%s_%s_%s", e->prefix, to, helper_words[need->helper]);
}

/* ---- needs ---- */

static bool is_half(Scalar scalar) { return scalar == SCALAR_F16 || scalar == SCALAR_BF16; }

static bool is_lane_by_lane(const VectorNeed *need) {
  return scalar_helpers[need->helper] || (need->helper == VECTOR_CONVERT && (is_half(need->to) || is_half(need->from)));
}

static const char *operation_of(const VectorNeed *need) {
  if (need->helper == VECTOR_CONVERT) return "cast";
  return helper_words[need->helper] ? helper_words[need->helper] : "";
}

/* Whether the machine does it at this width: a row that is made for it. */
static bool has_row(const Emitter *e, const VectorNeed *need, uint16_t lanes) {
  const Intrinsic *row = NULL;
  while ((row = intrinsic_next(e->target, operation_of(need), tag(e, need->to, lanes), row)) != NULL)
    if (*row->architecture) return true;
  return false;
}

/* Wider than the machine's vectors, and narrower ones have a row: done by halves. */
static bool is_by_halves(const Emitter *e, const VectorNeed *need) {
  if (need->helper < VECTOR_MIN || has_row(e, need, need->lanes)) return false;
  for (uint16_t lanes = need->lanes / 2; lanes > 1; lanes /= 2)
    if (has_row(e, need, lanes)) return true;
  return false;
}

static const char *note(Emitter *e, VectorNeed need);

static void need_all(Emitter *e, Scalar scalar, uint16_t lanes) {
  note(e, (VectorNeed){.helper = VECTOR_ALL, .to = scalar, .from = scalar, .lanes = lanes});
}

static void need_limits(Emitter *e, const VectorNeed *need) {
  note(e, (VectorNeed){.helper = VECTOR_MIN, .to = need->from, .from = need->from, .lanes = need->lanes});
  note(e, (VectorNeed){.helper = VECTOR_MAX, .to = need->from, .from = need->from, .lanes = need->lanes});
  need_all(e, need->from, need->lanes);
}

static VectorNeed part_of(const VectorNeed *need, Scalar scalar, bool high) {
  uint16_t half = need->lanes / 2;
  return (VectorNeed){.helper = VECTOR_PART, .to = scalar, .from = scalar, .lanes = half, .from_lanes = need->lanes, .first = high ? half : 0};
}

static VectorNeed half_of(const VectorNeed *need) {
  VectorNeed half = *need;
  half.lanes /= 2;
  return half;
}

static Scalar unsigned_like(const Emitter *e, Scalar scalar) {
  unsigned bits = c_bits(e, scalar);
  return bits == 8 ? SCALAR_U8 : bits == 16 ? SCALAR_U16 : bits == 32 ? SCALAR_U32 : SCALAR_U64;
}
static Scalar signed_like(const Emitter *e, Scalar scalar) {
  unsigned bits = c_bits(e, scalar);
  return bits == 8 ? SCALAR_I8 : bits == 16 ? SCALAR_I16 : bits == 32 ? SCALAR_I32 : SCALAR_I64;
}

static void need_callees(Emitter *e, const VectorNeed *need) {
  bool half = is_half(need->to) || is_half(need->from);
  if (scalar_helpers[need->helper]) c_helper_name(e, (Helper)scalar_helpers[need->helper], need->to, need->to);
  if (need->helper == VECTOR_CONVERT && half) c_helper_name(e, HELPER_CONVERT, need->to, need->from);
  if (need->helper == VECTOR_SATURATE || (need->helper == VECTOR_CONVERT && !half)) need_limits(e, need);
  if (need->helper == VECTOR_CONVERT && !half && c_bits(e, need->to) >= 32) need_all(e, need->to, need->lanes);
  if (need->helper == VECTOR_LOAD_ACTIVE || need->helper == VECTOR_STORE_ACTIVE) {
    VectorNeed all_lanes = *need;
    all_lanes.helper = need->helper == VECTOR_LOAD_ACTIVE ? VECTOR_LOAD : VECTOR_STORE;
    note(e, all_lanes);
  }
  if (need->helper == VECTOR_ABS && scalar_is_float(need->to)) need_all(e, unsigned_like(e, need->to), need->lanes);
  if (!is_by_halves(e, need)) return;
  note(e, half_of(need));
  note(e, part_of(need, need->from, false));
  note(e, part_of(need, need->from, true));
  note(e, (VectorNeed){.helper = VECTOR_JOINED, .to = need->to, .from = need->to, .lanes = need->lanes});
}

static bool same_need(const VectorNeed *a, const VectorNeed *b) {
  return a->helper == b->helper && a->to == b->to && a->from == b->from && a->lanes == b->lanes && a->from_lanes == b->from_lanes &&
         a->first == b->first;
}

static const char *note(Emitter *e, VectorNeed need) {
  for (uint32_t i = 0; i < e->vectors.helpers.count; i++)
    if (same_need(&e->vectors.helpers.data[i], &need)) return name_of(e, &need);
  need_callees(e, &need);
  vector_push(e->arena, &e->vectors.helpers, need);
  return name_of(e, &need);
}

/* Bytes on the stack of a call that is inlined but not optimised: each operand, local and result once, of callees too. */
static unsigned inlined_stack(const Emitter *e, const VectorNeed *need, unsigned vector) {
  unsigned own = (parameter_count(need->helper) + 2) * vector + 16;
  if (need->helper >= VECTOR_LOAD && need->helper <= VECTOR_STORE_PLACES_ACTIVE) own += 2 * c_stack_slot(e, SCALAR_INDEX, need->lanes);
  if (need->helper == VECTOR_CONVERT || need->helper == VECTOR_SATURATE) return 4 * own;
  return is_by_halves(e, need) ? 8 * own : own;
}

const char *c_vector_helper(Emitter *e, VectorNeed need) {
  unsigned to = c_stack_slot(e, need.to, need.lanes), from = c_stack_slot(e, need.from, need.from_lanes ? need.from_lanes : need.lanes);
  unsigned vector = to > from ? to : from;
  e->now.inlined_stack += inlined_stack(e, &need, vector);
  if (is_by_halves(e, &need)) e->now.stack += 2 * vector; /* gcc takes halves through memory */
  return note(e, need);
}

/* ---- filling in ---- */

static void fill(Emitter *e, Text *out, const char *text, const VectorNeed *need) {
  Scalar to = need->to, from = need->from, unsigned_to = unsigned_like(e, to);
  for (; *text; text++) {
    if (*text != '$') {
      text_char(out, *text);
      continue;
    }
    switch (*++text) {
    case 'T': text_string(out, c_vector_type(e, to == SCALAR_I1 ? SCALAR_I8 : to, need->lanes)); break;
    case 't': text_string(out, tag(e, to, need->lanes)); break;
    case 'F': text_string(out, c_vector_type(e, from, need->lanes)); break;
    case 'f': text_string(out, tag(e, from, need->lanes)); break;
    case 'E': text_string(out, to == SCALAR_I1 ? "int8_t" : c_type(e, to)); break;
    case 'V': text_string(out, c_memory_type(e, to)); break;
    case 'I': text_string(out, c_vector_type(e, signed_like(e, to), need->lanes)); break;
    case 'U': text_string(out, c_vector_type(e, unsigned_to, need->lanes)); break;
    case 'u': text_string(out, tag(e, unsigned_to, need->lanes)); break;
    case 'Z': text_string(out, c_type(e, unsigned_to)); break;
    case 'J': text_string(out, c_vector_type(e, signed_like(e, from), need->lanes)); break;
    case 'D': text_string(out, c_vector_type(e, SCALAR_INDEX, need->lanes)); break;
    case 'd': text_string(out, e->index_type); break;
    case 'L': text_format(out, "%u", need->lanes); break;
    case 'W': text_format(out, "%u", c_bits(e, to)); break;
    case 'H': text_string(out, c_maximum(e, to)); break;
    case 'P': text_string(out, e->prefix); break;
    case 'M': text_string(out, e->macro); break;
    default: c_conversion_bound(e, out, *text, to, from); break;
    }
  }
}

/* A condition or spelling of a row. */
static void fill_row(const Emitter *e, Text *out, const char *text) {
  for (; *text; text++) {
    if (*text != '$') text_char(out, *text);
    else if (*++text == 'H') text_format(out, "%s_HAS", e->macro);
    else if (*text == 'G') text_format(out, "!defined(__clang__) && %s_HAS", e->macro);
    else text_string(out, "zero");
  }
}

/* ---- lane by lane ---- */

/* `item`, with `number` for @, filled in. */
static void lane(Emitter *e, Text *out, const char *item, const VectorNeed *need, const char *number) {
  Text text;
  text_open(&text, e->arena);
  for (; *item; item++) {
    if (*item == '@') text_string(&text, number);
    else text_char(&text, *item);
  }
  fill(e, out, text_finish(&text), need);
}

/* Sets `result` to `item` in every lane. */
static void lanes(Emitter *e, Text *out, const char *item, const VectorNeed *need) {
  fill(e, out, "#if defined(__clang__)\n  const $T result = {", need);
  for (uint16_t i = 0; i < need->lanes; i++) {
    text_string(out, i == 0 ? "" : i % 4 == 0 ? ",\n    " : ", ");
    lane(e, out, item, need, arena_format(e->arena, "%u", i));
  }
  fill(e, out, "};\n#else\n  $T result = {0};\n  for (int i = 0; i < $L; ++i) result[i] = ", need);
  lane(e, out, item, need, "i");
  text_string(out, ";\n#endif\n  return result;\n");
}

/* The same lane by lane of an array in memory, and back: for what depends on a number of active lanes. */
static const char load_active_body[] = "  $V lanes[$L] = {0};\n"
                                       "  for ($d i = 0; i < n && i < $L; ++i) lanes[i] = p[i];\n"
                                       "  return $P_$t_load(lanes);\n";
static const char store_active_body[] = "  $V lanes[$L];\n"
                                        "  $P_$t_store(lanes, a);\n"
                                        "  for ($d i = 0; i < n && i < $L; ++i) p[i] = lanes[i];\n";

static void numbers(Text *out, unsigned first, unsigned count) {
  for (unsigned i = 0; i < count; i++) text_format(out, "%s%u", i ? ", " : "", first + i);
}

static void part_body(Emitter *e, Text *out, const VectorNeed *need) {
  text_format(out, "#if %s_HAS(__builtin_shufflevector)\n  return __builtin_shufflevector(a, a, ", e->macro);
  numbers(out, need->first, need->lanes);
  fill(e, out, ");\n#else\n  $T part;\n  __builtin_memcpy(&part, (const char *)&a + ", need);
  text_format(out, "%u, sizeof part);\n  return part;\n#endif\n", need->first * c_bits(e, need->to) / 8);
}

static void joined_body(Emitter *e, Text *out, const VectorNeed *need) {
  text_format(out, "#if %s_HAS(__builtin_shufflevector)\n  return __builtin_shufflevector(a, b, ", e->macro);
  numbers(out, 0, need->lanes);
  fill(e, out,
       ");\n#else\n  $T joined;\n  __builtin_memcpy(&joined, &a, sizeof a);\n  __builtin_memcpy((char *)&joined + sizeof a, &b, sizeof b);\n"
       "  return joined;\n#endif\n",
       need);
}

static void all_body(Emitter *e, Text *out, const VectorNeed *need) {
  fill(e, out, "  const $T result = {", need);
  for (uint16_t i = 0; i < need->lanes; i++)
    text_format(out, "%s%s", i == 0 ? "" : i % 32 == 0 ? ",\n    " : ", ", need->helper == VECTOR_ALL ? "a" : arena_format(e->arena, "%u", i));
  text_string(out, "};\n  return result;\n");
}

static void halves_body(Emitter *e, Text *out, const VectorNeed *need) {
  VectorNeed               half = half_of(need), low = part_of(need, need->from, false), high = part_of(need, need->from, true);
  static const char *const names[] = {"a", "b", "c"};
  fill(e, out, "  return $P_$t_joined(", need);
  for (int side = 0; side < 2; side++) {
    text_format(out, "%s%s(", side ? "),\n    " : "", name_of(e, &half));
    for (unsigned i = 0; i < parameter_count(need->helper); i++)
      text_format(out, "%s%s(%s)", i ? ", " : "", name_of(e, side ? &high : &low), names[i]);
  }
  text_string(out, "));\n");
}

static void lane_by_lane_body(Emitter *e, Text *out, const VectorNeed *need) {
  static const char *const operands[] = {"(a[@])", "(a[@], b[@])", "(a[@], b[@], c[@])"};
  Helper                   scalar = need->helper == VECTOR_CONVERT ? HELPER_CONVERT : (Helper)scalar_helpers[need->helper];
  const char              *name = c_helper_name(e, scalar, need->to, need->helper == VECTOR_CONVERT ? need->from : need->to);
  lanes(e, out, arena_format(e->arena, "%s%s", name, operands[parameter_count(need->helper) - 1]), need);
}

/* ---- memory ---- */

static void load_body(Emitter *e, Text *out, const VectorNeed *need) {
  bool       mask = need->to == SCALAR_I1, narrows = need->to == SCALAR_INDEX && c_bits(e, need->to) == 32;
  VectorNeed stored = *need;
  stored.to = mask ? SCALAR_U8 : narrows ? SCALAR_I64 : need->to;
  fill(e, out, "  $T result;\n  __builtin_memcpy(&result, p, sizeof result);\n", &stored);
  fill(e, out, mask ? "  return ($T)(result != 0);\n" : narrows ? "  return __builtin_convertvector(result, $T);\n" : "  return result;\n", need);
}

static void store_body(Emitter *e, Text *out, const VectorNeed *need) {
  bool mask = need->to == SCALAR_I1, widens = need->to == SCALAR_INDEX && c_bits(e, need->to) == 32;
  if (mask) fill(e, out, "  a &= 1;\n", need);
  if (widens) {
    VectorNeed stored = *need;
    stored.to = SCALAR_I64;
    fill(e, out, "  const $T wide = __builtin_convertvector(a, $T);\n  __builtin_memcpy(p, &wide, sizeof wide);\n", &stored);
  } else {
    text_string(out, "  __builtin_memcpy(p, &a, sizeof a);\n");
  }
}

static void load_places_body(Emitter *e, Text *out, const VectorNeed *need, bool active) {
  bool        mask = need->to == SCALAR_I1;
  const char *element = mask ? "($E)-(p[places[@]] != 0)" : "($E)p[places[@]]";
  lanes(e, out, active ? arena_format(e->arena, "(@ < n ? %s : ($E)0)", element) : element, need);
}

static void store_places_body(Emitter *e, Text *out, const VectorNeed *need, bool active) {
  bool mask = need->to == SCALAR_I1;
  text_string(out, active ? "  for (int i = 0; i < n && " : "  for (int i = 0; ");
  fill(e, out, mask ? "i < $L; ++i) p[places[i]] = a[i] != 0;\n" : "i < $L; ++i) p[places[i]] = a[i];\n", need);
}

/* ---- functions ---- */

static void signature(Emitter *e, Text *out, const VectorNeed *need) {
  bool store = need->helper >= VECTOR_STORE && need->helper <= VECTOR_STORE_PLACES_ACTIVE,
       load = need->helper >= VECTOR_LOAD && need->helper < VECTOR_STORE;
  int form = store ? need->helper - VECTOR_STORE : load ? need->helper - VECTOR_LOAD : 0;
  fill(e, out, store ? "$M_INLINE void " : "$M_INLINE $T ", need);
  text_format(out, "%s(", name_of(e, need));
  if (store || load) {
    fill(e, out, store ? "$V *p" : "const $V *p", need);
    if (form & 2) fill(e, out, ", $D places", need);
    if (form & 1) fill(e, out, ", $d n", need);
    if (store) fill(e, out, ", $T a", need);
  } else if (need->helper == VECTOR_ALL) {
    fill(e, out, "$E a", need);
  } else if (need->helper == VECTOR_LANES) {
    text_string(out, "void");
  } else if (need->helper == VECTOR_SELECT) {
    fill(e, out, "$I mask, $T a, $T b", need);
  } else {
    VectorNeed operand = *need;
    if (need->helper == VECTOR_PART) operand.lanes = need->from_lanes;
    if (need->helper == VECTOR_JOINED) operand.lanes = need->lanes / 2;
    fill(e, out, parameter_count(need->helper) == 1 ? "$F a" : parameter_count(need->helper) == 2 ? "$F a, $F b" : "$F a, $F b, $F c", &operand);
  }
  text_string(out, ") {\n");
}

/* a < least ? least : a > greatest ? greatest : a, in the type of a; then it converts. Limits as for scalars. */
static void saturate_body(Emitter *e, Text *out, const VectorNeed *need) {
  Scalar   to = need->to, from = need->from;
  unsigned to_bits = c_bits(e, to) - scalar_is_signed(to), from_bits = c_bits(e, from) - scalar_is_signed(from);
  bool     low = scalar_is_signed(from) && (!scalar_is_signed(to) || to_bits < from_bits), high = to_bits < from_bits;
  if (low) fill(e, out, arena_format(e->arena, "  a = $P_$f_max(a, $P_$f_all(%s));\n", c_minimum(e, to)), need);
  if (high) fill(e, out, arena_format(e->arena, "  a = $P_$f_min(a, $P_$f_all((%s)%s));\n", c_type(e, from), c_maximum(e, to)), need);
  fill(e, out, "  return __builtin_convertvector(a, $T);\n", need);
}

static void convert_body(Emitter *e, Text *out, const VectorNeed *need) {
  bool       exact = c_bits(e, need->to) < (need->from == SCALAR_F32 ? 25u : 54u);
  VectorNeed through = *need;
  through.to = SCALAR_I32;
  fill(e, out, exact ? convert_exact_body : convert_rounded_body, need);
  if (!exact) return;
  if (c_bits(e, need->to) == 32) fill(e, out, "  return __builtin_convertvector(clamped, $T);\n", need);
  else fill(e, out, "  return __builtin_convertvector(__builtin_convertvector(clamped, $T), ", &through), fill(e, out, "$T);\n", need);
}

static void plain_body(Emitter *e, Text *out, const VectorNeed *need) {
  bool is_float = scalar_is_float(need->to), is_signed = scalar_is_signed(need->to);
  switch (need->helper) {
  case VECTOR_ALL:
  case VECTOR_LANES: all_body(e, out, need); return;
  case VECTOR_PART: part_body(e, out, need); return;
  case VECTOR_JOINED: joined_body(e, out, need); return;
  case VECTOR_LOAD: load_body(e, out, need); return;
  case VECTOR_STORE: store_body(e, out, need); return;
  case VECTOR_LOAD_ACTIVE: fill(e, out, load_active_body, need); return;
  case VECTOR_STORE_ACTIVE: fill(e, out, store_active_body, need); return;
  case VECTOR_LOAD_PLACES:
  case VECTOR_LOAD_PLACES_ACTIVE: load_places_body(e, out, need, need->helper == VECTOR_LOAD_PLACES_ACTIVE); return;
  case VECTOR_STORE_PLACES:
  case VECTOR_STORE_PLACES_ACTIVE: store_places_body(e, out, need, need->helper == VECTOR_STORE_PLACES_ACTIVE); return;
  case VECTOR_SELECT: fill(e, out, select_body, need); return;
  case VECTOR_MIN: fill(e, out, min_body, need); return;
  case VECTOR_MAX: fill(e, out, max_body, need); return;
  case VECTOR_ABS: fill(e, out, is_float ? abs_float_body : is_signed ? abs_signed_body : abs_unsigned_body, need); return;
  case VECTOR_SHL: fill(e, out, shl_body, need); return;
  case VECTOR_SHR: fill(e, out, is_signed ? shr_signed_body : shr_unsigned_body, need); return;
  case VECTOR_SATURATE: saturate_body(e, out, need); return;
  case VECTOR_CONVERT: convert_body(e, out, need); return;
  default: bug(e->context, "no text for vector helper %d", need->helper);
  }
}

/* What a row may refer to besides its operands. */
static void row_body(Emitter *e, Text *out, const VectorNeed *need, const char *spelling) {
  bool active = need->helper == VECTOR_LOAD_ACTIVE || need->helper == VECTOR_STORE_ACTIVE, store = need->helper == VECTOR_STORE_ACTIVE;
  if (strstr(spelling, "$Z")) fill(e, out, "  const $T zero = {0};\n", need);
  if (active) fill(e, out, "  const uint64_t active = n <= 0 ? 0 : n >= $L ? UINT64_MAX : (UINT64_C(1) << n) - 1u;\n", need);
  text_string(out, store ? "  " : "  return ");
  fill_row(e, out, spelling);
  text_string(out, ";\n");
}

static void function(Emitter *e, Text *out, const VectorNeed *need) {
  const char      *before = "#if";
  const Intrinsic *row = NULL;
  signature(e, out, need);
  while ((row = intrinsic_next(e->target, operation_of(need), tag(e, need->to, need->lanes), row)) != NULL) {
    text_format(out, "%s ", before);
    fill_row(e, out, row->condition);
    text_char(out, '\n');
    row_body(e, out, need, row->spelling);
    before = "#elif";
  }
  if (strcmp(before, "#elif") == 0) text_string(out, "#else\n");
  if (is_by_halves(e, need)) halves_body(e, out, need);
  else if (is_lane_by_lane(need)) lane_by_lane_body(e, out, need);
  else plain_body(e, out, need);
  if (strcmp(before, "#elif") == 0) text_string(out, "#endif\n");
  text_string(out, "}\n");
}

void c_vector_helpers(Emitter *e, Text *out) {
  for (uint32_t i = 0; i < e->vectors.helpers.count; i++) function(e, out, &e->vectors.helpers.data[i]);
}

/* ---- types ---- */

void c_vector_types(const Emitter *e, Text *out) {
  for (uint32_t scalar = 0; scalar < SCALAR_COUNT; scalar++)
    for (unsigned width = 1; width < VECTOR_WIDTHS; width++) {
      if (!e->vectors.types[scalar][width]) continue;
      unsigned lanes = 1u << width, bytes = lanes * c_bits(e, (Scalar)scalar) / 8;
      text_format(out, "typedef %s %s_%sx%u __attribute__((vector_size(%u)));\n", c_type(e, (Scalar)scalar), e->prefix, c_tag((Scalar)scalar), lanes,
                  bytes);
    }
}

unsigned c_widest_vector(const Emitter *e) {
  unsigned widest = 0;
  for (uint32_t scalar = 0; scalar < SCALAR_COUNT; scalar++)
    for (unsigned width = 1; width < VECTOR_WIDTHS; width++) {
      unsigned bytes = (1u << width) * c_bits(e, (Scalar)scalar) / 8;
      if (e->vectors.types[scalar][width] && bytes > widest) widest = bytes;
    }
  for (uint32_t i = 0; i < e->vectors.helpers.count; i++) { /* their types are named where they are printed */
    const VectorNeed *need = &e->vectors.helpers.data[i];
    unsigned          bytes = need->lanes * (need->to == SCALAR_I1 ? 8 : c_bits(e, need->to)) / 8;
    if (bytes > widest) widest = bytes;
  }
  return widest;
}
