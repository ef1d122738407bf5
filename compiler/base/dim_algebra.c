/* The algebra of dimension expressions: what sums, products, quotients, minima and maxima become.
 *
 * Sums and products are taken apart into sorted arrays on the stack, changed, and put together again, so equal polynomials are equal
 * indices. Division by a constant moves all multiples of the divisor out and cancels common factors, so the many spellings of one
 * output size meet: (H + 2 - 3)/2 + 1 = floordiv(H + 1, 2) = ceildiv(H, 2). A polynomial is divided by another only if that leaves no rest.
 * Products of sums are always multiplied out; what outgrows LARGEST_SUM terms is refused. */
#include "dim_table.h"

#include "checked.h"

enum {
  LARGEST_CHOICE = 32,    /* members of a minimum or maximum */
  LARGEST_RELAXATION = 8, /* quotients replaced in one proof */
};

/* ---- order ---- */

uint32_t dim_factors(const DimTable *table, Dim product, Dim factors[LARGEST_PRODUCT]) {
  uint32_t count = 1;
  for (Dim walk = product; dim_node(table, walk)->op == DIM_OP_MUL; walk = dim_node(table, walk)->a) count++;
  for (uint32_t i = count - 1; i > 0; i--, product = dim_node(table, product)->a) factors[i] = dim_node(table, product)->b;
  factors[0] = product;
  return count;
}

static uint32_t degree(const DimTable *table, Dim product) {
  uint32_t count = dim_node(table, product)->op != DIM_OP_CONSTANT;
  for (; dim_node(table, product)->op == DIM_OP_MUL; product = dim_node(table, product)->a) count++;
  return count;
}

static int compare_products(const DimTable *table, Dim x, Dim y) {
  Dim      x_factors[LARGEST_PRODUCT], y_factors[LARGEST_PRODUCT];
  uint32_t count = dim_factors(table, x, x_factors);
  dim_factors(table, y, y_factors);
  for (uint32_t i = 0; i < count; i++) {
    int order = dim_compare(table, x_factors[i], y_factors[i]);
    if (order) return order;
  }
  return 0;
}

int dim_compare(const DimTable *table, Dim x, Dim y) {
  while (x != y) {
    uint32_t x_degree = degree(table, x), y_degree = degree(table, y);
    if (x_degree != y_degree) return x_degree > y_degree ? -1 : 1;
    const DimNode *left = dim_node(table, x), *right = dim_node(table, y);
    if (left->op == DIM_OP_MUL && right->op == DIM_OP_MUL) return compare_products(table, x, y);
    if (left->op != right->op) return left->op < right->op ? -1 : 1;
    if (left->value != right->value) return left->value < right->value ? -1 : 1;
    int order = dim_compare(table, left->b, right->b);
    if (order) return order;
    x = left->a;
    y = right->a;
  }
  return 0;
}

/* ---- sums ---- */

void dim_sum_load(const DimTable *table, Dim dim, Sum *sum) {
  sum->constant = 0;
  sum->count = 0;
  const DimNode *node = dim_node(table, dim);
  if (node->op == DIM_OP_CONSTANT) {
    sum->constant = node->value;
    return;
  }
  if (node->op == DIM_OP_ADD && dim_node(table, node->b)->op == DIM_OP_CONSTANT) {
    sum->constant = dim_node(table, node->b)->value;
    dim = node->a;
  }
  sum->count = 1;
  for (Dim walk = dim; dim_node(table, walk)->op == DIM_OP_ADD; walk = dim_node(table, walk)->a) sum->count++;
  for (uint32_t i = sum->count; i > 0; i--) {
    Dim            part = i > 1 ? dim_node(table, dim)->b : dim;
    const DimNode *term = dim_node(table, part);
    bool           is_scaled = term->op == DIM_OP_MUL && dim_node(table, term->a)->op == DIM_OP_CONSTANT;
    sum->terms[i - 1] = is_scaled ? (Term){dim_node(table, term->a)->value, term->b} : (Term){1, part};
    if (i > 1) dim = dim_node(table, dim)->a;
  }
}

