/* A convolution with a kernel of one element at stride 1 looks at each pixel alone, and so do element-wise nodes: where one row of an image ends and
 * the next begins does not matter to them. Seen as one row, images have no remainders at the end of each row, and any width does for vectors. */
#include "codegen/images.h"
#include "compiler/ops/window.h"

/* Operand of a convolution that holds its weights; 0: no convolution. Its operands other than the first are no images. */
static uint32_t weights_operand(Op op) { return op == OP_Conv || op == OP_ConvInteger ? 1 : op == OP_QLinearConv ? 3 : 0; }

/* The size of the images of a pointwise convolution, if they have more than one row. */
static bool pointwise_size(Module *module, NodeId id, Dim *height, Dim *width) {
  const Node *node = node_at(module, id);
  uint32_t    weights = weights_operand(node->op);
  WindowPlan  plan;
  Infer       infer = {module, id, false};
  int64_t     value;
  if (!weights) return false;
  const Value *x = value_at(module, node->inputs[0]), *w = value_at(module, node->inputs[weights]);
  if (x->rank != 4 || w->rank != 4 || !window_plan(&infer, w->dims + 2, false, &plan)) return false;
  for (uint32_t at = 0; at < 2; at++) {
    const WindowAxis *axis = &plan.axis[at];
    bool one = dim_is_constant(&module->dims, axis->kernel, &value) && value == 1;
    bool bare = dim_is_constant(&module->dims, axis->pad_begin, &value) && value == 0;
    if (!one || !bare || axis->stride != 1 || axis->input != axis->output) return false;
  }
  *height = x->dims[2];
  *width = x->dims[3];
  return !dim_is_constant(&module->dims, *height, &value) || value > 1;
}

/* An image of that size, or one that is the same at every pixel: last dims 1, or none. */
static bool fits(const Module *module, const Value *value, const ImageRows *rows, bool *is_image) {
  int64_t extent;
  *is_image = value->rank == 4 && value->dims[2] == rows->height && value->dims[3] == rows->width;
  if (*is_image) return true;
  for (uint32_t axis = value->rank > 2 ? value->rank - 2 : 0; axis < value->rank; axis++)
    if (!dim_is_constant(&module->dims, value->dims[axis], &extent) || extent != 1) return false;
  return true;
}

static bool collect(const Module *module, Arena *arena, ValueId id, ImageRows *rows) {
  bool is_image;
  if (!id) return true;
  if (!fits(module, value_at(module, id), rows, &is_image)) return false;
  for (uint32_t at = 0; is_image && at < rows->values.count; at++) is_image = rows->values.data[at] != id;
  if (is_image) vector_push(arena, &rows->values, id);
  return true;
}

static bool collect_group(const Module *module, Arena *arena, const Group *group, ImageRows *rows) {
  for (uint32_t at = 0; at < group->count; at++) {
    const Node *node = node_at(module, group->nodes[at]);
    bool        anchor = group->nodes[at] == group->anchor;
    if (!anchor && op_info(node->op)->kind != KIND_ELEMENTWISE) return false;
    for (uint32_t operand = 0; operand < (anchor ? 1 : node->input_count); operand++)
      if (!collect(module, arena, node->inputs[operand], rows)) return false;
    for (uint32_t result = 0; result < node->output_count; result++)
      if (!collect(module, arena, node->outputs[result], rows)) return false;
  }
  return true;
}

static void set_dims(Module *module, const ImageRows *rows, Dim height, Dim width) {
  for (uint32_t at = 0; at < rows->values.count; at++) {
    Value *value = value_at(module, rows->values.data[at]);
    value->dims[2] = height;
    value->dims[3] = width;
  }
}

void images_to_rows(Module *module, Arena *arena, const Group *group, ImageRows *rows) {
  *rows = (ImageRows){0};
  if (!group->anchor || !pointwise_size(module, group->anchor, &rows->height, &rows->width)) return;
  if (!collect_group(module, arena, group, rows)) rows->values.count = 0;
  set_dims(module, rows, dim_constant(&module->dims, 1), dim_mul(&module->dims, rows->height, rows->width));
}

void images_from_rows(Module *module, const ImageRows *rows) { set_dims(module, rows, rows->height, rows->width); }
