/* Resize: the element at an output position.
 *
 * The coordinate of an axis is (a * i + b) / d in integers where the factor is a ratio, else a float. Nearest rounds it; the others weigh the
 * elements around it: 2 taps an axis (linear), 4 (cubic), or as many as the antialiasing filter spans. Few taps are written out, nested from the
 * last axis outwards; many are loops over taps that sum weighted elements and weights. */
#include "compiler/ops/interpolate.h"
#include "compiler/ops/resize.h"
#include <string.h>

Expr point_resize(Meaning *m, uint32_t result, const Expr *index);

/* ---- coordinates --------------------------------------------------------------------------------------------------------------------------- */

/* A coordinate (a * i + b) / d; b >= -d, so that adding d makes the numerator non-negative. */
typedef struct Ratio { Expr a, b, d; } Ratio;

static const char *transformation(const Meaning *m) { return meaning_string(m, "coordinate_transformation_mode"); }

static bool exact_coordinate(Meaning *m, const ResizeAxis *axis, Ratio *ratio) {
  const char *mode = transformation(m);
  Expr zero = expr_index(m, 0), one = expr_index(m, 1), two = expr_index(m, 2), p = axis->p, q = axis->q;
  if (!axis->exact) return false;
  if (!strcmp(mode, "half_pixel")) *ratio = (Ratio){expr_mul(m, q, two), expr_sub(m, q, p), expr_mul(m, p, two)};
  else if (!strcmp(mode, "pytorch_half_pixel"))
    *ratio = (Ratio){expr_mul(m, q, two), expr_select(m, expr_gt(m, axis->out, one), expr_sub(m, q, p), zero), expr_mul(m, p, two)};
  else if (!strcmp(mode, "asymmetric")) *ratio = (Ratio){q, zero, p};
  else if (!strcmp(mode, "align_corners")) /* i * (in - 1) / (in * p / q - 1) */
    *ratio = (Ratio){expr_mul(m, expr_max(m, expr_sub(m, axis->in, one), zero), q), zero, expr_max(m, expr_sub(m, expr_mul(m, axis->in, p), q), one)};
  else return false;
  return true;
}

/* The coordinate as a float. */
static Expr float_coordinate(Meaning *m, const ResizeAxis *axis, Expr at) {
  Builder *builder = m->builder;
  const char *mode = transformation(m);
#define F32(number) build_float(builder, SCALAR_F32, number)
  Expr i = build_cast(builder, SCALAR_F32, at), in = build_cast(builder, SCALAR_F32, axis->in), out = build_cast(builder, SCALAR_F32, axis->out);
  Expr center = expr_sub(m, expr_div(m, expr_add(m, i, F32(0.5)), axis->scale), F32(0.5)), size = expr_mul(m, in, axis->scale);
  Expr many = expr_gt(m, axis->out, expr_index(m, 1)), last = expr_sub(m, in, F32(1));
  if (!strcmp(mode, "half_pixel")) return center;
  if (!strcmp(mode, "pytorch_half_pixel")) return expr_select(m, many, center, F32(0));
  if (!strcmp(mode, "asymmetric")) return expr_div(m, i, axis->scale);
  if (!strcmp(mode, "align_corners")) return expr_select(m, many, expr_div(m, expr_mul(m, i, last), expr_sub(m, size, F32(1))), F32(0));
  if (!strcmp(mode, "half_pixel_symmetric"))
    return expr_add(m, expr_mul(m, expr_mul(m, in, F32(0.5)), expr_sub(m, F32(1), expr_div(m, out, size))), center);
  Expr span = expr_sub(m, axis->roi_end, axis->roi_start), rest = expr_div(m, expr_mul(m, expr_mul(m, i, span), last), expr_sub(m, out, F32(1)));
  Expr middle = expr_mul(m, expr_mul(m, span, last), F32(0.5));
  return expr_add(m, expr_mul(m, axis->roi_start, last), expr_select(m, many, rest, middle));
#undef F32
}

/* True where tf_crop_and_resize extrapolates; 0 for the other transformations. */
static Expr is_outside(Meaning *m, const ResizeAxis *axis, Expr x) {
  if (!axis->roi_start) return 0;
  Expr last = build_cast(m->builder, SCALAR_F32, expr_sub(m, axis->in, expr_index(m, 1)));
  return expr_or(m, expr_lt(m, x, build_float(m->builder, SCALAR_F32, 0)), expr_gt(m, x, last));
}

static Expr rounded_index(Meaning *m, LoopOp op, Expr x) { return build_cast(m->builder, SCALAR_INDEX, build_unary(m->builder, op, x)); }