bool dim_sum_build(DimTable *table, const Sum *sum, Dim *result) {
  Dim total = 0;
  for (uint32_t i = 0; i < sum->count; i++) {
    Dim term = sum->terms[i].product;
    if (sum->terms[i].coefficient != 1 && !dim_intern(table, DIM_OP_MUL, dim_constant(table, sum->terms[i].coefficient), term, 0, &term))
      return false;
    if (!total) total = term;
    else if (!dim_intern(table, DIM_OP_ADD, total, term, 0, &total)) return false;
  }
  if (!total) total = dim_constant(table, sum->constant);
  else if (sum->constant && !dim_intern(table, DIM_OP_ADD, total, dim_constant(table, sum->constant), 0, &total)) return false;
  *result = dim_settle(table, total);
  return true;
}

static void remove_term(Sum *sum, uint32_t at) {
  sum->count--;
  for (uint32_t i = at; i < sum->count; i++) sum->terms[i] = sum->terms[i + 1];
}

static bool insert_term(Sum *sum, uint32_t at, Term term) {
  if (sum->count == LARGEST_SUM) return false;
  for (uint32_t i = sum->count++; i > at; i--) sum->terms[i] = sum->terms[i - 1];
  sum->terms[at] = term;
  return true;
}

bool dim_sum_add_term(const DimTable *table, Sum *sum, int64_t coefficient, Dim product) {
  if (coefficient == 0) return true;
  if (product == 0) return checked_add_i64(sum->constant, coefficient, &sum->constant);
  uint32_t at = 0;
  int      order = 1;
  while (at < sum->count && (order = dim_compare(table, sum->terms[at].product, product)) < 0) at++;
  if (at == sum->count || order > 0) return insert_term(sum, at, (Term){coefficient, product});
  if (!checked_add_i64(sum->terms[at].coefficient, coefficient, &sum->terms[at].coefficient)) return false;
  if (sum->terms[at].coefficient == 0) remove_term(sum, at);
  return true;
}

bool dim_sum_add_scaled(const DimTable *table, Sum *sum, const Sum *other, int64_t factor) {
  int64_t scaled;
  for (uint32_t i = 0; i < other->count; i++)
    if (!checked_mul_i64(other->terms[i].coefficient, factor, &scaled) || !dim_sum_add_term(table, sum, scaled, other->terms[i].product))
      return false;
  return checked_mul_i64(other->constant, factor, &scaled) && dim_sum_add_term(table, sum, scaled, 0);
}

static bool choose(DimTable *table, DimOp op, Dim a, Dim b, Dim *result);

/* a + b - min(a, b) = max(a, b), and the other way round: turns a choice of two members in a sum if that makes the sum shorter. */
static bool turn_choice(DimTable *table, Sum *sum, uint32_t at) {
  const DimNode *node = dim_node(table, sum->terms[at].product);
  int64_t        times = sum->terms[at].coefficient;
  bool           is_choice = node->op == DIM_OP_MIN || node->op == DIM_OP_MAX;
  if (!is_choice || times == INT64_MIN || dim_node(table, node->a)->op == node->op) return false;
  Dim members[2] = {node->a, node->b}, other;
  Sum turned = *sum, part;
  remove_term(&turned, at);
  for (int member = 0; member < 2; member++) {
    dim_sum_load(table, members[member], &part);
    if (!dim_sum_add_scaled(table, &turned, &part, times)) return false;
  }
  DimOp op = node->op == DIM_OP_MIN ? DIM_OP_MAX : DIM_OP_MIN;
  if (turned.count + 1 >= sum->count || !choose(table, op, members[0], members[1], &other)) return false;
  dim_sum_load(table, other, &part);
  if (!dim_sum_add_scaled(table, &turned, &part, -times) || turned.count >= sum->count) return false;
  *sum = turned;
  return true;
}

static void turn_choices(DimTable *table, Sum *sum) {
  for (uint32_t at = 0; at < sum->count; at++)
    if (turn_choice(table, sum, at)) at = UINT32_MAX; /* from the start */
}

bool dim_combine(DimTable *table, Dim x, Dim y, int64_t factor, Dim *result) {
  Sum total, other;
  dim_sum_load(table, x, &total);
  dim_sum_load(table, y, &other);
  if (!dim_sum_add_scaled(table, &total, &other, factor)) return false;
  turn_choices(table, &total);
  return dim_sum_build(table, &total, result);
}

