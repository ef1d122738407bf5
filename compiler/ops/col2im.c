/* Col2Im: the sum, for each pixel of an image, of the elements of all blocks that cover it. */
#include "compiler/ops/movement.h"

void infer_col2im(Infer *infer);
Expr point_col2im(Meaning *m, uint32_t result, const Expr *index);

/* ONNX Col2Im-18. */
void infer_col2im(Infer *infer) {
  DimTable *table = infer_table(infer);
  uint32_t axes, blocks, count;
  Dim dims[MAX_RANK];
  if (!infer_length(infer, 1, &axes) || !infer_length(infer, 2, &blocks)) return;
  if (infer_rank(infer, 0) != 3 || axes != blocks || !axes || axes + 2 > MAX_RANK) {
    infer_error(infer, CODE_RANK, NULL, "the operand must have rank 3, and image_shape and block_shape as many entries (%u, %u)", axes, blocks);
    return;
  }
  static const char *const lists[] = {"strides", "dilations", "pads"};
  for (uint32_t list = 0; list < 3; list++)
    if (infer_ints(infer, lists[list], &count) && count != axes * (list == 2 ? 2 : 1))
      infer_error(infer, CODE_SHAPE, NULL, "%s has %u entries for %u axes", lists[list], count, axes);
  if (infer->failed) return;
  const Dim *image = infer_known(infer, 1, &count), *block = infer_known(infer, 2, &count);
  dims[0] = infer_dim(infer, 0, 0);
  dims[1] = block ? dim_floordiv(table, infer_dim(infer, 0, 1), dim_product(table, block, axes)) : DIM_UNKNOWN;
  for (uint32_t axis = 0; axis < axes; axis++) dims[axis + 2] = image ? image[axis] : DIM_UNKNOWN;
  if (image && block) infer_set(infer, 0, axes + 2, dims);
  else infer_set_partly(infer, 0, axes + 2, dims);
}

/* One spatial axis: its blocks and where they lie. */
typedef struct BlockAxis { Expr block, stride, dilation, before, count; } BlockAxis;

static Expr entry(Meaning *m, const char *attribute, uint32_t at, int64_t otherwise) {
  uint32_t count;
  const int64_t *list = meaning_ints(m, attribute, &count);
  return expr_index(m, list ? list[at] : otherwise);
}

static BlockAxis block_axis(Meaning *m, uint32_t axis, uint32_t axes) {
  Expr one = expr_index(m, 1), zero = expr_index(m, 0);
  BlockAxis at = {.block = movement_integer(m, 2, axis), .stride = entry(m, "strides", axis, 1), .dilation = entry(m, "dilations", axis, 1),
                  .before = entry(m, "pads", axis, 0)};
  at.block = expr_let(m, "block", expr_max(m, expr_min(m, at.block, meaning_extent(m, 0, 1)), one)); /* no loop is longer than the operand */
  Expr padded = expr_add(m, meaning_result_extent(m, 0, axis + 2), expr_add(m, at.before, entry(m, "pads", axes + axis, 0)));
  Expr reach = expr_add(m, expr_mul(m, at.dilation, expr_sub(m, at.block, one)), one);
  Expr room = expr_sub(m, padded, reach);
  at.count = expr_let(m, "count", expr_select(m, expr_ge(m, room, zero), expr_add(m, expr_div(m, expr_max(m, room, zero), at.stride), one), zero));
  return at;
}

/* Run-time operands against the operand's and the result's dims. */
static void check_blocks(Meaning *m, const Expr *index, uint32_t axes, Expr elements, Expr blocks) {
  Expr bad = expr_ne(m, expr_mul(m, elements, meaning_result_extent(m, 0, 1)), meaning_extent(m, 0, 1));
  bad = expr_or(m, bad, expr_ne(m, blocks, meaning_extent(m, 0, 2)));
  for (uint32_t axis = 0; axis < axes; axis++) bad = expr_or(m, bad, expr_ne(m, movement_integer(m, 1, axis), meaning_result_extent(m, 0, axis + 2)));
  movement_check(m, 0, index, bad);
}

Expr point_col2im(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t axes = meaning_result_rank(m, 0) - 2;
  BlockAxis at[MAX_RANK];
  Expr zero = expr_index(m, 0), one = expr_index(m, 1), elements = one, blocks = one;
  for (uint32_t axis = 0; axis < axes; axis++) {
    at[axis] = block_axis(m, axis, axes);
    elements = expr_let(m, "elements", expr_mul(m, elements, at[axis].block));
    blocks = expr_let(m, "blocks", expr_mul(m, blocks, at[axis].count));
  }
  check_blocks(m, index, axes, elements, blocks);
  Expr sum = build_var(m->builder, "sum", expr_number(m, meaning_compute(m, 0), 0)), element = zero, block = zero;
  for (uint32_t axis = 0; axis < axes; axis++) { /* the block that has element k of this axis on the pixel, if any */
    Expr k = build_for(m->builder, "k", zero, at[axis].block);
    Expr start = expr_let(m, "start", expr_sub(m, expr_add(m, index[axis + 2], at[axis].before), expr_mul(m, k, at[axis].dilation)));
    Expr which = expr_let(m, "which", expr_div(m, expr_max(m, start, zero), at[axis].stride));
    Expr covers = expr_and(m, expr_ge(m, start, zero), expr_eq(m, expr_mul(m, which, at[axis].stride), start));
    build_if(m->builder, expr_and(m, covers, expr_lt(m, which, at[axis].count)));
    element = expr_add(m, expr_mul(m, element, at[axis].block), k);
    block = expr_add(m, expr_mul(m, block, at[axis].count), which);
  }
  Expr row = expr_let(m, "row", expr_add(m, expr_mul(m, index[1], elements), element)), column = expr_let(m, "column", block);
  Expr inside = expr_and(m, expr_lt(m, row, meaning_extent(m, 0, 1)), expr_lt(m, column, meaning_extent(m, 0, 2)));
  Expr value = movement_read_if(m, 0, inside, (Expr[]){index[0], row, column}, expr_number(m, meaning_compute(m, 0), 0));
  build_set(m->builder, sum, expr_add(m, sum, value));
  for (uint32_t axis = 0; axis < 2 * axes; axis++) build_end(m->builder);
  return sum;
}