/* floor((a * i + b) / d) for a numerator of at least -d; constants are divided by what a and d have in common first, which changes nothing. */
static Expr floor_ratio(Meaning *m, Ratio ratio, Expr i) {
  int64_t a, b, d;
  if (build_is_constant(m->builder, ratio.a, &a) && build_is_constant(m->builder, ratio.b, &b) && build_is_constant(m->builder, ratio.d, &d) &&
      a > 0) {
    int64_t x = a, y = d;
    while (y) { int64_t rest = x % y; x = y; y = rest; }
    int64_t floor_b = b >= 0 ? b / x : -((-b + x - 1) / x);
    ratio = (Ratio){expr_index(m, a / x), expr_index(m, floor_b), expr_index(m, d / x)};
  }
  Expr numerator = expr_add(m, expr_mul(m, ratio.a, i), ratio.b);
  if (build_is_constant(m->builder, ratio.b, &b) && b >= 0) return expr_div(m, numerator, ratio.d);
  return expr_sub(m, expr_div(m, expr_add(m, numerator, ratio.d), ratio.d), expr_index(m, 1));
}

ResizeCoordinate resize_coordinate(Meaning *m, const ResizeAxis *axis, Expr at, Scalar real) {
  Ratio ratio;
  if (exact_coordinate(m, axis, &ratio)) {
    Expr base = expr_let(m, "base", floor_ratio(m, ratio, at));
    Expr rest = expr_sub(m, expr_add(m, expr_mul(m, ratio.a, at), ratio.b), expr_mul(m, base, ratio.d));
    Expr part = expr_div(m, build_cast(m->builder, real, rest), build_cast(m->builder, real, ratio.d));
    return (ResizeCoordinate){base, expr_let(m, "ratio", part), 0};
  }
  Expr x = expr_let(m, "x", float_coordinate(m, axis, at)), outside = is_outside(m, axis, x);
  if (outside) outside = expr_let(m, "outside", outside);
  Expr floor = expr_let(m, "floor", build_unary(m->builder, LOOP_FLOOR, x));
  Expr part = build_cast(m->builder, real, expr_sub(m, x, floor));
  return (ResizeCoordinate){expr_let(m, "base", build_cast(m->builder, SCALAR_INDEX, floor)), expr_let(m, "ratio", part), outside};
}

Expr resize_nearest(Meaning *m, const ResizeAxis *axis, Expr at, Expr *outside) {
  const char *mode = meaning_string(m, "nearest_mode");
  bool floor = !strcmp(mode, "floor"), ceil = !strcmp(mode, "ceil"), prefer_floor = !strcmp(mode, "round_prefer_floor");
  Ratio ratio;
  Expr two = expr_index(m, 2), one = expr_index(m, 1), found;
  *outside = 0;
  if (exact_coordinate(m, axis, &ratio)) {
    if (ceil) ratio.b = expr_sub(m, expr_add(m, ratio.b, ratio.d), one);
    else if (!floor) { /* ceil(x - 1/2) or floor(x + 1/2) */
      Expr up = prefer_floor ? expr_sub(m, ratio.d, one) : ratio.d;
      ratio = (Ratio){expr_mul(m, ratio.a, two), expr_add(m, expr_mul(m, ratio.b, two), up), expr_mul(m, ratio.d, two)};
    }
    found = floor_ratio(m, ratio, at);
  } else {
    Expr x = expr_let(m, "x", float_coordinate(m, axis, at)), half = build_float(m->builder, SCALAR_F32, 0.5);
    *outside = is_outside(m, axis, x);
    if (*outside) *outside = expr_let(m, "outside", *outside);
    found = floor ? rounded_index(m, LOOP_FLOOR, x) : ceil ? rounded_index(m, LOOP_CEIL, x) :
            prefer_floor ? rounded_index(m, LOOP_CEIL, expr_sub(m, x, half)) : rounded_index(m, LOOP_FLOOR, expr_add(m, x, half));
  }
  return expr_let(m, "from", expr_clamp(m, found, axis->in));
}

/* What all taps of the node have in common. */
static Filter filter_of(const Meaning *m) {
  Scalar scalar = meaning_compute(m, 0);
  bool wide = scalar == SCALAR_F64 || (scalar_is_integer(scalar) && scalar_bytes(scalar) >= 4);
  return (Filter){.real = wide ? SCALAR_F64 : SCALAR_F32, .cubic = !strcmp(meaning_string(m, "mode"), "cubic"),
                  .a = meaning_float(m, "cubic_coeff_a"),
                  .antialias = meaning_int(m, "antialias") != 0, .exclude_outside = meaning_int(m, "exclude_outside") != 0};
}

static Expr real(Meaning *m, const Filter *filter, double number) { return build_float(m->builder, filter->real, number); }

/* ---- sums ----------------------------------------------------------------------------------------------------------------------------------- */