/* ---- products ---- */

static bool build_product(DimTable *table, const Dim *factors, uint32_t count, Dim *result) {
  *result = count ? factors[0] : 0;
  for (uint32_t i = 1; i < count; i++)
    if (!dim_intern(table, DIM_OP_MUL, *result, factors[i], 0, result)) return false;
  return true;
}

bool dim_multiply_products(DimTable *table, Dim x, Dim y, Dim *result) {
  if (x == 0 || y == 0) {
    *result = x ? x : y;
    return true;
  }
  Dim      left[LARGEST_PRODUCT], right[LARGEST_PRODUCT], both[2 * LARGEST_PRODUCT];
  uint32_t left_count = dim_factors(table, x, left), right_count = dim_factors(table, y, right), i = 0, j = 0;
  if (left_count + right_count > LARGEST_PRODUCT) return false;
  while (i < left_count || j < right_count) {
    bool from_left = j == right_count || (i < left_count && dim_compare(table, left[i], right[j]) <= 0);
    both[i + j] = from_left ? left[i] : right[j];
    if (from_left) i++;
    else j++;
  }
  return build_product(table, both, left_count + right_count, result);
}

/* sum += coefficient * product * other */
static bool add_multiple(DimTable *table, Sum *sum, Term term, const Sum *other) {
  for (uint32_t i = 0; i <= other->count; i++) {
    bool    is_constant = i == other->count;
    int64_t coefficient;
    Dim     product;
    if (!checked_mul_i64(term.coefficient, is_constant ? other->constant : other->terms[i].coefficient, &coefficient)) return false;
    if (!dim_multiply_products(table, term.product, is_constant ? 0 : other->terms[i].product, &product)) return false;
    if (!dim_sum_add_term(table, sum, coefficient, product)) return false;
  }
  return true;
}

static bool multiply(DimTable *table, Dim a, Dim b, Dim *result) {
  Sum left, right, total = {.count = 0};
  dim_sum_load(table, a, &left);
  dim_sum_load(table, b, &right);
  for (uint32_t i = 0; i < left.count; i++)
    if (!add_multiple(table, &total, left.terms[i], &right)) return false;
  return add_multiple(table, &total, (Term){left.constant, 0}, &right) && dim_sum_build(table, &total, result);
}

/* ---- division ---- */

static int64_t common_divisor(int64_t a, int64_t b) { /* of magnitudes; the smallest integer counts as 1 */
  if (a == INT64_MIN || b == INT64_MIN) return 1;
  a = a < 0 ? -a : a;
  b = b < 0 ? -b : b;
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* product / by, if every factor of `by` is in it; 0 stands for 1 */
static bool divide_product(DimTable *table, Dim product, Dim by, Dim *quotient) {
  *quotient = product;
  if (by == 0) return true;
  if (product == 0) return false;
  Dim      factors[LARGEST_PRODUCT], divisors[LARGEST_PRODUCT];
  uint32_t count = dim_factors(table, product, factors), divisor_count = dim_factors(table, by, divisors), kept = 0, matched = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (matched < divisor_count && factors[i] == divisors[matched]) matched++;
    else factors[kept++] = factors[i];
  }
  return matched == divisor_count && build_product(table, factors, kept, quotient);
}

static bool divide_term(DimTable *table, Term term, Term by, Term *quotient) {
  if (by.coefficient == 0 || (by.coefficient == -1 && term.coefficient == INT64_MIN)) return false;
  if (term.coefficient % by.coefficient != 0) return false;
  quotient->coefficient = term.coefficient / by.coefficient;
  return divide_product(table, term.product, by.product, &quotient->product);
}

static Term leading_term(const Sum *sum) { return sum->count ? sum->terms[0] : (Term){sum->constant, 0}; }
static bool is_zero(const Sum *sum) { return sum->count == 0 && sum->constant == 0; }

/* Long division of polynomials; true if no rest is left. */
static bool divide_exactly(DimTable *table, Dim a, Dim b, Dim *result) {
  Sum  rest, divisor, quotient = {.count = 0};
  Term term;
  dim_sum_load(table, a, &rest);
  dim_sum_load(table, b, &divisor);
  for (uint32_t step = 0; !is_zero(&rest); step++) {
    if (step > LARGEST_SUM || !divide_term(table, leading_term(&rest), leading_term(&divisor), &term)) return false;
    if (!dim_sum_add_term(table, &quotient, term.coefficient, term.product)) return false;
    if (term.coefficient == INT64_MIN) return false;
    term.coefficient = -term.coefficient;
    if (!add_multiple(table, &rest, term, &divisor)) return false;
  }
  return dim_sum_build(table, &quotient, result);
}

/* Moves what `by` divides out of `sum`: sum = by * quotient + what stays. by.coefficient > 0. */
static bool move_multiples(DimTable *table, Sum *sum, Term by, Sum *quotient) {
  Sum rest = {.count = 0};
  for (uint32_t i = 0; i < sum->count; i++) {
    Dim     product = sum->terms[i].product, divided;
    int64_t coefficient = sum->terms[i].coefficient, times = coefficient / by.coefficient;
    if (times && divide_product(table, product, by.product, &divided)) {
      if (!dim_sum_add_term(table, quotient, times, divided)) return false;
      coefficient %= by.coefficient;
    }
    if (!dim_sum_add_term(table, &rest, coefficient, product)) return false;
  }
  rest.constant = sum->constant;
  if (by.product == 0) {
    int64_t times = floor_divide(sum->constant, by.coefficient);
    rest.constant -= times * by.coefficient;
    if (!dim_sum_add_term(table, quotient, times, 0)) return false;
  }
  *sum = rest;
  return true;
}

/* Cancels numbers common to sum and divisor: by exactly one division of both. `may_round`: floor the constant (for quotients by numbers). */
static int64_t cancel_numbers(Sum *sum, Term *by, bool may_round) {
  int64_t common = by->coefficient;
  for (uint32_t i = 0; i < sum->count; i++) common = common_divisor(common, sum->terms[i].coefficient);
  if (!may_round) common = common_divisor(common, sum->constant);
  for (uint32_t i = 0; i < sum->count; i++) sum->terms[i].coefficient /= common;
  sum->constant = floor_divide(sum->constant, common);
  by->coefficient /= common;
  return common;
}

/* Cancels symbolic factors common to all terms and the divisor. */
static bool cancel_factors(DimTable *table, Sum *sum, Term *by) {
  if (by->product == 0 || sum->constant != 0) return true;
  Dim      factors[LARGEST_PRODUCT], divided;
  uint32_t count = dim_factors(table, by->product, factors);
  for (uint32_t i = 0; i < count; i++) {
    Sum      smaller = {.count = 0};
    uint32_t done = 0;
    while (done < sum->count && divide_product(table, sum->terms[done].product, factors[i], &divided)) {
      if (!dim_sum_add_term(table, &smaller, sum->terms[done].coefficient, divided)) return false;
      done++;
    }
    if (done < sum->count) continue;
    *sum = smaller;
    if (!divide_product(table, by->product, factors[i], &by->product)) return false;
    if (sum->constant != 0) return true;
  }
  return true;
}

static bool build_term(DimTable *table, Term term, Dim *result) {
  Sum sum = {.count = 0};
  return dim_sum_add_term(table, &sum, term.coefficient, term.product) && dim_sum_build(table, &sum, result);
}

static bool floordiv_sum(DimTable *table, Sum *sum, Term by, Dim *result);

/* floordiv(floordiv(x, e) + c, d) = floordiv(x + c*e, e*d) for e > 0; `found` says whether that form was met. */
static bool merge_nested(DimTable *table, const Sum *sum, int64_t divisor, bool *found, Dim *result) {
  int64_t inner, shift;
  *found = false;
  if (sum->count != 1 || sum->terms[0].coefficient != 1) return true;
  const DimNode *node = dim_node(table, sum->terms[0].product);
  if (node->op != DIM_OP_FLOORDIV || dim_node(table, node->b)->op != DIM_OP_CONSTANT) return true;
  inner = dim_node(table, node->b)->value;
  if (inner <= 0 || !checked_mul_i64(inner, sum->constant, &shift) || !checked_mul_i64(inner, divisor, &divisor)) return true;
  Sum numerator;
  dim_sum_load(table, node->a, &numerator);
  *found = true;
  return dim_sum_add_term(table, &numerator, shift, 0) && floordiv_sum(table, &numerator, (Term){divisor, 0}, result);
}