typedef struct Sampling {
  Filter filter;
  uint32_t rank, count;            /* count: resized axes */
  uint32_t resized[MAX_RANK];      /* which */
  ResizeAxis axes[MAX_RANK];
  ResizeCoordinate at[MAX_RANK];   /* by axis; only resized ones */
  Expr outside;                    /* i1: extrapolate; 0: never */
} Sampling;

static Expr read_at(Meaning *m, const Sampling *sampling, const Expr *from) {
  Expr inside = build_integer(m->builder, SCALAR_I1, 1);
  for (uint32_t at = 0; at < sampling->count; at++)
    inside = expr_and(m, inside, expr_gt(m, sampling->axes[sampling->resized[at]].in, expr_index(m, 0)));
  return build_cast(m->builder, sampling->filter.real, movement_read_if(m, 0, inside, from, expr_number(m, meaning_compute(m, 0), 0)));
}

/* Taps written out: positions and weights of each axis, then sums nested from the last axis to the first. */
static Expr written_out(Meaning *m, const Sampling *sampling, const Expr *index) {
  const Filter *filter = &sampling->filter;
  uint32_t taps = filter->cubic ? 4 : 2, total = 1;
  Expr position[MAX_RANK][4], weight[MAX_RANK][4], values[FILTER_VALUES], from[MAX_RANK];
  memcpy(from, index, sampling->rank * sizeof *from);
  for (uint32_t at = 0; at < sampling->count; at++, total *= taps) {
    const ResizeAxis *axis = &sampling->axes[sampling->resized[at]];
    ResizeCoordinate coordinate = sampling->at[sampling->resized[at]];
    Expr sum = 0;
    for (uint32_t tap = 0; tap < taps; tap++) {
      int offset = (int)tap - (filter->cubic ? 1 : 0);
      Expr to = expr_let(m, "to", expr_add(m, coordinate.base, expr_index(m, offset))),
           own = expr_let(m, "weight", filter_tap(m, filter, offset, coordinate.ratio));
      if (filter->exclude_outside) own = expr_let(m, "weight", expr_select(m, expr_inside(m, to, axis->in), own, real(m, filter, 0)));
      sum = sum ? expr_add(m, sum, own) : own;
      position[at][tap] = expr_let(m, "to", expr_clamp(m, to, axis->in));
      weight[at][tap] = own;
    }
    if (!filter->exclude_outside) continue;
    sum = expr_let(m, "sum", expr_select(m, expr_eq(m, sum, real(m, filter, 0)), real(m, filter, 1), sum));
    for (uint32_t tap = 0; tap < taps; tap++) weight[at][tap] = expr_let(m, "weight", expr_div(m, weight[at][tap], sum));
  }
  for (uint32_t combination = 0; combination < total; combination++) {
    uint32_t rest = combination;
    for (uint32_t at = sampling->count; at-- > 0; rest /= taps) from[sampling->resized[at]] = position[at][rest % taps];
    values[combination] = expr_let(m, "value", read_at(m, sampling, from));
  }
  return filter_sum(m, sampling->count, taps, weight, values);
}

/* First tap next to base and number of taps of an axis; an antialiasing filter is wider by 1 / scale where that shrinks. */
static Expr first_tap(Meaning *m, const Filter *filter, const ResizeAxis *axis, Expr *count) {
  Expr reach = expr_index(m, filter->cubic ? 2 : 1), one = expr_index(m, 1);
  if (filter->antialias && axis->exact) {
    Expr p = expr_min(m, axis->p, axis->q);
    reach = expr_div(m, expr_add(m, expr_mul(m, reach, axis->q), expr_sub(m, p, one)), p);
  } else if (filter->antialias) {
    Expr scale = expr_min(m, axis->scale, build_float(m->builder, SCALAR_F32, 1)), span = build_float(m->builder, SCALAR_F32, filter->cubic ? 2 : 1);
    reach = expr_min(m, rounded_index(m, LOOP_CEIL, expr_div(m, span, scale)), expr_add(m, axis->in, one));
  }
  reach = expr_let(m, "reach", reach);
  *count = expr_mul(m, reach, expr_index(m, 2));
  return expr_sub(m, one, reach);
}

/* Weight of the tap `offset` elements from base, at any distance. */
static Expr loop_weight(Meaning *m, const Filter *filter, const ResizeAxis *axis, const ResizeCoordinate *at, Expr offset, Expr to) {
  Expr distance = build_unary(m->builder, LOOP_ABS, expr_sub(m, build_cast(m->builder, filter->real, offset), at->ratio));
  if (filter->antialias) distance = expr_mul(m, distance, expr_min(m, build_cast(m->builder, filter->real, axis->scale), real(m, filter, 1)));
  Expr weight = filter_weight(m, filter, expr_let(m, "distance", distance));
  return filter->exclude_outside ? expr_select(m, expr_inside(m, to, axis->in), weight, real(m, filter, 0)) : weight;
}