/* The quotient of what is left after move_multiples. */
static bool floordiv_rest(DimTable *table, Sum *sum, Term by, Dim *result) {
  Dim  numerator, divisor;
  bool found = false;
  if (by.product == 0 && !merge_nested(table, sum, by.coefficient, &found, result)) return false;
  if (found) return true;
  if (!dim_sum_build(table, sum, &numerator) || !build_term(table, by, &divisor)) return false;
  if (!dim_intern(table, DIM_OP_FLOORDIV, numerator, divisor, 0, result)) return false;
  *result = dim_settle(table, *result);
  return true;
}

/* by.coefficient > 0; `sum` is used up. */
static bool floordiv_sum(DimTable *table, Sum *sum, Term by, Dim *result) {
  Sum quotient = {.count = 0}, parts;
  Dim rest;
  if (!move_multiples(table, sum, by, &quotient)) return false;
  Dim divisor_before = by.product;
  if (!cancel_factors(table, sum, &by)) return false;
  cancel_numbers(sum, &by, by.product == 0);
  if (is_zero(sum)) return dim_sum_build(table, &quotient, result);
  if (by.product == 0 && by.coefficient == 1) parts = *sum;
  else {
    bool again = by.product != divisor_before; /* a smaller divisor may have multiples again */
    if (!(again ? floordiv_sum(table, sum, by, &rest) : floordiv_rest(table, sum, by, &rest))) return false;
    dim_sum_load(table, rest, &parts);
  }
  return dim_sum_add_scaled(table, &quotient, &parts, 1) && dim_sum_build(table, &quotient, result);
}

/* Is b one term? Then as coefficient and product, made positive by turning the signs of both. */
static bool single_divisor(const DimTable *table, Dim b, Term *by, bool *negated) {
  Sum divisor;
  dim_sum_load(table, b, &divisor);
  if (divisor.count + (divisor.constant != 0) != 1) return false;
  *by = leading_term(&divisor);
  if (by->coefficient == INT64_MIN) return false;
  *negated = by->coefficient < 0;
  if (*negated) by->coefficient = -by->coefficient;
  return true;
}

static bool floordiv(DimTable *table, Dim a, Dim b, Dim *result) {
  Term by;
  bool negated = false;
  if (divide_exactly(table, a, b, result)) return true;
  if (!single_divisor(table, b, &by, &negated)) {
    if (!dim_intern(table, DIM_OP_FLOORDIV, a, b, 0, result)) return false;
    *result = dim_settle(table, *result);
    return true;
  }
  Sum sum = {.count = 0}, given;
  dim_sum_load(table, a, &given);
  return dim_sum_add_scaled(table, &sum, &given, negated ? -1 : 1) && floordiv_sum(table, &sum, by, result);
}

/* For divisors of one positive term: mod(k*b + r, b) = mod(r, b), mod(g*x, g*y) = g*mod(x, y). */
static bool mod_sum(DimTable *table, Sum *sum, Term by, Dim *result) {
  Sum ignored = {.count = 0};
  Dim a, b, rest;
  if (!move_multiples(table, sum, by, &ignored)) return false;
  int64_t common = cancel_numbers(sum, &by, false);
  if (!dim_sum_build(table, sum, &a) || !build_term(table, by, &b)) return false;
  const DimNode *left = dim_node(table, a), *right = dim_node(table, b);
  if (left->lo >= 0 && left->hi < right->lo) rest = a;
  else if (!dim_intern(table, DIM_OP_MOD, a, b, 0, &rest)) return false;
  Sum total = {.count = 0}, parts;
  dim_sum_load(table, dim_settle(table, rest), &parts);
  return dim_sum_add_scaled(table, &total, &parts, common) && dim_sum_build(table, &total, result);
}

static bool mod(DimTable *table, Dim a, Dim b, Dim *result) {
  Term by;
  bool negated;
  if (divide_exactly(table, a, b, result)) {
    *result = dim_constant(table, 0);
    return true;
  }
  if (single_divisor(table, b, &by, &negated) && !negated) {
    Sum sum;
    dim_sum_load(table, a, &sum);
    return mod_sum(table, &sum, by, result);
  }
  if (!dim_intern(table, DIM_OP_MOD, a, b, 0, result)) return false;
  *result = dim_settle(table, *result);
  return true;
}

/* ---- minimum and maximum ---- */

/* floordiv(x + r, n) <= x for x >= 0 and 0 <= r < n: puts x where such a quotient makes the sum smaller, so the sum only shrinks. False if
 * there is none. */
static bool relax_term(DimTable *table, const Sum *sum, uint32_t at, Sum *result) {
  Dim      factors[LARGEST_PRODUCT], others, x;
  uint32_t count = dim_factors(table, sum->terms[at].product, factors), found = count;
  bool     is_positive = true;
  for (uint32_t i = 0; i < count; i++) {
    const DimNode *node = dim_node(table, factors[i]);
    const DimNode *divisor = dim_node(table, node->b);
    bool           is_quotient = node->op == DIM_OP_FLOORDIV && divisor->op == DIM_OP_CONSTANT && divisor->value > 0;
    if (found == count && is_quotient) found = i;
    else is_positive &= node->lo >= 0;
  }
  if (found == count || !is_positive || sum->terms[at].coefficient >= 0) return false;
  const DimNode *quotient = dim_node(table, factors[found]);
  Sum            numerator;
  dim_sum_load(table, quotient->a, &numerator);
  numerator.constant -= floor_rest(numerator.constant, dim_node(table, quotient->b)->value);
  if (!dim_sum_build(table, &numerator, &x) || dim_lo(table, x) < 0) return false;
  for (uint32_t i = found + 1; i < count; i++) factors[i - 1] = factors[i];
  if (!build_product(table, factors, count - 1, &others)) return false;
  Term term = {sum->terms[at].coefficient, others};
  *result = *sum;
  remove_term(result, at);
  return add_multiple(table, result, term, &numerator);
}

/* dim >= 0, as far as its range or that of what it is relaxed to proves it. */
static bool not_negative(DimTable *table, Dim dim) {
  Sum sum, relaxed;
  if (dim_lo(table, dim) >= 0) return true;
  dim_sum_load(table, dim, &sum);
  for (uint32_t at = 0, steps = 0; at < sum.count && steps < LARGEST_RELAXATION; at++) {
    if (!relax_term(table, &sum, at, &relaxed)) continue;
    if (!dim_sum_build(table, &relaxed, &dim)) return false;
    if (dim_lo(table, dim) >= 0) return true;
    dim_sum_load(table, dim, &sum);
    at = UINT32_MAX; /* from the start */
    steps++;
  }
  return false;
}

/* a <= b, as far as ranges, or the difference, prove it */
static bool at_most(DimTable *table, Dim a, Dim b) {
  Dim difference;
  if (a == b || dim_hi(table, a) <= dim_lo(table, b)) return true;
  return dim_combine(table, b, a, -1, &difference) && not_negative(table, difference);
}

typedef struct Choice {
  DimOp    op;
  uint32_t count;
  Dim      member[LARGEST_CHOICE]; /* sorted */
} Choice;

/* Adds a member unless another makes it useless, and drops those it makes useless. */
static bool add_member(DimTable *table, Choice *choice, Dim dim) {
  bool     is_min = choice->op == DIM_OP_MIN;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < choice->count; i++) {
    Dim other = choice->member[i];
    if (is_min ? at_most(table, other, dim) : at_most(table, dim, other)) return true;
  }
  for (uint32_t i = 0; i < choice->count; i++) {
    Dim other = choice->member[i];
    if (!(is_min ? at_most(table, dim, other) : at_most(table, other, dim))) choice->member[kept++] = other;
  }
  if (kept == LARGEST_CHOICE) return false;
  uint32_t at = kept;
  for (; at > 0 && dim_compare(table, choice->member[at - 1], dim) > 0; at--) choice->member[at] = choice->member[at - 1];
  choice->member[at] = dim;
  choice->count = kept + 1;
  return true;
}