/* Loops over the taps of each resized axis; the sum is divided by the sum of the weights. */
static Expr summed_in_loops(Meaning *m, const Sampling *sampling, const Expr *index) {
  Builder *builder = m->builder;
  const Filter *filter = &sampling->filter;
  Expr from[MAX_RANK], zero = expr_index(m, 0), first[MAX_RANK], taps[MAX_RANK], product = real(m, filter, 1);
  memcpy(from, index, sampling->rank * sizeof *from);
  for (uint32_t at = 0; at < sampling->count; at++)
    first[at] = expr_let(m, "first", first_tap(m, filter, &sampling->axes[sampling->resized[at]], &taps[at]));
  Expr sum = build_var(builder, "sum", real(m, filter, 0)), weights = build_var(builder, "weights", real(m, filter, 0));
  for (uint32_t at = 0; at < sampling->count; at++) {
    const ResizeAxis *axis = &sampling->axes[sampling->resized[at]];
    const ResizeCoordinate *coordinate = &sampling->at[sampling->resized[at]];
    Expr tap = build_for(builder, "tap", zero, taps[at]), offset = expr_let(m, "offset", expr_add(m, tap, first[at]));
    Expr to = expr_let(m, "to", expr_add(m, coordinate->base, offset));
    product = expr_let(m, "weight", expr_mul(m, product, loop_weight(m, filter, axis, coordinate, offset, to)));
    from[sampling->resized[at]] = expr_let(m, "to", expr_clamp(m, to, axis->in));
  }
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, product, read_at(m, sampling, from), sum));
  build_set(builder, weights, expr_add(m, weights, product));
  for (uint32_t at = 0; at < sampling->count; at++) build_end(builder);
  return expr_div(m, sum, expr_select(m, expr_eq(m, weights, real(m, filter, 0)), real(m, filter, 1), weights));
}

/* To the result's type: integers round to nearest and saturate. */
static Expr to_result(Meaning *m, Expr value) {
  Scalar scalar = meaning_result_compute(m, 0);
  if (!scalar_is_float(scalar)) value = build_unary(m->builder, LOOP_ROUND, value);
  return build_cast(m->builder, scalar, value);
}

static Expr extrapolated(Meaning *m, Expr outside, Expr value) {
  if (!outside) return value;
  Scalar scalar = build_scalar(m->builder, value);
  return expr_select(m, outside, expr_number(m, scalar, meaning_float(m, "extrapolation_value")), value);
}

static Expr either(Meaning *m, Expr a, Expr b) { return a && b ? expr_or(m, a, b) : a ? a : b; }

Expr point_resize(Meaning *m, uint32_t result, const Expr *index) {
  Sampling sampling = {.filter = filter_of(m), .rank = meaning_rank(m, 0)};
  bool nearest = !strcmp(meaning_string(m, "mode"), "nearest");
  Expr bad = movement_false(m), from[MAX_RANK];
  resize_axes_of(m, sampling.axes, &bad);
  movement_check(m, 0, index, bad);
  for (uint32_t axis = 0; axis < sampling.rank; axis++) {
    Expr outside = 0;
    from[axis] = meaning_node(m)->run_time_shape ? expr_clamp(m, index[axis], sampling.axes[axis].in) : index[axis];
    if (sampling.axes[axis].same) continue;
    if (nearest) from[axis] = resize_nearest(m, &sampling.axes[axis], index[axis], &outside);
    else {
      sampling.at[axis] = resize_coordinate(m, &sampling.axes[axis], index[axis], sampling.filter.real);
      outside = sampling.at[axis].outside;
    }
    sampling.outside = either(m, sampling.outside, outside);
    sampling.resized[sampling.count++] = axis;
  }
  if (nearest) {
    Expr inside = build_integer(m->builder, SCALAR_I1, 1);
    for (uint32_t at = 0; at < sampling.count; at++)
      inside = expr_and(m, inside, expr_gt(m, sampling.axes[sampling.resized[at]].in, expr_index(m, 0)));
    return extrapolated(m, sampling.outside, movement_read_if(m, 0, inside, from, expr_number(m, meaning_compute(m, 0), 0)));
  }
  if (!sampling.count) return meaning_read(m, 0, from);
  bool loops = sampling.filter.antialias || sampling.count > (sampling.filter.cubic ? 2u : 3u); /* at most 16 taps are written out */
  Expr value = loops ? summed_in_loops(m, &sampling, from) : written_out(m, &sampling, from);
  return to_result(m, extrapolated(m, sampling.outside, value));
}