static bool add_members(DimTable *table, Choice *choice, Dim dim) {
  while (dim_node(table, dim)->op == choice->op) {
    Dim rest = dim_node(table, dim)->a;
    if (!add_member(table, choice, dim_node(table, dim)->b)) return false;
    dim = rest;
  }
  return add_member(table, choice, dim);
}

static bool choose(DimTable *table, DimOp op, Dim a, Dim b, Dim *result) {
  Choice choice = {.op = op};
  if (!add_members(table, &choice, a) || !add_members(table, &choice, b)) return false;
  *result = choice.member[0];
  for (uint32_t i = 1; i < choice.count; i++)
    if (!dim_intern(table, op, *result, choice.member[i], 0, result)) return false;
  *result = dim_settle(table, *result);
  return true;
}

/* ---- constructors ---- */

/* Common beginning: operands with a range of one value become constants. False if the result is unknown. */
static bool prepare(DimTable *table, Dim *a, Dim *b) {
  if (*a == DIM_UNKNOWN || *b == DIM_UNKNOWN) return false;
  *a = dim_settle(table, *a);
  *b = dim_settle(table, *b);
  return true;
}

static Dim checked(DimTable *table, bool fits, Dim result) {
  if (!fits) dim_overflow(table);
  return result;
}

static bool equals_zero(const DimTable *table, Dim dim) {
  int64_t value;
  return dim_is_constant(table, dim, &value) && value == 0;
}

Dim dim_add(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (!prepare(table, &a, &b)) return DIM_UNKNOWN;
  bool fits = dim_combine(table, a, b, 1, &result);
  return checked(table, fits, result);
}

Dim dim_sub(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (!prepare(table, &a, &b)) return DIM_UNKNOWN;
  int64_t left, right, difference;
  if (dim_is_constant(table, a, &left) && dim_is_constant(table, b, &right) && checked_sub_i64(left, right, &difference))
    return dim_constant(table, difference);
  bool fits = dim_combine(table, a, b, -1, &result);
  return checked(table, fits, result);
}

Dim dim_mul(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (equals_zero(table, a) || equals_zero(table, b)) return dim_constant(table, 0);
  if (!prepare(table, &a, &b)) return DIM_UNKNOWN;
  bool fits = multiply(table, a, b, &result);
  return checked(table, fits, result);
}

Dim dim_floordiv(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (!prepare(table, &a, &b) || equals_zero(table, b)) return DIM_UNKNOWN;
  bool fits = floordiv(table, a, b, &result);
  return checked(table, fits, result);
}

/* floordiv(a + b - 1, b) for positive b, else -floordiv(-a, b) */
Dim dim_ceildiv(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (!prepare(table, &a, &b) || equals_zero(table, b)) return DIM_UNKNOWN;
  if (divide_exactly(table, a, b, &result)) return result;
  Dim zero = dim_constant(table, 0), one = dim_constant(table, 1);
  if (dim_lo(table, b) < 0) return dim_sub(table, zero, dim_floordiv(table, dim_sub(table, zero, a), b));
  return dim_add(table, dim_floordiv(table, dim_sub(table, a, one), b), one);
}

Dim dim_mod(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (!prepare(table, &a, &b) || equals_zero(table, b)) return DIM_UNKNOWN;
  if (dim_hi(table, b) < 0) return dim_sub(table, a, dim_mul(table, b, dim_floordiv(table, a, b)));
  bool fits = mod(table, a, b, &result);
  return checked(table, fits, result);
}

Dim dim_min(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (!prepare(table, &a, &b)) return DIM_UNKNOWN;
  bool fits = choose(table, DIM_OP_MIN, a, b, &result);
  return checked(table, fits, result);
}

Dim dim_max(DimTable *table, Dim a, Dim b) {
  Dim result = DIM_UNKNOWN;
  if (!prepare(table, &a, &b)) return DIM_UNKNOWN;
  bool fits = choose(table, DIM_OP_MAX, a, b, &result);
  return checked(table, fits, result);
}

Dim dim_product(DimTable *table, const Dim *dims, uint32_t count) {
  Dim result = dim_constant(table, 1);
  for (uint32_t i = 0; i < count; i++) result = dim_mul(table, result, dims[i]);
  return result;
}
